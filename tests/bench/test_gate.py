"""``vidgauge profile --fail-if slower``: an exit status from ratios inside one run, here made up."""

import sys
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
    subject = Subject(kind="layer", name=name, config={"case": "the case", "direction": "inference"})
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
        ([BASELINE, ratio("b", "faster"), ratio("c", "slower")], 1, "slower: c (the case, inference)"),
        ([BASELINE, ratio("b", "equal"), BROKEN], 1, "broke: d (the case, inference)"),
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


def test_the_documented_gate_loads_two_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As docs/profiling.md shows it, with a shorter budget; whatever the verdict, it ends with an exit status."""
    blocks = (Path(__file__).parents[2] / "docs" / "profiling.md").read_text("utf-8").split("```python\n")[1:]
    (code,) = (block.partition("```")[0] for block in blocks if "load(Path(" in block)
    for folder, number in (("before", 1), ("now", 2)):
        package = tmp_path / folder / "mylayers"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("from .attention import attend, make_input, number\n")
        (package / "attention.py").write_text(f"number = {number}\nmake_input = int\nattend = abs\n")
    monkeypatch.chdir(tmp_path / "now")
    names: dict[str, Any] = {"__name__": "gate"}
    with pytest.raises(SystemExit) as ended:
        exec(compile(code.replace("budget_seconds=5", "budget_seconds=0.01"), "gate.py", "exec"), names)
    assert (names["before"].number, names["after"].number) == (1, 2)
    assert ended.value.code in (False, True)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("before", "after")]:
        del sys.modules[name]
