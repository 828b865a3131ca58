"""The clip rule, as properties that hold for every video length and every rule."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vidgauge.datasets.clips import ClipRule
from vidgauge.errors import UsageError
from vidgauge.fingerprint import fingerprint
from vidgauge.metrics.protocols import PROTOCOLS

lengths = st.integers(0, 200)
offsets = ["first", "centre", "random", "all"]
rules = st.builds(
    ClipRule,
    frames=st.integers(1, 24),
    stride=st.integers(1, 5),
    offset=st.sampled_from(offsets),
    seed=st.integers(0, 3),
    short=st.sampled_from(["skip", "loop", "pad", "fail"]),
)
sliding = st.builds(
    ClipRule,
    frames=st.integers(1, 24),
    stride=st.integers(1, 5),
    offset=st.just("sliding"),
    step=st.integers(1, 40),
    short=st.sampled_from(["skip", "loop", "pad", "fail"]),
)
gaps = st.lists(st.floats(0.005, 2.0), max_size=40)
"""Between the frames of a video of variable rate."""
timed_rules = st.builds(
    ClipRule,
    frames=st.integers(1, 24),
    fps=st.floats(0.5, 120.0),
    offset=st.sampled_from(offsets),
    seed=st.integers(0, 3),
    short=st.sampled_from(["skip", "loop", "pad", "fail"]),
)


def untimed(n_frames: int) -> list[float]:
    return [math.nan] * n_frames


def times_of(gaps: list[float], start: float = 0.0) -> list[float]:
    return [float(time) for time in start + np.cumsum([0.0, *gaps])]


@settings(deadline=None)
@given(st.one_of(rules, sliding), lengths, st.text(max_size=8))
def test_windows_lie_inside_the_video_and_have_the_right_size(rule: ClipRule, n_frames: int, id_: str) -> None:
    for window in rule.windows(untimed(n_frames), id_):
        assert len(window) == rule.frames
        assert all(0 <= index < n_frames for index in window)


@settings(deadline=None)
@given(st.one_of(rules, sliding), lengths, st.text(max_size=8))
def test_frames_are_a_stride_apart_where_the_video_is_long_enough(rule: ClipRule, n_frames: int, id_: str) -> None:
    if n_frames >= rule.span:
        windows = rule.windows(untimed(n_frames), id_)
        assert windows
        assert all(set(np.diff(window)) <= {rule.stride} for window in windows)


@settings(deadline=None)
@given(st.one_of(rules, timed_rules), st.integers(0, 200), st.text(max_size=8))
def test_the_answer_depends_on_nothing_else(rule: ClipRule, n_frames: int, id_: str) -> None:
    times = times_of([0.04] * n_frames)
    first = rule.windows(times, id_)
    rule.windows(times[1:], id_ + "x")
    assert rule.windows(times, id_) == first == ClipRule(**rule.model_dump()).windows(times, id_)
    assert ClipRule(**rule.model_dump()) == rule == ClipRule.model_validate_json(rule.model_dump_json())


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 200))
def test_all_windows_follow_each_other_without_overlap_or_gap(frames: int, stride: int, n_frames: int) -> None:
    rule = ClipRule(frames=frames, stride=stride, offset="all")
    windows = rule.windows(untimed(n_frames), "a")
    assert [window[0] for window in windows] == [number * rule.span for number in range(n_frames // rule.span)]
    used = [index for window in windows for index in window]
    assert len(used) == len(set(used))


@settings(deadline=None)
@given(sliding, st.integers(0, 200))
def test_sliding_windows_begin_a_step_apart_up_to_the_end(rule: ClipRule, n_frames: int) -> None:
    assert rule.step is not None
    if n_frames >= rule.span:
        starts = [window[0] for window in rule.windows(untimed(n_frames), "a")]
        assert starts == list(range(0, n_frames - rule.span + 1, rule.step))


def test_back_to_back_is_sliding_by_the_span() -> None:
    for stride in (1, 3):
        back_to_back = ClipRule(frames=5, stride=stride, offset="all")
        sliding_rule = ClipRule(frames=5, stride=stride, offset="sliding", step=back_to_back.span)
        assert back_to_back.windows(untimed(100), "a") == sliding_rule.windows(untimed(100), "a")


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 100))
def test_the_centre_window_leaves_equal_margins(frames: int, stride: int, extra: int) -> None:
    rule = ClipRule(frames=frames, stride=stride, offset="centre")
    ((first, *_, last),) = [[*window, window[-1]] for window in rule.windows(untimed(rule.span + extra), "a")]
    assert (extra - first) - first in (0, 1)
    assert rule.span + extra - 1 - last in (first, first + 1)


def test_the_first_window_begins_at_the_start() -> None:
    assert ClipRule(frames=4, stride=3).windows(untimed(100), "a") == [[0, 3, 6, 9]]


def test_short_videos() -> None:
    def windows(short: str, n_frames: int) -> list[list[int]]:
        return ClipRule.model_validate({"frames": 5, "short": short}).windows(untimed(n_frames), "a")

    assert windows("loop", 3) == [[0, 1, 2, 0, 1]]
    assert windows("pad", 3) == [[0, 1, 2, 2, 2]]
    assert windows("skip", 3) == windows("fail", 3) == windows("pad", 0) == windows("loop", 0) == []
    assert ClipRule(frames=3, stride=2, short="loop").windows(untimed(3), "a") == [[0, 2, 1]]
    assert ClipRule(frames=3, stride=2, short="pad").windows(untimed(4), "a") == [[0, 2, 3]]


def test_random_offsets_are_pinned() -> None:
    """A change here would silently change every published number that used a random offset."""
    rule = ClipRule(frames=16, offset="random")
    assert [rule.windows(untimed(1000), id_)[0][0] for id_ in ("a.mp4", "b.mp4", "c/a.mp4")] == [476, 556, 638]


def test_random_offsets_are_uniform_and_change_with_the_seed() -> None:
    def start(number: int, seed: int) -> int:
        return ClipRule(frames=1, offset="random", seed=seed).windows(untimed(10), f"{number}.mp4")[0][0]

    starts = [start(number, 0) for number in range(5000)]
    counts = np.bincount(starts, minlength=10)
    assert ((counts - 500) ** 2 / 500).sum() < 27.9  # chi-square, 9 degrees of freedom, p = 0.001; the ids are fixed
    other = [start(number, 1) for number in range(5000)]
    assert 0.05 < np.mean(np.array(starts) == np.array(other)) < 0.15


def shown_at(times: list[float], moment: float) -> int:
    """The brute-force oracle: the last frame whose time has come, with its successor to say how close a call it was."""
    return max(index for index, time in enumerate(times) if time <= moment)


@settings(deadline=None)
@given(timed_rules, gaps, st.floats(-2.0, 100.0))
def test_a_rule_in_time_takes_what_is_shown(rule: ClipRule, gaps: list[float], start: float) -> None:
    """At each of its ticks; a frame whose time comes within the rounding of files counts as come."""
    times = times_of(gaps, start)
    rule = rule.model_copy(update={"offset": "first", "short": "skip"})
    assert rule.fps is not None
    for window in rule.windows(times, "a"):
        assert len(window) == rule.frames
        for tick, index in enumerate(window):
            moment = times[0] + tick / rule.fps
            assert shown_at(times, moment + 1e-9) <= index <= shown_at(times, moment + 0.0026)


@settings(deadline=None)
@given(timed_rules, gaps)
def test_clips_in_time_are_as_long_as_the_video_allows(rule: ClipRule, gaps: list[float]) -> None:
    """The last frame lasts as long as most do; back to back, at most a clip's length is left over."""
    times = times_of(gaps)
    rule = rule.model_copy(update={"offset": "all", "short": "skip"})
    assert rule.fps is not None
    assert rule.seconds is not None
    length = times[-1] - times[0] + (float(np.median(gaps)) if gaps else 0.0)
    windows = rule.windows(times, "a")
    assert len(windows) * rule.seconds <= max(length + 1 / rule.fps, rule.seconds)
    assert (len(windows) + 1) * rule.seconds > length - 0.003
    starts = [window[0] for window in windows]
    assert starts == sorted(starts)


