"""The contest's patterns, within 2 % of their true peaks, in a process of its own."""

import json
import subprocess
import sys
from tempfile import TemporaryFile

import pytest

from vidgauge.bench import fork_server

pytestmark = pytest.mark.long

CHECKED = ("two at once", "tree of sums", "growing list", "growing tensor")
SCRIPT = f"""
import json
from vidgauge.bench.contests.peak_memory import measure, patterns

def main():
    found = [(one.true_bytes, measure(one)) for one in patterns() if one.name in {CHECKED}]
    print(json.dumps([(true, peak.model_dump()) for true, peak in found]))
"""
SERVER = """
from vidgauge.bench import fork_server, worker
worker.main = main
fork_server.main()
"""


def check(said: str) -> None:
    rows = json.loads(said)
    assert len(rows) == len(CHECKED)
    for true, peak in rows:
        assert peak["bytes"] == pytest.approx(true, rel=0.02)
        if peak["technique"] == "resident":
            assert peak["cross_check"] == true  # every block of these is torch's own


def test_both_techniques_come_within_two_percent() -> None:
    command = [sys.executable, "-P", "-c", SCRIPT + "main()"]
    check(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks")
def test_so_they_do_in_a_fork_as_workers_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_server, "_COMMAND", [sys.executable, "-P", "-c", SCRIPT + SERVER])
    monkeypatch.setattr(fork_server, "spawn", lambda *_: pytest.fail("it was not forked"))
    with fork_server.ForkServer() as server, TemporaryFile("w+") as task, TemporaryFile("w+") as errors:
        process = server.start({}, task, errors)
        with process.said as lines:
            said = lines.read()
        process.end()
    check(said)


def test_names_are_unique_and_there_are_at_least_ten() -> None:
    from vidgauge.bench.contests.peak_memory import MEBIBYTE, patterns

    names = [pattern.name for pattern in patterns()]
    assert len(names) == len(set(names)) >= 10
    assert all(16 * MEBIBYTE <= pattern.true_bytes <= 128 * MEBIBYTE for pattern in patterns())


def test_records_hold_the_error_of_each_technique(monkeypatch: pytest.MonkeyPatch) -> None:
    from vidgauge.bench.contests import LongContest
    from vidgauge.bench.contests import peak_memory as contest
    from vidgauge.bench.memory import Peak
    from vidgauge.environment import Environment

    def measured(pattern: contest.Pattern) -> Peak:
        return Peak(bytes=pattern.true_bytes * 5 // 4, technique="resident", runs=[0], cross_check=pattern.true_bytes)

    monkeypatch.setattr(contest, "measure", measured)
    assert not isinstance(contest.peak_memory, LongContest)
    told: list[float] = []
    records = list(contest.peak_memory(Environment.capture(), lambda fraction, _: told.append(fraction)))
    assert len(records) == 2 * len(list(contest.patterns()))
    assert {record.value for record in records if record.protocol.name.endswith("resident")} == {0.25}
    assert {record.value for record in records if record.protocol.name.endswith("events")} == {0.0}
    assert told == sorted(told)
    assert told[-1] == 1.0
