"""Thousands of damaged files: none crashes, hangs or fills the run, and each is accounted for."""

import os
import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidgauge.datasets import read_video, write_video
from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.folder import Entry
from vidgauge.datasets.loading import Clip, Failure, iterate_clips

Pattern = Callable[..., torch.Tensor]
Rng = np.random.Generator

CODINGS = {
    "h264.mp4": ("libx264", "yuv420p"),
    "h264.mkv": ("libx264", "yuv420p"),
    "h264-10bit.mov": ("libx264", "yuv444p10le"),
    "hevc.mp4": ("libx265", "yuv420p"),
    "av1.mp4": ("libsvtav1", "yuv420p"),
    "vp8.webm": ("libvpx", "yuv420p"),
    "vp9.webm": ("libvpx-vp9", "yuv420p"),
    "mpeg4.avi": ("mpeg4", "yuv420p"),
    "mpeg4.mp4": ("mpeg4", "yuv420p"),
    "mjpeg.avi": ("mjpeg", "yuvj420p"),
    "ffv1.mkv": ("ffv1", "yuv420p"),
    "gif.gif": ("gif", "rgb8"),
}
RULES = [
    None,
    ClipRule(frames=4),
    ClipRule(frames=3, fps=8, offset="sliding", step=1),
    None,
    ClipRule(frames=5, offset="random", short="loop"),
    ClipRule(seconds=0.5, fps=12, offset="all", short="pad"),
]


def flip(data: bytearray, rng: Rng) -> None:
    for position in rng.integers(0, len(data), rng.integers(1, 20)):
        data[position] ^= 1 << int(rng.integers(8))


def cut(data: bytearray, rng: Rng) -> None:
    del data[int(rng.integers(1, len(data))) :]


def remove(data: bytearray, rng: Rng) -> None:
    start = int(rng.integers(len(data)))
    del data[start : start + int(rng.integers(1, 200))]


def insert(data: bytearray, rng: Rng) -> None:
    start = int(rng.integers(len(data)))
    data[start:start] = rng.bytes(int(rng.integers(1, 200)))


