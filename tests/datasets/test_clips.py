"""The clip rule, as properties that hold for every video length and every rule."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vidgauge.datasets.clips import ClipRule

lengths = st.integers(0, 200)
rules = st.builds(
    ClipRule,
    frames=st.integers(1, 24),
    stride=st.integers(1, 5),
    offset=st.sampled_from(["first", "centre", "random", "all"]),
    seed=st.integers(0, 3),
    short=st.sampled_from(["skip", "loop", "pad", "fail"]),
)


@given(rules, lengths, st.text(max_size=8))
def test_windows_lie_inside_the_video_and_have_the_right_size(rule: ClipRule, n_frames: int, id_: str) -> None:
    for window in rule.windows(n_frames, id_):
        assert len(window) == rule.frames
        assert all(0 <= index < n_frames for index in window)


@given(rules, lengths, st.text(max_size=8))
def test_frames_are_a_stride_apart_where_the_video_is_long_enough(rule: ClipRule, n_frames: int, id_: str) -> None:
    if n_frames >= rule.span:
        windows = rule.windows(n_frames, id_)
        assert windows
        assert all(set(np.diff(window)) <= {rule.stride} for window in windows)


@given(rules, lengths, st.text(max_size=8))
def test_the_answer_depends_on_nothing_else(rule: ClipRule, n_frames: int, id_: str) -> None:
    first = rule.windows(n_frames, id_)
    rule.windows(n_frames + 1, id_ + "x")
    assert rule.windows(n_frames, id_) == first == ClipRule(**rule.model_dump()).windows(n_frames, id_)


@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 200))
def test_all_windows_follow_each_other_without_overlap_or_gap(frames: int, stride: int, n_frames: int) -> None:
    rule = ClipRule(frames=frames, stride=stride, offset="all")
    windows = rule.windows(n_frames, "a")
    assert [window[0] for window in windows] == [number * rule.span for number in range(n_frames // rule.span)]
    used = [index for window in windows for index in window]
    assert len(used) == len(set(used))


@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 100))
def test_the_centre_window_leaves_equal_margins(frames: int, stride: int, extra: int) -> None:
    rule = ClipRule(frames=frames, stride=stride, offset="centre")
    ((first, *_, last),) = [[*window, window[-1]] for window in rule.windows(rule.span + extra, "a")]
    assert (extra - first) - first in (0, 1)
    assert rule.span + extra - 1 - last in (first, first + 1)


def test_the_first_window_begins_at_the_start() -> None:
    assert ClipRule(frames=4, stride=3).windows(100, "a") == [[0, 3, 6, 9]]


def test_short_videos() -> None:
    def windows(short: str, n_frames: int) -> list[list[int]]:
        return ClipRule.model_validate({"frames": 5, "short": short}).windows(n_frames, "a")

    assert windows("loop", 3) == [[0, 1, 2, 0, 1]]
    assert windows("pad", 3) == [[0, 1, 2, 2, 2]]
    assert windows("skip", 3) == windows("fail", 3) == windows("pad", 0) == windows("loop", 0) == []
    assert ClipRule(frames=3, stride=2, short="loop").windows(3, "a") == [[0, 2, 1]]
    assert ClipRule(frames=3, stride=2, short="pad").windows(4, "a") == [[0, 2, 3]]


def test_random_offsets_are_pinned() -> None:
    """A change here would silently change every published number that used a random offset."""
    rule = ClipRule(frames=16, offset="random")
    assert [rule.windows(1000, id_)[0][0] for id_ in ("a.mp4", "b.mp4", "c/a.mp4")] == [476, 556, 638]


def test_random_offsets_are_uniform_and_change_with_the_seed() -> None:
    starts = [ClipRule(frames=1, offset="random").windows(10, f"{number}.mp4")[0][0] for number in range(5000)]
    counts = np.bincount(starts, minlength=10)
    assert ((counts - 500) ** 2 / 500).sum() < 27.9  # chi-square, 9 degrees of freedom, p = 0.001; the ids are fixed
    other = [ClipRule(frames=1, offset="random", seed=1).windows(10, f"{n}.mp4")[0][0] for n in range(5000)]
    assert 0.05 < np.mean(np.array(starts) == np.array(other)) < 0.15


@pytest.mark.parametrize("wrong", [{"frames": 0}, {"stride": 0}, {"offset": "middle"}, {"short": "drop"}, {"fps": 8}])
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ClipRule.model_validate(wrong)
