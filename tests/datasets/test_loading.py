"""Clips of many videos: every file accounted for, and the workers leave no trace in the result."""

import hashlib
import json
import math
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import vidgauge.datasets
from vidgauge.cli import run
from vidgauge.datasets import Sample, VideoError, cutting, read_video, write_video
from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.folder import Entry, list_videos
from vidgauge.datasets.loading import Clip, Failure, iterate_clips
from vidgauge.errors import UsageError
from vidgauge.store import Store

Encode = Callable[..., Path]
Pattern = Callable[..., torch.Tensor]

RULES = [
    ClipRule(frames=8, offset="first"),
    ClipRule(frames=8, offset="centre"),
    ClipRule(frames=8, offset="random", seed=3),
    ClipRule(frames=7, offset="all"),
    ClipRule(frames=4, stride=3, offset="first"),
    ClipRule(frames=4, stride=3, offset="all"),
    ClipRule(frames=16, offset="all", short="loop"),
    ClipRule(frames=16, offset="random", short="pad"),
    ClipRule(frames=6, stride=4, offset="centre", short="loop"),
    ClipRule(frames=6, stride=3, offset="sliding", step=1),
    ClipRule(frames=5, stride=2, offset="sliding", step=4),
    ClipRule(frames=3, offset="sliding", step=7),
    ClipRule(frames=12, offset="sliding", step=2, short="loop"),
    ClipRule(frames=4, fps=10, offset="all"),
    ClipRule(frames=5, fps=40, offset="sliding", step=3),
    ClipRule(seconds=0.5, fps=12.5, offset="random", short="pad"),
    ClipRule(seconds=0.7, frames=9, offset="centre", short="loop"),
    None,
]


@pytest.fixture
def folder(tmp_path: Path, encode: Encode, pattern: Pattern) -> Path:
    for number, name in enumerate(["a.mp4", "b.avi", "c.webm", "d.gif", "e.mkv", "f.mov"]):
        encode(name, pattern(9 + 5 * number))
    write_video(tmp_path / "Jump" / "g.npy", pattern(20), 8)
    write_video(tmp_path / "Jump" / "h", pattern(11), 8)
    (tmp_path / "broken.mp4").write_bytes(b"")
    truncated = encode("cut.gif")
    truncated.write_bytes(truncated.read_bytes()[:-500])
    return tmp_path


def digest(outcome: Clip | Failure) -> tuple[str, str]:
    if isinstance(outcome, Failure):
        return outcome.id, outcome.reason
    return outcome.id, hashlib.sha256(outcome.frames_thwc.numpy().tobytes()).hexdigest()


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_clips_are_what_the_rule_says_of_the_whole_video(folder: Path, rule: ClipRule | None) -> None:
    """The oracle decodes everything and indexes; the loader decodes what it needs, once, and holds a span of it."""
    expected: list[tuple[str, torch.Tensor | None]] = []
    for entry in list_videos(folder):
        try:
            video = read_video(entry.path)
        except VideoError:
            expected.append((entry.id, None))
            continue
        if rule is None:
            expected.append((entry.id, video.frames_thwc))
            continue
        if rule.fps is not None and video.timestamps.isnan().any():
            expected.append((entry.id, None))
            continue
        windows = rule.windows(video.timestamps.tolist(), entry.id)
        ids = [f"{entry.id}#{window[0]}" for window in windows]
        ids = [f"{id_}.{ids[:at].count(id_)}" if id_ in ids[:at] else id_ for at, id_ in enumerate(ids)]
        clips = [(id_, video.frames_thwc[window]) for id_, window in zip(ids, windows, strict=True)]
        expected += clips or [(entry.id, None)]
    outcomes = list(iterate_clips(list_videos(folder), rule, workers=0))
    assert [outcome.id for outcome in outcomes] == [id_ for id_, _ in expected]
    assert len({id_ for id_, _ in expected}) == len(expected)
    for outcome, (_, expected_thwc) in zip(outcomes, expected, strict=True):
        assert isinstance(outcome, Failure) == (expected_thwc is None)
        if isinstance(outcome, Clip) and expected_thwc is not None:
            assert torch.equal(outcome.frames_thwc, expected_thwc)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_workers_change_nothing(folder: Path, workers: int) -> None:
    for rule in (RULES[3], RULES[9], RULES[13], None):
        alone = [digest(outcome) for outcome in iterate_clips(list_videos(folder), rule, 0)]
        assert [digest(outcome) for outcome in iterate_clips(list_videos(folder), rule, workers)] == alone


