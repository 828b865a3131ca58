"""Any table of videos as a data set."""

from pathlib import Path

import pytest
import torch

import vidgauge.datasets
from vidgauge.datasets import ClipRule, write_video
from vidgauge.datasets.data_set import DataSet
from vidgauge.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.mkv", "sub/a clip.mkv", "frames"):
        write_video(tmp_path / name, torch.zeros(3, 8, 8, 3, dtype=torch.uint8), 8)
    return tmp_path


def opened(root: Path, split: str | None = None, clip: ClipRule | None = None) -> DataSet:
    data = vidgauge.datasets.open("manifest", root=root, split=split, clip=clip)
    assert isinstance(data, DataSet)
    return data


def test_files_labels_captions_and_splits(folder: Path) -> None:
    (folder / "manifest.csv").write_text(
        "\ufefffile,label,caption,split\r\n"
        'sub/a clip.mkv,run,"a man, running",test\r\nb.mkv,jump,,train\r\nframes,,"x\ny",test\r\n',
        newline="",
    )
    samples = list(opened(folder))
    assert [(sample.id, sample.label, sample.caption) for sample in samples] == [
        ("sub/a clip.mkv", 1, "a man, running"),
        ("b.mkv", 0, None),
        ("frames", None, "x\ny"),
    ]
    data = opened(folder / "manifest.csv", "test", ClipRule(frames=2))
    assert data.classes == ["jump", "run"]  # of the whole table: a class has one number in all splits
    assert [(sample.id, sample.label) for sample in data.iterate(workers=0)] == [
        ("sub/a clip.mkv#0", 1),
        ("frames#0", None),
    ]
    with pytest.raises(UsageError, match=r"manifest\.csv: has no split 'tets'; did you mean 'test'"):
        opened(folder, "tets")


def test_what_sampling_writes_is_read(folder: Path) -> None:
    lines = ['{"file": "b.mkv", "prompt": "a blur", "seed": 3}', '{"file": "frames", "prompt": "a dot", "seed": 4}']
    (folder / "manifest.jsonl").write_text("\n".join(lines))
    assert [(entry.id, entry.captions) for entry in opened(folder).entries] == [
        ("b.mkv", ("a blur",)),
        ("frames", ("a dot",)),
    ]


def test_only_a_column_for_files_is_needed_and_paths_may_be_absolute(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    table = tmp_path_factory.mktemp("elsewhere") / "my videos.csv"
    table.write_text(f"Path\n{folder / 'b.mkv'}\n")
    assert [entry.path for entry in opened(table).entries] == [folder / "b.mkv"]


def test_absent_files_are_failures(folder: Path) -> None:
    (folder / "manifest.csv").write_text("file\nb.mkv\ngone.mkv\n")
    with pytest.warns(UserWarning, match=r": 1 of the videos \(gone\.mkv\): not on disk"):
        data = opened(folder)
    with pytest.warns(UserWarning, match=r"gone\.mkv .*failed"):
        assert len(list(data.iterate(workers=0))) == 1
    assert [failure.id for failure in data.failures] == ["gone.mkv"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name\nb.mkv\n", r"row 1 has no file or filename or path or video \(its columns: name\)"),
        ("file\nb.mkv\nb.mkv\n", r"b\.mkv has two rows"),
        ("file\nc.mkv\n", r"none of its 1 files is there; they count from"),
        ("file\n", r"none of its 0 files is there"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(folder: Path, text: str, reason: str) -> None:
    (folder / "manifest.csv").write_text(text)
    with pytest.raises(UsageError, match=rf"manifest\.csv: {reason}"):
        opened(folder)


def test_a_folder_needs_one_table(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"needs one of manifest\.csv, manifest\.jsonl, manifest\.json; it has 0"):
        opened(folder)
    for name in ("manifest.csv", "manifest.json"):
        (folder / name).write_text("file\nb.mkv\n")
    with pytest.raises(UsageError, match="it has 2 of them"):
        opened(folder)
    with pytest.raises(UsageError, match="needs root="):
        vidgauge.datasets.open("manifest")