def swap(data: bytearray, rng: Rng) -> None:
    size = int(rng.integers(1, max(2, len(data) // 4)))
    a, b = (int(start) for start in rng.integers(0, len(data) - size, 2))
    data[a : a + size], data[b : b + size] = data[b : b + size], data[a : a + size]


def zero(data: bytearray, rng: Rng) -> None:
    start, size = int(rng.integers(len(data))), int(rng.integers(1, max(2, len(data) // 4)))
    data[start : start + size] = bytes(len(data[start : start + size]))


def field(data: bytearray, rng: Rng) -> None:
    """A number in the header, which some containers have at the end, becomes an extreme one."""
    within = min(1200, len(data) - 4)
    start = int(rng.integers(within)) + int(rng.choice([0, len(data) - 4 - within]))
    extreme = [
        b"\xff\xff\xff\xff",
        b"\x7f\xff\xff\xff",
        bytes(4),
        b"\x00\x00\xff\xff",
        b"\xff\xff\xff\x7f",
        b"\x00\x01",
    ]
    data[start : start + 4] = extreme[int(rng.integers(len(extreme)))].ljust(4, b"\x00")


MUTATIONS = (flip, cut, remove, insert, swap, zero, field)


@pytest.fixture
def originals(tmp_path: Path, pattern: Pattern) -> dict[str, Path]:
    """One small file of each kind that this build can write."""
    frames_thwc = pattern(14, 48, 64)
    made = {}
    for name, (codec, pixel_format) in CODINGS.items():
        try:
            av.codec.Codec(codec, "w")
        except av.codec.codec.UnknownCodecError:
            continue
        made[name] = tmp_path / name
        with av.open(str(made[name]), "w") as container:
            stream = container.add_stream(codec, rate=Fraction(25))
            assert isinstance(stream, VideoStream)
            stream.height, stream.width, stream.pix_fmt, stream.gop_size = 48, 64, pixel_format, 6
            for frame_hwc in frames_thwc.numpy():
                container.mux(stream.encode(VideoFrame.from_ndarray(frame_hwc, format="rgb24")))
            container.mux(stream.encode(None))
    for name in ("array.npy", "lossless.mkv"):
        made[name] = tmp_path / name
        write_video(made[name], frames_thwc[:, ::2, ::2], 25)
    return made


def mutants(originals: dict[str, Path], n: int, folder: Path, seed: int) -> Iterator[tuple[str, str, Path]]:
    """Kind, mutation and file of each; one may have been mutated twice or thrice."""
    rng, kinds = np.random.default_rng(seed), list(originals)
    folder.mkdir()
    for number in range(n):
        kind = kinds[number % len(kinds)]
        mutation = MUTATIONS[number // len(kinds) % len(MUTATIONS)]
        data = bytearray(originals[kind].read_bytes())
        for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
            if len(data) > 8:
                mutation(data, rng)
        path = folder / f"{number:06d}{originals[kind].suffix}"
        path.write_bytes(data)
        yield kind, mutation.__name__, path


def fuzz(originals: dict[str, Path], n: int, folder: Path, seed: int) -> Counter[tuple[str, str, str, str]]:
    """What became of the mutants, counted by kind, mutation, rule and outcome."""
    files = list(mutants(originals, n, folder, seed))
    wholes = {kind: read_video(path).frames_thwc for kind, path in originals.items()}
    most_memory = peak_bytes()
    counted: Counter[tuple[str, str, str, str]] = Counter()
    for number, rule in enumerate(RULES):
        mine = {path.name: (kind, mutation, path) for kind, mutation, path in files[number :: len(RULES)]}
        outcomes: dict[str, list[str]] = {name: [] for name in mine}
        entries = [Entry(name, str(path)) for name, (_, _, path) in mine.items()]
        for outcome in iterate_clips(entries, rule, workers=2):
            if isinstance(outcome, Failure):
                outcomes[outcome.id].append(said(outcome))
            else:
                kind = mine[outcome.entry.id][0]
                outcomes[outcome.entry.id].append("as ever" if is_part(outcome, wholes[kind], rule) else "other frames")
        for name, (kind, mutation, _) in mine.items():
            assert outcomes[name], f"{name} is not accounted for"
            assert not {"refused", "crashed", "given up"} & set(outcomes[name][:-1]), "a failure is the last word"
            worst = max(outcomes[name], key=("as ever", "other frames", "refused", "crashed", "given up").index)
            counted[kind, mutation, "whole" if rule is None else "clips", worst] += 1
    assert peak_bytes() < most_memory + 2**29  # decoders have a limit of their own
    return counted


def peak_bytes() -> int:
    """Most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def said(failure: Failure) -> str:
    assert failure.reason
    assert "\n" not in failure.reason
    if "crashes its decoder" in failure.reason:
        return "crashed"
    return "given up" if "was given up" in failure.reason else "refused"


def is_part(clip: Clip, whole_thwc: torch.Tensor, rule: ClipRule | None) -> bool:
    """Whether each frame of a clip is one of the original's, as bytes; of a whole video, all in their order."""
    if rule is None:
        return torch.equal(clip.frames_thwc, whole_thwc)
    if clip.frames_thwc.shape[1:] != whole_thwc.shape[1:]:
        return False
    known = {frame_hwc.numpy().tobytes() for frame_hwc in whole_thwc}
    return all(frame_hwc.numpy().tobytes() in known for frame_hwc in clip.frames_thwc)


def check(counted: Counter[tuple[str, str, str, str]], n: int) -> None:
    assert counted.total() == n
    refused = sum(times for (*_, outcome), times in counted.items() if outcome == "refused")
    assert n // 3 < refused < n  # damage is seen, and is not seen where there is none


def test_two_thousand_damaged_files_are_accounted_for(originals: dict[str, Path], tmp_path: Path) -> None:
    check(fuzz(originals, 2000, tmp_path / "mutants", seed=0), 2000)


@pytest.mark.slow
def test_twenty_thousand_damaged_files_are_accounted_for(originals: dict[str, Path], tmp_path: Path) -> None:
    check(fuzz(originals, 20_000, tmp_path / "mutants", seed=1), 20_000)


@pytest.mark.long
@pytest.mark.skipif("VIDGAUGE_TEST_VIDEOS" not in os.environ, reason="set VIDGAUGE_TEST_VIDEOS to a folder of videos")
def test_damaged_real_videos_are_accounted_for(tmp_path: Path) -> None:
    real = Path(os.environ["VIDGAUGE_TEST_VIDEOS"])
    files = [path for path in sorted(real.rglob("*")) if path.suffix in {".avi", ".gif", ".mp4", ".webm"}]
    small = sorted((path for path in files if "broken" not in path.parts), key=lambda path: path.stat().st_size)[:12]
    check(fuzz({path.name: path for path in small}, 200, tmp_path / "mutants", seed=2), 200)
