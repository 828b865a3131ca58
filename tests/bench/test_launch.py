"""The parent's side, against workers of a few lines that need no torch; spawned, and forked where that is possible."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vidgauge.bench import fork_server, launch, processes
from vidgauge.bench.budget import CUT
from vidgauge.bench.fork_server import ForkServer
from vidgauge.bench.launch import Outcome, run_case
from vidgauge.bench.messages import Job, Step
from vidgauge.bench.processes import Start
from vidgauge.bench.suite import Variant
from vidgauge.bench.timing.rounds import TimingRule
from vidgauge.reference_models.cost import Cost

_NEEDS_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks")
_PREAMBLE = """
import json, os, signal, sys, time
job = json.load(sys.stdin)
names = [variant["layer"] for variant in job["variants"]]
def send(**message): print(json.dumps(message), flush=True)
def step(name, doing): send(kind="step", variant=name, doing=doing)
def timed():
    send(kind="timed", samples={n: dict(seconds=[1.0], positions=[0], calls=1) for n in names},
         load=[], stopped="budget", seconds=1.0)
    send(kind="done")
"""
_NOT_WEIGHED = """
if job["task"] == "weigh":
    send(kind="done")
    sys.exit()
"""


_SERVER = """
import runpy, sys, types
from vidgauge.bench import fork_server
worker = types.ModuleType("vidgauge.bench.worker")
worker.main = lambda: runpy.run_path(sys.argv[1], run_name="__main__")
sys.modules[worker.__name__] = worker
fork_server.PRELOADED = []
"""


@pytest.fixture(params=["spawned", pytest.param("forked", marks=_NEEDS_LINUX)])
def start(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Start]:
    """Starts what lies in ``worker.py``."""
    file = tmp_path / "worker.py"
    monkeypatch.setattr(processes, "COMMAND", [sys.executable, "-I", str(file)])
    if request.param == "spawned":
        yield processes.spawn
        return
    with server(monkeypatch, file, "fork_server.main()") as forking:
        monkeypatch.setattr(fork_server, "spawn", lambda *_: pytest.fail("it was not forked"))
        yield forking.start


def server(monkeypatch: pytest.MonkeyPatch, file: Path, script: str) -> ForkServer:
    command = [sys.executable, "-P", "-c", _SERVER + script, str(file)]
    monkeypatch.setattr(fork_server, "_COMMAND", command)
    return ForkServer()


def outcome(
    start: Start,
    tmp_path: Path,
    script: str,
    *names: str,
    timeout: float = 30.0,
    seconds: float | None = None,
    weighs: str = _NOT_WEIGHED,
) -> tuple[Outcome, list[Step]]:
    (tmp_path / "worker.py").write_text(_PREAMBLE + weighs + script)
    job = Job(
        variants=[Variant(layer=name) for name in names],
        baseline=names[0],
        shape=(1, 1, 1, 1, 1),
        dtype="float32",
        device="cpu",
        direction="inference",
        threads=1,
        seed=0,
        rule=TimingRule(),
        budget=1.0,
        memory_runs=1,
    )
    steps: list[Step] = []
    deadline = None if seconds is None else time.monotonic() + seconds
    return run_case(job, timeout, steps.append, deadline, start), steps


def test_what_was_timed_is_weighed_by_workers_of_their_own(start: Start, tmp_path: Path) -> None:
    weighs = """
if job["task"] == "weigh":
    for name in names:
        step(name, "memory")
        if name == "heavy": os.kill(os.getpid(), signal.SIGKILL)
        peak = dict(bytes=os.getpid(), technique="resident", runs=[1])
        send(kind="weighed", variant=name, peak=peak)
    send(kind="done")
    sys.exit()
"""
    script = "step('broken', 'time'); 'broken' in names and sys.exit('no'); step('a', str(os.getpid())); timed()"
    done, steps = outcome(start, tmp_path, script, "a", "broken", "heavy", "b", weighs=weighs)
    assert done.timed is not None
    assert set(done.timed.samples) == {"a", "heavy", "b"}
    assert set(done.failed) == {"broken"}
    assert set(done.weighed) == {"a", "b"}
    assert set(done.unweighed) == {"heavy"}
    assert done.unweighed["heavy"].reason == "memory: the worker was killed by SIGKILL"
    timer = next(int(step.doing) for step in steps if step.doing.isdigit())
    assert len({timer, *(weighed.peak.bytes for weighed in done.weighed.values())}) == 3
    assert [step.variant for step in steps if step.doing == "memory"] == ["a", "heavy", "b"]


def test_a_good_worker_is_started_once(start: Start, tmp_path: Path) -> None:
    done, steps = outcome(start, tmp_path, "step('a', 'build'); timed()", "a", "b")
    assert done.timed is not None
    assert set(done.timed.samples) == {"a", "b"}
    assert not done.failed
    assert [step.doing for step in steps] == ["build"]


def test_a_variant_that_hangs_is_given_up(start: Start, tmp_path: Path) -> None:
    script = """
for name in names:
    step(name, "first call")
    if name == "slow": time.sleep(600)
timed()
"""
    done, _ = outcome(start, tmp_path, script, "a", "slow", "b", timeout=2.0)
    assert done.failed["slow"].status == "timeout"
    assert done.failed["slow"].reason == "first call: nothing happened for 2 s"
    assert done.timed is not None
    assert set(done.timed.samples) == {"a", "b"}


def test_variants_that_die_are_named_with_how(start: Start, tmp_path: Path) -> None:
    script = """