@pytest.mark.parametrize("rounded", [None, 3])
@pytest.mark.parametrize("native", [8.0, 12.5, 24000 / 1001, 25.0, 30.0, 60.0])
@pytest.mark.parametrize("short", ["skip", "pad"])
def test_its_own_rate_takes_every_frame_once(native: float, rounded: int | None, short: str) -> None:
    """Also where a container rounds times to the millisecond."""
    exact = [0.1 + number / native for number in range(300)]
    times = exact if rounded is None else [round(time, rounded) for time in exact]
    rule = ClipRule.model_validate({"frames": 300, "fps": native, "short": short})
    assert rule.windows(times, "a") == [list(range(300))]
    assert ClipRule(frames=301, fps=native).windows(times, "a") == []
    assert ClipRule(frames=100, fps=native, offset="all").windows(times, "a") == [
        list(range(start, start + 100)) for start in (0, 100, 200)
    ]


@pytest.mark.parametrize(("native", "fps", "seconds"), [(25, 8, 2), (30, 8, 2), (8, 24, 2), (25, 25, 1), (5, 24, 3)])
def test_a_video_is_as_long_as_its_frames_together(native: int, fps: int, seconds: int) -> None:
    times = [number / native for number in range(native * seconds)]
    assert len(ClipRule(seconds=seconds, fps=fps).windows(times, "a")) == 1
    assert not ClipRule(frames=fps * seconds + 1, fps=fps).windows(times, "a")