def test_the_order_of_the_files_changes_no_clip(folder: Path) -> None:
    rule = ClipRule(frames=8, offset="random")
    forward = {digest(outcome) for outcome in iterate_clips(list_videos(folder), rule, 0)}
    backward = {digest(outcome) for outcome in iterate_clips(list_videos(folder)[::-1], rule, 0)}
    assert forward == backward


def test_a_file_answers_with_clips_or_with_one_failure(folder: Path) -> None:
    outcomes = list(iterate_clips(list_videos(folder), ClipRule(frames=10, offset="all"), 0))
    failures = {outcome.id: outcome for outcome in outcomes if isinstance(outcome, Failure)}
    assert set(failures) == {"a.mp4", "broken.mp4", "cut.gif"}
    assert failures["a.mp4"] == Failure("a.mp4", "has 9 frames, but a clip spans 10", too_short=True)
    assert failures["broken.mp4"].reason.startswith("is empty")
    assert failures["cut.gif"].reason.startswith("is truncated")
    clips = [outcome for outcome in outcomes if isinstance(outcome, Clip)]
    assert not {clip.entry.id for clip in clips} & set(failures)
    assert {clip.entry.id for clip in clips} | set(failures) == {entry.id for entry in list_videos(folder)}
    assert {clip.entry.label for clip in clips} == {None, "Jump"}


@pytest.mark.parametrize("workers", [0, 2])
def test_strict_raises_in_its_turn(folder: Path, workers: int) -> None:
    outcomes = iterate_clips(list_videos(folder), ClipRule(frames=8), workers, strict=True)
    assert [next(outcomes).id for _ in range(4)] == ["Jump/g.npy#0", "Jump/h#0", "a.mp4#0", "b.avi#0"]
    with pytest.raises(VideoError, match=r"broken\.mp4: is empty"):
        next(outcomes)


def test_short_videos_fail_where_the_rule_says_so(folder: Path) -> None:
    (entry,) = list_videos(folder / "a.mp4")
    with pytest.raises(VideoError, match="has 9 frames, but a clip spans 10"):
        list(iterate_clips([entry], ClipRule(frames=10, short="fail"), 0))


def test_the_clips_rate_is_the_videos_divided_by_the_stride(folder: Path) -> None:
    (entry,) = list_videos(folder / "f.mov")
    (clip,) = iterate_clips([entry], ClipRule(frames=3, stride=5), 0)
    assert isinstance(clip, Clip)
    assert clip.fps == 5.0
    (clip,) = iterate_clips([entry], ClipRule(frames=3, fps=7.5), 0)
    assert isinstance(clip, Clip)
    assert clip.fps == 7.5


@pytest.mark.parametrize("name", ["Jump/g.npy", "Jump/h"])
def test_a_rule_in_time_needs_a_file_that_knows_times(folder: Path, name: str) -> None:
    (outcome,) = iterate_clips(list_videos(folder / name), ClipRule(frames=3, fps=8), 0)
    assert isinstance(outcome, Failure)
    assert outcome.reason.startswith("knows no times")
    assert not outcome.too_short


def test_short_in_time_is_said_in_time(folder: Path) -> None:
    (outcome,) = iterate_clips(list_videos(folder / "a.mp4"), ClipRule(frames=8, fps=10), 0)
    assert outcome == Failure("a.mp4", "has 4 frames at 10 per second, but a clip takes 8", too_short=True)


def test_whole_videos_keep_their_rate_and_name(folder: Path) -> None:
    (clip,) = iterate_clips(list_videos(folder / "a.mp4"), None, 0)
    assert isinstance(clip, Clip)
    assert (clip.id, clip.start, clip.fps, len(clip.frames_thwc)) == ("a.mp4", 0, 25.0, 9)
    (clip,) = iterate_clips(list_videos(folder / "Jump" / "h"), None, 0)
    assert isinstance(clip, Clip)
    assert math.isnan(clip.fps)