for name in names:
    step(name, "memory")
    if name == "killed": os.kill(os.getpid(), signal.SIGKILL)
    if name == "exits": sys.exit("no more of this")
    if name == "tells": send(kind="failed", variant=name, status="oom", reason="too big"); sys.exit()
timed()
"""
    done, _ = outcome(start, tmp_path, script, "killed", "exits", "a", "tells")
    assert set(done.failed) == {"killed", "exits", "tells"}
    assert done.failed["killed"].reason == "memory: the worker was killed by SIGKILL"
    assert done.failed["exits"].reason == "memory: the worker ended with status 1: no more of this"
    assert done.failed["tells"].status == "oom"
    assert done.timed is not None
    assert set(done.timed.samples) == {"a"}


def test_at_the_deadline_what_is_not_known_is_skipped(start: Start, tmp_path: Path) -> None:
    script = "step('a', 'build'); send(kind='built', variant='a', cost=COST); step('b', 'build'); time.sleep(600)"
    cost = repr(dict.fromkeys(Cost.model_fields, 0))
    done, _ = outcome(start, tmp_path, script.replace("COST", cost), "a", "b", seconds=2.0)
    assert set(done.built) == {"a"}
    assert {failed.status for failed in done.failed.values()} == {"skipped"}
    assert set(done.failed) == {"a", "b"}
    assert done.failed["b"].reason.startswith(CUT)


def test_what_a_worker_started_ends_with_it(start: Start, tmp_path: Path) -> None:
    script = """
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
step("a", str(child.pid))
time.sleep(600)
"""
    _, steps = outcome(start, tmp_path, script, "a", timeout=1.0)
    child = int(steps[0].doing)
    for _ in range(100):
        if not _lives(child):
            return
        time.sleep(0.05)
    pytest.fail("the child outlives the worker")


def _lives(process: int) -> bool:
    """Whether there is such a process and it is more than an entry that nobody has asked for."""
    if not Path("/proc/self/stat").exists():
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        return True
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_workers_compile_from_scratch_each_in_a_folder_of_its_own(start: Start, tmp_path: Path) -> None:
    script = "step('a', os.environ['TORCHINDUCTOR_CACHE_DIR']); timed()"
    folders = {outcome(start, tmp_path, script, "a")[1][0].doing for _ in range(2)}
    assert len(folders) == 2
    assert not any(Path(folder).exists() for folder in folders)


def test_a_failed_allocation_below_python_is_out_of_memory(start: Start, tmp_path: Path) -> None:
    script = "step('a', 'first call'); print('  what():  std::bad_alloc', file=sys.stderr); os.abort()"
    done, _ = outcome(start, tmp_path, script, "a")
    assert done.failed["a"].status == "oom"


def test_the_kernels_own_kills_are_out_of_memory(start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    counts = iter(range(100))
    monkeypatch.setattr(launch, "_kernel_oom_kills", lambda: next(counts))
    done, _ = outcome(start, tmp_path, "step('a', 'time'); os.kill(os.getpid(), signal.SIGKILL)", "a")
    assert done.failed["a"].status == "oom"


def test_a_worker_that_never_starts_fails_all(start: Start, tmp_path: Path) -> None:
    done, _ = outcome(start, tmp_path, "sys.exit('no such thing')", "a", "b")
    assert {name: failed.reason for name, failed in done.failed.items()} == dict.fromkeys(
        "ab", "start: the worker ended with status 1: no such thing"
    )
    assert done.timed is None


@_NEEDS_LINUX
@pytest.mark.parametrize(
    "script",
    [
        "",
        "sys.exit('no torch here')",
        "import threading; threading.Timer(600, print).start(); fork_server.main()",
    ],
)
def test_without_a_server_that_may_fork_workers_are_spawned(
    script: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processes, "COMMAND", [sys.executable, "-I", str(tmp_path / "worker.py")])
    with server(monkeypatch, tmp_path / "worker.py", script) as useless:
        done, _ = outcome(useless.start, tmp_path, "timed()", "a")
        assert done.timed is not None


@_NEEDS_LINUX
def test_a_server_that_dies_takes_its_worker_along_and_is_done_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processes, "COMMAND", [sys.executable, "-I", str(tmp_path / "worker.py")])
    script = """
from vidgauge.limits import die_with_parent
die_with_parent()
step("a", str(os.getpid()))
if "fatal" in names:
    step("fatal", "first call")
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)
timed()
"""
    with server(monkeypatch, tmp_path / "worker.py", "fork_server.main()") as mortal:
        done, _ = outcome(mortal.start, tmp_path, script, "a", "fatal")
    assert done.failed["fatal"].reason == "first call: the worker was killed by SIGKILL"
    assert done.timed is not None


@_NEEDS_LINUX
def test_forks_are_children_of_one_server_that_ends_with_its_context(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with server(monkeypatch, tmp_path / "worker.py", "fork_server.main()") as forking:
        script = "step('a', str(os.getppid())); timed()"
        parents = {outcome(forking.start, tmp_path, script, "a")[1][0].doing for _ in range(2)}
    (parent,) = parents
    assert int(parent) != os.getpid()
    assert not _lives(int(parent))