def test_a_variable_rate_goes_by_its_times() -> None:
    times = [0.0, 0.1, 0.2, 1.0, 1.1, 3.0, 3.1]
    assert ClipRule(frames=6, fps=2).windows(times, "a") == [[0, 2, 3, 4, 4, 4]]
    assert ClipRule(frames=2, fps=2, offset="all").windows(times, "a") == [[0, 2], [3, 4], [4, 4]]
    assert ClipRule(frames=3, fps=2, offset="sliding", step=2).windows(times, "a") == [[0, 2, 3], [3, 4, 4], [4, 4, 5]]
    assert ClipRule(frames=3, fps=2, offset="centre").windows(times, "a") == [[3, 4, 4]]
    assert ClipRule(frames=9, fps=2, short="loop").windows(times, "a") == [[0, 2, 3, 4, 4, 4, 5, 0, 2]]
    assert ClipRule(frames=9, fps=2, short="pad").windows(times, "a") == [[0, 2, 3, 4, 4, 4, 5, 5, 5]]
    assert ClipRule(frames=2, fps=2).windows(times[:1], "a") == []
    assert ClipRule(frames=2, fps=2, short="pad").windows(times[:1], "a") == [[0, 0]]


def test_two_of_frames_rate_and_length_give_the_third() -> None:
    assert ClipRule(seconds=2, fps=8) == ClipRule(frames=16, fps=8) == ClipRule(frames=16, seconds=2)
    assert ClipRule(frames=16, fps=8, seconds=2).seconds == 2
    assert ClipRule(seconds=2, fps=29.97).frames == 60
    assert ClipRule(fps=8).frames == 16
    assert ClipRule(seconds=3, frames=16).model_dump() == ClipRule(fps=16 / 3).model_dump()


@pytest.mark.parametrize("times", [[math.nan] * 40, [0.0, 0.1, math.nan]])
def test_a_rule_in_time_needs_times(times: list[float]) -> None:
    with pytest.raises(UsageError, match="knows no times"):
        ClipRule(fps=8).windows(times, "a")


def test_times_that_cannot_be_true_are_refused() -> None:
    with pytest.raises(UsageError, match="cannot be true"):
        ClipRule(fps=8).windows([0.0, 0.1, 1e12], "a")


def test_times_that_go_back_hold_what_is_shown() -> None:
    assert ClipRule(frames=4, fps=10).windows([0.0, 0.1, 0.05, 0.3], "a") == [[0, 2, 2, 3]]


def test_rules_in_frames_are_dumped_as_ever() -> None:
    """What is dumped makes the fingerprints of protocols, which stand in records."""
    assert ClipRule().model_dump() == {"frames": 16, "stride": 1, "offset": "first", "seed": 0, "short": "skip"}
    assert ClipRule(fps=8).model_dump() == ClipRule().model_dump() | {"fps": 8.0}
    assert PROTOCOLS["fvd.shapes"].model_dump()["clip"] == ClipRule().model_dump()
    # As they were before rules could be in time, slide, or say seconds.
    assert fingerprint(ClipRule().model_dump()) == "0c5dcee5ecfd92d2"
    other = ClipRule(frames=8, stride=2, offset="random", seed=3, short="loop")
    assert fingerprint(other.model_dump()) == "88ad1a5cf609f208"


def test_protocols_take_rules_in_time() -> None:
    changed = PROTOCOLS["fvd.shapes"].with_clips(seconds=2.0, offset="centre")
    assert changed.name == "fvd.shapes[seconds=2.0,offset=centre]"
    assert changed.clip == ClipRule(frames=16, fps=8, offset="centre")
    assert changed.ref.fingerprint == PROTOCOLS["fvd.shapes"].with_clips(fps=8.0, offset="centre").ref.fingerprint


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"frames": 0}, "greater than or equal to 1"),
        ({"stride": 0}, "greater than or equal to 1"),
        ({"offset": "middle"}, "'first', 'centre'"),
        ({"short": "drop"}, "'skip', 'loop'"),
        ({"rate": 8}, "not permitted"),
        ({"fps": 0}, "greater than 0"),
        ({"fps": math.inf}, "finite"),
        ({"fps": "fast"}, "valid number"),
        ({"seconds": -1, "frames": 2}, "greater than 0"),
        ({"seconds": 2}, "seconds=2 alone does not say how many frames; give frames or fps too"),
        ({"seconds": 2, "fps": 8, "frames": 15}, "frames=15 does not go with seconds=2 and fps=8, which make 16"),
        ({"fps": 8, "frames": 2.5}, "fractional"),
        ({"fps": 8, "stride": 2}, "stride=2 is in frames, fps=8 in time"),
        ({"offset": "sliding"}, "needs step"),
        ({"offset": "all", "step": 2}, "has no step"),
        ({"offset": "sliding", "step": 0}, "greater than or equal to 1"),
    ],
)
def test_nonsense_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ClipRule.model_validate(wrong)
    (problem,) = caught.value.errors()
    assert said in problem["msg"]
    assert "\n" not in problem["msg"]