@pytest.mark.parametrize("workers", [0, 1])
def test_one_corrupt_frame_in_the_middle_costs_the_clips_that_need_it(
    tmp_path: Path, pattern: Pattern, workers: int
) -> None:
    path, frames_thwc = tmp_path / "video", pattern(20)
    write_video(path, frames_thwc, 8)
    broken = path / "000009.png"
    broken.write_bytes(broken.read_bytes()[:-100])
    *clips, failure = iterate_clips(list_videos(path), ClipRule(frames=4, offset="all"), workers)
    assert isinstance(failure, Failure)
    assert failure.reason.startswith("000009.png: ")
    assert failure.reason.endswith(" (after 2 clips, which are whole)")
    assert [clip.id for clip in clips] == ["video#0", "video#4"]
    for clip in clips:
        assert isinstance(clip, Clip)
        assert torch.equal(clip.frames_thwc, frames_thwc[clip.start : clip.start + 4])
    (outcome,) = iterate_clips(list_videos(path), ClipRule(frames=4), workers)
    assert isinstance(outcome, Clip)
    (outcome,) = iterate_clips(list_videos(path), None, workers)
    assert isinstance(outcome, Failure)


def test_stopping_early_leaves_no_threads(folder: Path) -> None:
    before = threading.active_count()
    outcomes = iterate_clips(list_videos(folder), ClipRule(frames=1, offset="all"), workers=2)
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]  # a generator, promised as no more than an iterator
    assert threading.active_count() == before


LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\nsize 12345\n"


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("rule", [ClipRule(frames=4), ClipRule(frames=4, fps=8), None], ids=repr)
def test_whatever_lies_in_a_folder_is_accounted_for(
    folder: Path, tmp_path: Path, rule: ClipRule | None, workers: int
) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "empty.mp4").write_bytes(b"")
    (bad / "zeros.avi").write_bytes(bytes(10_000))
    (bad / "pointer.webm").write_bytes(LFS_POINTER)
    (bad / "text.mkv").write_text("no video, but a few words" * 100)
    (bad / "gif.npz").write_bytes((folder / "d.gif").read_bytes())
    (bad / "array.mov").write_bytes((folder / "Jump" / "g.npy").read_bytes())
    (bad / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (bad / "folder.mp4").mkdir()
    (bad / "frames").mkdir()
    (bad / "frames" / "0.png").write_bytes((folder / "Jump" / "h" / "000000.png").read_bytes())
    (bad / "frames" / "1.png").write_bytes(b"")
    (bad / "swapped.gif").write_bytes((folder / "f.mov").read_bytes())  # its content is known by itself, and read
    entries = [*list_videos(bad), Entry("given.mp4", str(bad / "folder.mp4"))]
    outcomes = list(iterate_clips(entries, rule, workers))
    assert [outcome.id.partition("#")[0] for outcome in outcomes] == [entry.id for entry in entries]
    clips = [outcome.id for outcome in outcomes if isinstance(outcome, Clip)]
    assert [id_.partition("#")[0] for id_ in clips] == ["swapped.gif"]
    reasons = {outcome.id: outcome.reason for outcome in outcomes if isinstance(outcome, Failure)}
    assert all("\n" not in reason and str(tmp_path) not in reason for reason in reasons.values())
    assert "git lfs pull" in reasons["pointer.webm"]
    if rule is None:
        assert reasons["frames"].startswith("1.png: is empty")


@pytest.mark.skipif(os.name != "posix", reason="names that are bytes need POSIX")
@pytest.mark.parametrize("workers", [0, 1])
def test_odd_names_are_names(folder: Path, tmp_path: Path, workers: int) -> None:
    odd = tmp_path / "odd"
    odd.mkdir()
    names = [b"two\nlines.mp4", b"quo\"te's.mp4", b" spaces .mp4", b"caf\xe9.mp4", "ü視.mp4".encode(), b"a:b%d#1.mp4"]
    for name in names:
        try:
            Path(os.fsdecode(os.fsencode(odd) + b"/" + name)).write_bytes((folder / "a.mp4").read_bytes())
        except OSError:  # a file system that takes no such name
            names = [other for other in names if other != name]
    outcomes = list(iterate_clips(list_videos(odd), ClipRule(frames=4), workers))
    assert len(outcomes) == len(names) >= 5
    assert all(isinstance(outcome, Clip) for outcome in outcomes)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is unreadable to root")
def test_what_may_not_be_read_is_named(folder: Path) -> None:
    (folder / "a.mp4").chmod(0)
    (outcome,) = iterate_clips([Entry("a.mp4", str(folder / "a.mp4"))], ClipRule(frames=4), 1)
    assert isinstance(outcome, Failure)
    assert "ermission denied" in outcome.reason


def test_a_clip_that_memory_cannot_hold_is_a_failure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "_most_bytes", lambda: 100_000)
    outcomes = list(iterate_clips(list_videos(folder / "f.mov"), ClipRule(frames=11), 1))
    assert [type(outcome) for outcome in outcomes] == [Failure]
    assert isinstance(outcomes[0], Failure)
    assert "not enough memory" in outcomes[0].reason
    (outcome,) = iterate_clips(list_videos(folder / "f.mov"), ClipRule(frames=10), 1)
    assert isinstance(outcome, Clip)


