"""Where two sets differ: told with shares, and not where chance may have made the difference."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vidgauge.datasets.comparison import Difference, differences, differences_at_a_glance, shares
from vidgauge.datasets.folder import list_videos
from vidgauge.datasets.inspection import Inspection


def video(codec: str = "h264", size: tuple[int, int] = (320, 240), fps: float | None = 25.0, frames: int = 100):  # type: ignore[no-untyped-def]
    return Inspection(
        "id",
        frames=frames,
        width=size[0],
        height=size[1],
        fps=fps,
        seconds=frames / fps if fps else None,
        codec=codec,
        pixel_format="yuv420p",
        pixel_aspect=1.0,
    )


def test_equal_sets_do_not_differ() -> None:
    assert differences([video()], [video()] * 7) == []


def test_differences_are_told_as_shares() -> None:
    real = [video("mpeg4", frames=frames) for frames in (60, 100, 140)]
    generated = [video("h264", (64, 64), 8, 16)] * 9 + [video("vp9", (64, 64), 8, 16)]
    assert differences(real, generated) == [
        Difference("codec", "100 % mpeg4", "90 % h264, 10 % vp9"),
        Difference("size", "100 % 320x240", "100 % 64x64"),
        Difference("fps", "100 % 25", "100 % 8"),
        Difference("length in frames", "100 in the median (60 to 140)", "100 % 16"),
        Difference("length in seconds", "4 in the median (2.4 to 5.6)", "100 % 2"),
    ]
    assert str(differences(real, generated)[0]) == "codec: real 100 % mpeg4; generated 90 % h264, 10 % vp9"


def test_one_video_on_each_side_is_enough_where_they_differ() -> None:
    assert [difference.of for difference in differences([video("vp9", frames=30)], [video(frames=20)])] == [
        "codec", "length in frames", "length in seconds",
    ]  # fmt: skip


def test_a_few_videos_of_another_kind_are_no_difference() -> None:
    assert differences([video()] * 95 + [video("vp9")] * 5, [video()] * 50) == []
    assert differences([video()] * 70 + [video("vp9")] * 30, [video()] * 50) != []


def test_videos_without_a_rate_differ_in_rate_and_not_in_seconds() -> None:
    found = differences([video()], [video(fps=None)])
    assert [difference.of for difference in found] == ["fps"]
    assert found[0].generated == "100 % unknown"


def test_broken_videos_count_for_nothing() -> None:
    broken = Inspection("broken", wrong="is empty")
    assert differences([video(), broken], [video()]) == []
    assert differences([broken], [video("vp9")]) == []


@pytest.mark.parametrize("size", [20, 100])
def test_samples_from_one_source_are_seldom_said_to_differ(size: int) -> None:
    """Sizes as varied as those of videos from the web."""
    rng = random.Random(0)
    weights = [1 / (rank + 1) for rank in range(40)]

    def sample() -> list[Inspection]:
        sizes = rng.choices([(side, side) for side in range(64, 104)], weights, k=size)
        return [video(size=each, frames=rng.randint(50, 300)) for each in sizes]

    told = Counter(difference.of for _ in range(100) for difference in differences(sample(), sample()))
    assert told["size"] <= 3
    assert told["length in frames"] <= 3


def test_shares_are_never_all_or_nothing_where_they_are_not() -> None:
    assert shares(Counter(a=999, b=1)) == "> 99 % a, < 1 % b"
    assert shares(Counter(a=1)) == "100 % a"
    assert shares(Counter("aaabbcdef")) == "33 % a, 22 % b, 11 % c and 3 others"


def test_a_glance_at_files_is_enough(
    tmp_path: Path, encode: Callable[..., Path], pattern: Callable[..., torch.Tensor]
) -> None:
    encode("real/a.avi", pattern(12))
    encode("generated/a.mp4", pattern(12))
    (tmp_path / "generated" / "b.mp4").write_bytes(b"")
    real, generated = list_videos(tmp_path / "real"), list_videos(tmp_path / "generated")
    assert [str(difference) for difference in differences_at_a_glance(real, generated, workers=0)] == [
        "container: real 100 % avi; generated 100 % mp4",
        "codec: real 100 % mpeg4; generated 100 % h264",
    ]
