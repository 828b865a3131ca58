"""``vidgauge profile --fail-if slower``: an exit status from ratios inside one run, here made up."""

from pathlib import Path
from typing import Any

import pytest

import vidgauge.bench
from vidgauge.bench.case_records import RATIO
from vidgauge.cli import run
from vidgauge.record import ProtocolRef, Record, Subject

PROTOCOL = ProtocolRef(name="latency.interleaved", fingerprint="0")


def ratio(name: str, verdict: str, **fields: Any) -> Record:  # noqa: ANN401 - Record's fields
    measured: dict[str, Any] = {
        "value": 1.0,
        "no_interval": "made up",
        "details": {"verdict": verdict, "baseline": "a"},
    }
    subject = Subject(kind="layer", name=name, config={"case": "the case"})
    return Record(
        subject=subject, measure=RATIO, protocol=PROTOCOL, environment="0", run="0", **(fields or measured)
    )  # fmt: skip


BASELINE = ratio("a", "slower")  # than itself: the noise floor, which is no reason to fail
BROKEN = ratio("d", "", status="oom", reason="too large")
SKIPPED = ratio("e", "", status="skipped", reason="not here")


@pytest.mark.parametrize(
    ("records", "status", "said"),
    [
        ([BASELINE, ratio("b", "faster"), ratio("c", "undecided"), SKIPPED], 0, ""),
        ([BASELINE, ratio("b", "faster"), ratio("c", "slower")], 1, "1 slower: the case: c"),
        ([BASELINE, ratio("b", "equal"), BROKEN], 1, "1 broke: the case: d"),
        ([BASELINE, SKIPPED], 1, "nothing was compared with a baseline"),
    ],
)
def test_the_exit_status_follows_the_verdicts(
    records: list[Record],
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(vidgauge.bench, "profile", lambda *_, **__: records, raising=False)
    command = ["profile", "quick", "--store", str(tmp_path / "store.sqlite"), "--json"]
    assert run([*command, "--fail-if", "slower"]) == status
    captured = capsys.readouterr()
    assert captured.err == (f"vidgauge: --fail-if slower: {said}\n" if said else "")
    assert captured.out.startswith("[{")  # the records come out all the same
    assert run(command) == 0
