"""Clips of many videos: every file accounted for, and the workers leave no trace in the result."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vidgauge.datasets import VideoError, loading, read_video, write_video
from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.folder import list_videos
from vidgauge.datasets.loading import Clip, Failure, iterate_clips
from vidgauge.errors import UsageError

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


@pytest.mark.parametrize("hold_bytes", [0, 2**27])
@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_clips_are_what_the_rule_says_of_the_whole_video(
    folder: Path, rule: ClipRule, hold_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oracle decodes everything and indexes; the loader streams, and holds small videos."""
    monkeypatch.setattr(loading, "_HOLD_BYTES", hold_bytes)
    expected: list[tuple[str, torch.Tensor | None]] = []
    for entry in list_videos(folder):
        try:
            frames_thwc = read_video(entry.path).frames_thwc
        except VideoError:
            expected.append((entry.id, None))
            continue
        windows = rule.windows(len(frames_thwc), entry.id)
        expected += [(f"{entry.id}#{window[0]}", frames_thwc[window]) for window in windows] or [(entry.id, None)]
    outcomes = list(iterate_clips(list_videos(folder), rule))
    if rule.offset == "first":  # the cut lies behind the first frames, which are whole
        outcomes = [outcome for outcome in outcomes if not outcome.id.startswith("cut.gif")]
        expected = [one for one in expected if one[0] != "cut.gif"]
    assert [outcome.id for outcome in outcomes] == [id_ for id_, _ in expected]
    for outcome, (_, expected_thwc) in zip(outcomes, expected, strict=True):
        assert isinstance(outcome, Failure) == (expected_thwc is None)
        if isinstance(outcome, Clip) and expected_thwc is not None:
            assert torch.equal(outcome.frames_thwc, expected_thwc)


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_workers_change_nothing(folder: Path, workers: int) -> None:
    for rule in RULES[1:4]:
        alone = [digest(outcome) for outcome in iterate_clips(list_videos(folder), rule)]
        assert [digest(outcome) for outcome in iterate_clips(list_videos(folder), rule, workers)] == alone


def test_the_order_of_the_files_changes_no_clip(folder: Path) -> None:
    rule = ClipRule(frames=8, offset="random")
    forward = {digest(outcome) for outcome in iterate_clips(list_videos(folder), rule)}
    backward = {digest(outcome) for outcome in iterate_clips(list_videos(folder)[::-1], rule)}
    assert forward == backward


def test_a_file_answers_with_clips_or_with_one_failure(folder: Path) -> None:
    outcomes = list(iterate_clips(list_videos(folder), ClipRule(frames=10, offset="all")))
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
        list(iterate_clips([entry], ClipRule(frames=10, short="fail")))


def test_the_clips_rate_is_the_videos_divided_by_the_stride(folder: Path) -> None:
    (entry,) = list_videos(folder / "f.mov")
    (clip,) = iterate_clips([entry], ClipRule(frames=3, stride=5))
    assert isinstance(clip, Clip)
    assert clip.fps == 5.0


def test_stopping_early_leaves_no_threads(folder: Path) -> None:
    before = threading.active_count()
    outcomes = iterate_clips(list_videos(folder), ClipRule(frames=1, offset="all"), workers=2)
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]  # a generator, promised as no more than an iterator
    assert threading.active_count() == before


def test_the_number_of_workers_is_checked_at_once(folder: Path) -> None:
    with pytest.raises(UsageError, match="workers is -1"):
        iterate_clips(list_videos(folder), ClipRule(), workers=-1)