def test_the_number_of_workers_is_checked_at_once(folder: Path) -> None:
    with pytest.raises(UsageError, match="workers is -1"):
        iterate_clips(list_videos(folder), ClipRule(), workers=-1)


@pytest.mark.parametrize(("frames", "fps"), [(1, 8), (16, 8), (5, 3), (5, 12.5), (16, 24), (3, 50)])
def test_what_is_drawn_follows_rules_in_time(fps: float, frames: int) -> None:
    def first(**rule: float) -> Sample:
        return next(iter(vidgauge.datasets.open("moving-shapes", clip=ClipRule.model_validate(rule))))

    drawn, whole_thwc = first(frames=frames, fps=fps), first(frames=80).frames_thwc
    assert drawn.fps == fps
    shown = [math.floor(8 * tick / fps + 1e-9) for tick in range(frames)]
    assert torch.equal(drawn.frames_thwc, whole_thwc[shown])


@pytest.mark.skipif(os.name != "posix", reason="names that are bytes need POSIX")
def test_scores_name_files_of_any_name(tmp_path: Path, pattern: Pattern, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where one of them cannot be read; clips are taken in time."""
    made = Path(os.fsdecode(os.fsencode(tmp_path) + b"/mad\xe9"))
    try:
        made.mkdir()
    except OSError:
        pytest.skip("this file system takes no such name")
    for number, name in enumerate(["a\nb.mkv", "q'\".mkv", os.fsdecode(b"caf\xe9.mkv")]):
        write_video(made / name, pattern(24).roll(number, dims=0), 16)
        write_video(tmp_path / "real" / f"{number}.mkv", pattern(24).roll(-number, dims=0), 16)
    (made / os.fsdecode(b"cut\xff.mp4")).write_bytes(bytes(1000))
    (made / "empty \n.gif").write_bytes(b"")
    store = str(tmp_path / "s.sqlite")
    told = ["score", "--real", str(tmp_path / "real"), "--generated", str(made), "--store", store, "--json"]
    assert run([*told, "--protocol", "fvd.shapes", "--seconds", "1", "--clips", "sliding", "--step", "4"]) == 0
    (printed,) = json.loads(capsys.readouterr().out)
    assert printed["protocol"]["name"] == "fvd.shapes[offset=sliding,step=4,seconds=1.0]"
    assert printed["subject"]["name"] == "mad\\xe9"
    assert (printed["n"], printed["details"]["n_real"], printed["n_failed"]) == (9, 9, 2)
    assert [failed["file"] for failed in printed["details"]["failed"]] == ["cut\\xff.mp4", "empty \\n.gif"]
    with Store(tmp_path / "s.sqlite") as records:
        assert [record.model_dump(mode="json") for record in records] == [printed]
