"""Data sets by name: samples with labels and captions, the same every time."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import vidgauge.datasets
from vidgauge.datasets import SOURCES, ClipRule, VideoError, read_video, write_video
from vidgauge.datasets.data_set import DataSet
from vidgauge.datasets.opening import find_data_set
from vidgauge.errors import UsageError

Pattern = Callable[..., torch.Tensor]


@pytest.fixture
def root(tmp_path: Path, pattern: Pattern) -> Path:
    for number, name in enumerate(["train/Run/a.mkv", "train/Jump/b.mkv", "train/Run/c.npy", "test/d.mkv"]):
        write_video(tmp_path / name, pattern(6 + number, 8, 8), 5)
    (tmp_path / "test" / "captions.csv").write_text("file,caption\nd,a blur slides to the right\n")
    return tmp_path


def test_a_folder_gives_whole_videos_with_labels(root: Path) -> None:
    samples = list(vidgauge.datasets.open("folder", root=root, split="train"))
    assert [(sample.id, sample.label, sample.caption) for sample in samples] == [
        ("Jump/b.mkv", 0, None),
        ("Run/a.mkv", 1, None),
        ("Run/c.npy", 1, None),
    ]
    assert torch.equal(samples[0].frames_thwc, read_video(root / "train/Jump/b.mkv").frames_thwc)
    assert samples[0].fps == 5


def test_captions_beside_the_videos_are_found(root: Path) -> None:
    (sample,) = vidgauge.datasets.open("folder", root=root / "test")
    assert (sample.id, sample.label, sample.caption) == ("d.mkv", None, "a blur slides to the right")


def test_two_caption_files_are_one_too_many(root: Path) -> None:
    (root / "test" / "prompts.csv").write_text("file,prompt\nd,a blur\n")
    with pytest.raises(UsageError, match=r"captions\.csv and prompts\.csv"):
        vidgauge.datasets.open("folder", root=root / "test")


def test_clips_are_cut_and_short_videos_listed(root: Path) -> None:
    folder = vidgauge.datasets.open("folder", root=root, split="train", clip=ClipRule(frames=7, offset="all"))
    assert isinstance(folder, DataSet)
    assert len(folder) == 3
    for _ in range(2):  # it can be iterated again
        with pytest.warns(UserWarning, match=r"train: 1 of the videos \(Run/a.mkv \(has 6 frames.* failed"):
            assert [sample.id for sample in folder] == ["Jump/b.mkv#0", "Run/c.npy#0"]
        assert [failure.id for failure in folder.failures] == ["Run/a.mkv"]
    with pytest.raises(VideoError, match="has 6 frames"):
        list(vidgauge.datasets.open("folder", root=root, split="train", clip=ClipRule(frames=7, short="fail")))


@pytest.mark.parametrize("clip", [None, ClipRule(frames=2)])
def test_a_broken_video_is_never_left_out_in_silence(root: Path, clip: ClipRule | None) -> None:
    (root / "train" / "Run" / "broken.mp4").write_bytes(b"")
    folder = vidgauge.datasets.open("folder", root=root, split="train", clip=clip)
    assert isinstance(folder, DataSet)
    with pytest.warns(UserWarning, match=r"broken\.mp4 \(is empty.*\) failed; see failures"):
        assert len(list(folder)) == 3
    assert [failure.id for failure in folder.failures] == ["Run/broken.mp4"]
    with pytest.raises(VideoError, match=r"broken\.mp4"):
        list(folder.iterate(strict=True))


def test_wrong_names_are_named(root: Path) -> None:
    with pytest.raises(UsageError, match=r"did you mean 'moving-shapes'"):
        vidgauge.datasets.open("moving-shape")
    with pytest.raises(UsageError, match="needs root="):
        vidgauge.datasets.open("folder")
    with pytest.raises(UsageError, match="has no split 'validation'"):
        vidgauge.datasets.open("folder", root=root, split="validation")
    with pytest.raises(UsageError, match="leave out root="):
        vidgauge.datasets.open("moving-shapes", root=root)
    with pytest.raises(UsageError, match="has no split 'tset'; did you mean 'test'"):
        vidgauge.datasets.open("moving-shapes", split="tset")


def test_moving_shapes_follow_the_clip_rule() -> None:
    def first(split: str | None, **rule: int) -> vidgauge.datasets.Sample:
        return next(iter(vidgauge.datasets.open("moving-shapes", split=split, clip=ClipRule.model_validate(rule))))

    sample = first("train", frames=9)
    assert sample.frames_thwc.shape == (9, 64, 64, 3)
    assert sample.label is not None
    assert sample.caption
    strided = first(None, frames=3, stride=4)
    assert torch.equal(strided.frames_thwc, sample.frames_thwc[::4])
    assert strided.fps == sample.fps / 4
    assert not torch.equal(first("test", frames=9).frames_thwc, sample.frames_thwc)


def test_listing_data_sets_does_not_import_torch() -> None:
    code = (
        "import sys; from vidgauge.datasets import SOURCES as s; [s[n] for n in s]; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True)
    assert {"folder", "moving-shapes"} <= set(SOURCES.names())


def test_public_names_are_there_and_no_others() -> None:
    assert {"ClipRule", "Prompt", "Sample", "Video", "open", "read_prompts", "read_video", "write_video"} <= set(
        dir(vidgauge.datasets)
    )
    with pytest.raises(AttributeError, match="no attribute 'close'"):
        _ = vidgauge.datasets.close


def test_a_data_set_is_meant_by_its_name_and_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "train" / "manifest.csv").write_text("file,split\nRun/a.mkv,x\nJump/b.mkv,y\n")
    cases: list[tuple[str | Path, list[str]]] = [
        (f"folder@{root}", ["test/d.mkv", "train/Jump/b.mkv", "train/Run/a.mkv", "train/Run/c.npy"]),
        (f"folder@{root / 'train'}", ["Jump/b.mkv", "Run/a.mkv", "Run/c.npy"]),
        (f"manifest@{root / 'train'}:y", ["Jump/b.mkv"]),
        (Path(f"manifest@{root}/train/manifest.csv:x"), ["Run/a.mkv"]),
    ]
    for given, ids in cases:
        data = find_data_set(given)
        assert data is not None
        assert [entry.id for entry in data.entries] == ids
    monkeypatch.chdir(root / "train")
    data = find_data_set("manifest@.:x")
    assert data is not None
    assert len(data) == 1


def test_what_is_no_data_set_is_a_path(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    (root / "folder@home").mkdir()
    (root / "a:b").mkdir()
    write_video(root / "a:b" / "e.mkv", torch.zeros(2, 8, 8, 3, dtype=torch.uint8), 5)
    for path in ("folder", "train", str(root), "folder@home", "me@host", "unknown@train:test"):
        assert find_data_set(path) is None
    data = find_data_set("folder@a:b")
    assert data is not None
    assert [entry.id for entry in data.entries] == ["e.mkv"]
    with pytest.raises(UsageError, match="leave out root="):
        find_data_set("moving-shapes@train")
    with pytest.raises(UsageError, match="nowhere: is no folder; ucf101 needs UCF-101/"):
        find_data_set("ucf101@nowhere:test")
