"""What a file does to its decoder happens to that file alone, and no process is left behind."""

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vidgauge.datasets import isolation, write_video
from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.decoding_jobs import look
from vidgauge.datasets.errors import VideoError
from vidgauge.datasets.folder import list_videos
from vidgauge.datasets.isolation import Workers, examine
from vidgauge.datasets.loading import Clip, iterate_clips
from vidgauge.errors import VidgaugeError

Encode = Callable[..., Path]
Pattern = Callable[..., torch.Tensor]

pytestmark = pytest.mark.skipif(not isolation.AVAILABLE, reason="decoder processes need POSIX")


JOBS = """
import ctypes, os, signal, sys, time
from vidgauge.datasets.decoding_jobs import look, whole
from vidgauge.datasets.errors import VideoError

def refuse(path):
    raise VideoError(path, "is no good")

def talk(path):
    print("a library talks", flush=True)
    os.write(2, b"and complains")

MISFORTUNES = {
    "crash": lambda path: ctypes.string_at(0),
    "abort": lambda path: os.abort(),
    "killed": lambda path: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda path: os._exit(3),
    "hang": lambda path: time.sleep(600),
    "memory": lambda path: bytearray(3 * 2**30),
    "nonsense": lambda path: os.write(3, bytes([255]) * 100),
    "error": lambda path: 1 // 0,
    "refused": refuse,
    "talk": talk,
}

def misbehave(path):
    yield "begun"
    MISFORTUNES.get(path.stem, id)(path)
    yield "ended"

def imported(path):
    yield len(list(look(path))) + len(list(whole(path)))
    yield sorted({"numpy", "pydantic", "torch"} & set(sys.modules))

def arrays(path, n):
    import numpy as np
    for number in range(n):
        yield np.full((number, 3, 1000), number, np.int32)
    yield np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3))
"""


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """What a file might do to its decoder if it were the right file, as a module that workers find."""
    (tmp_path / "jobs_of_a_test.py").write_text(JOBS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "jobs_of_a_test", raising=False)
    return importlib.import_module("jobs_of_a_test")


@pytest.mark.parametrize("workers", [1, 2])
def test_each_misfortune_is_named_and_the_others_go_on(jobs: ModuleType, workers: int) -> None:
    expected = {
        "fine": "",
        "crash": "crashes its decoder (SIGSEGV)",
        "talk": "",
        "abort": "crashes its decoder (SIGABRT)",
        "killed": "was given up: its decoder was killed (SIGKILL), as the system does where memory runs out",
        "exit": "ends its decoder (exit status 3)",
        "memory": "takes more memory to decode than it may",
        "error": "cannot be decoded (ZeroDivisionError: integer division or modulo by zero)",
        "nonsense": "confuses its decoder, which answers with nonsense",
        "refused": "is no good",
        "fine too": "",
    }
    if sys.platform != "linux":
        del expected["memory"]
    answers = dict(zip(expected, examine(map(Path, expected), jobs.misbehave, workers), strict=True))
    assert {name: error.reason if error else "" for name, (_, error) in answers.items()} == expected
    assert all(items == (["begun"] if expected[name] else ["begun", "ended"]) for name, (items, _) in answers.items())


def test_a_decoder_that_hangs_is_given_up(jobs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "PATIENCE", 5.0)
    hung, fine = examine([Path("hang"), Path("fine")], jobs.misbehave, workers=1)
    assert str(hung[1]) == "hang: was given up: its decoder gave nothing for 5 s"
    assert fine == (["begun", "ended"], None)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi", "clip.gif"])
def test_a_decoder_is_small(jobs: ModuleType, encode: Encode, name: str) -> None:
    """It has imported neither NumPy nor torch nor pydantic, and has decoded."""
    ((items, error),) = examine([encode(name)], jobs.imported, workers=1)
    assert error is None
    assert items == [2 + 24, []]


def test_arrays_cross_unchanged_into_the_place_they_are_given(jobs: ModuleType) -> None:
    workers = Workers()
    places: list[NDArray[np.int32]] = []

    def place(shape: tuple[int, ...], dtype: str) -> NDArray[np.int32]:
        places.append(np.empty(shape, dtype))
        return places[-1]

    received = list(workers.run(jobs.arrays, Path("any"), 20, place=place))
    workers.close()
    assert all(array is placed for array, placed in zip(received, places, strict=True))
    for array, sent in zip(received, jobs.arrays(Path("any"), 20), strict=True):
        assert array.dtype == sent.dtype
        assert np.array_equal(array, sent)


def test_a_decoder_left_in_the_middle_is_replaced(encode: Encode) -> None:
    path = encode("clip.mp4")
    workers = Workers()
    expected = list(workers.run(look, path))
    half = workers.run(look, path)
    next(half)
    half.close()  # type: ignore[attr-defined]  # a generator, promised as no more than an iterator
    description, times = workers.run(look, path)
    workers.close()
    assert description == expected[0]
    assert np.array_equal(times, expected[1])


