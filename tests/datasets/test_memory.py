"""Memory while clips are streamed: this process and its decoders together, over what the process holds idle."""

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from statistics import median

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidgauge.datasets import packets, seeking
from vidgauge.datasets.columns import Column
from vidgauge.datasets.containers import frames, frames_at

MEASURE = """
import sys, threading, time
from pathlib import Path
from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.folder import list_videos
from vidgauge.datasets.loading import Clip, iterate_clips

def mebibytes(task, field):
    try:
        return int((task / "smaps_rollup").read_text().split(f"\\n{field}:")[1].split()[0]) / 1024
    except OSError:  # it has ended
        return 0.0

def held():
    # Only what is their own: libraries are there already, and whose share they are depends on who else has them.
    total = mebibytes(Path("/proc/self"), "Pss_Anon")
    for thread in Path("/proc/self/task").iterdir():
        for child in (thread / "children").read_text().split():
            task = Path("/proc") / child
            if b"decoding_worker" in (task / "cmdline").read_bytes():  # before that, it is a copy of this process
                total += mebibytes(task, "Private_Dirty") + mebibytes(task, "Private_Clean")
    return total

def watch():
    while not done:
        peaks.append(held())
        time.sleep(0.05)

idle, peaks, done, n = held(), [], False, 0
watcher = threading.Thread(target=watch)
watcher.start()
start = time.perf_counter()
for clip in iterate_clips(list_videos(Path(sys.argv[1])), ClipRule(frames=16, offset="all"), int(sys.argv[2])):
    assert isinstance(clip, Clip), clip
    n += 1
seconds = time.perf_counter() - start
done = True
watcher.join()
print(n, max(peaks) - idle, idle, seconds)
"""


def write(path: Path, n_frames: int, height: int, width: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (height // 40, width // 40, 3), np.uint8)
    picture = noise.repeat(40, axis=0).repeat(40, axis=1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30), options={"preset": "veryfast"})
        assert isinstance(stream, VideoStream)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for number in range(n_frames):
            moved = np.roll(picture, 4 * number, axis=1)
            container.mux(stream.encode(VideoFrame.from_ndarray(moved, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_full_hd_streams_within_300_megabytes(tmp_path: Path) -> None:
    """Two clips of 100 MB: the one in hand and the one that is made."""
    write(tmp_path / "long.mp4", 400, 1080, 1920)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", MEASURE, str(tmp_path / "long.mp4"), "2"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    n, added, _, _ = map(float, done.stdout.split())
    assert n == 25
    assert 200 < added * 2**20 / 1e6 < 300


@pytest.mark.parametrize("way", ["frames", "frames_at"])
def test_no_frame_is_held_while_the_next_is_decoded(
    encode: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    path = encode("clip.mp4")
    list(frames_at(path, range(24)))
    gc.collect()
    place, name = (packets.PacketLog, "add") if way == "frames" else (seeking._Packets, "_number")
    original, held = getattr(place, name), []

    def counting(*arguments: object, **named: object) -> object:  # called with each packet, before it is decoded
        held.append(sum(type(thing) is VideoFrame for thing in gc.get_objects()))
        return original(*arguments, **named)

    monkeypatch.setattr(place, name, counting)
    count = 0
    for item in frames(path) if way == "frames" else frames_at(path, range(24)):
        count += 1
        del item
    assert count == 24
    assert len(held) >= 24
    assert median(held[4:]) == 1, held  # the empty one that PyAV keeps ready


def test_columns_give_back_what_they_were_given() -> None:
    column, given = Column(), [3, None, -5, 2**62, None, 0]
    for value in given:
        column.append(value)
    assert list(column) == given
    assert [column[number] for number in range(len(column))] == given