def test_a_decoder_that_ends_between_two_files_is_the_fault_of_neither(encode: Encode) -> None:
    path = encode("clip.mp4")
    workers = Workers()
    list(workers.run(look, path))
    for worker in workers._all:
        worker.kill()
    assert len(list(workers.run(look, path))) == 2
    workers.close()


def test_a_decoder_that_cannot_start_is_no_files_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "_COMMAND", [sys.executable, "-c", "raise SystemExit('no such thing')"])
    with pytest.raises(VidgaugeError, match="no process for decoding can be started: no such thing") as caught:
        list(examine([Path("a.mp4")], look, 1))
    assert not isinstance(caught.value, VideoError)


def children() -> set[int]:
    """Processes that this one started and that run, or have not been asked how they ended."""
    command = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(os.getpid())]  # -ww: however wide COLUMNS says we are
    listed = subprocess.run(command, capture_output=True, text=True)
    return {int(line.split()[0]) for line in listed.stdout.splitlines() if "decoding_worker" in line or "<def" in line}


@pytest.mark.skipif(sys.platform != "linux", reason="asks ps as Linux has it")
@pytest.mark.parametrize("how", ["close", "forget", "raise", "exhaust"])
def test_no_process_is_left_behind(encode: Encode, how: str) -> None:
    entries = [entry for name in ("a.mp4", "b.avi", "c.gif") for entry in list_videos(encode(name))]
    before = children()
    outcomes = iterate_clips(entries, ClipRule(frames=2, offset="all"), workers=2)
    next(outcomes)
    assert len(children() - before) in (1, 2)
    if how == "close":
        outcomes.close()  # type: ignore[attr-defined]  # as above
    elif how == "forget":
        del outcomes
    elif how == "raise":
        with pytest.raises(KeyboardInterrupt):
            outcomes.throw(KeyboardInterrupt)  # type: ignore[attr-defined]  # as above
    else:
        list(outcomes)
    assert children() <= before


SCRIPT = """
import sys
from pathlib import Path
from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.folder import list_videos
from vidgauge.datasets.loading import iterate_clips
outcomes = iterate_clips(list_videos(Path(sys.argv[1])), ClipRule(frames=2, offset="all"), workers=2)
print(next(outcomes).id, flush=True)
"""
INTERRUPTIBLE = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
WITHOUT_TORCH = """
import sys
from pathlib import Path
from vidgauge.datasets.decoding_jobs import look
from vidgauge.datasets.isolation import examine
outcomes = examine(sorted(Path(sys.argv[1]).iterdir()) * 20, look, workers=2)
next(outcomes)
print("a.mp4#0", flush=True)
"""


def alive(session: str) -> list[str]:
    """Decoders of the processes that carry this mark in their environment."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and session.encode() in (folder / "environ").read_bytes():
                found += [folder.name] if b"decoding_worker" in (folder / "cmdline").read_bytes() else []
        except OSError:  # it has ended
            continue
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(
    ("text", "ending", "status"),
    [
        (SCRIPT, "", 0),
        (WITHOUT_TORCH, "", 0),
        (WITHOUT_TORCH, "sys.exit(3)", 3),
        (WITHOUT_TORCH, "raise KeyError", 1),
        (WITHOUT_TORCH, "import os; os.kill(os.getpid(), 9)", -9),
    ],
)
def test_a_script_without_a_guard_works_and_leaves_nothing(
    encode: Encode, tmp_path: Path, text: str, ending: str, status: int
) -> None:
    """However it ends, with answers still to come."""
    for name in ("a.mp4", "b.avi"):
        encode(f"videos/{name}")
    script = tmp_path / "script.py"
    script.write_text(text + ending)
    mark = f"VIDGAUGE_TEST_MARK={tmp_path}"
    environment = os.environ | dict([mark.split("=")])
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "videos")],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )
    assert done.stdout == "a.mp4#0\n"
    assert done.returncode == status
    deadline = time.monotonic() + 20  # the system ends them when it gets to it
    while alive(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(mark)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_an_interrupt_ends_the_run_and_its_decoders(encode: Encode, tmp_path: Path) -> None:
    encode("videos/a.mp4")
    mark = f"VIDGAUGE_TEST_MARK={tmp_path}"
    # Where tests run in the background, their children begin with interrupts ignored.
    script = f"{INTERRUPTIBLE}{WITHOUT_TORCH}import time\ntime.sleep(600)"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "videos")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | dict([mark.split("=")]),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "a.mp4#0\n"
        assert alive(mark)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert errors.strip().endswith("KeyboardInterrupt")
    assert process.returncode == -signal.SIGINT
    assert not alive(mark)


def test_clips_do_not_depend_on_who_decodes(tmp_path: Path, pattern: Pattern) -> None:
    write_video(tmp_path / "a.npy", pattern(7), 8)
    (here,) = iterate_clips(list_videos(tmp_path), None, workers=0)
    (there,) = iterate_clips(list_videos(tmp_path), None, workers=1)
    assert isinstance(here, Clip)
    assert isinstance(there, Clip)
    assert torch.equal(here.frames_thwc, there.frames_thwc)
    there.frames_thwc[0] = 0  # it is the reader's own
