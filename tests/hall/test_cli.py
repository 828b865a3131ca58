"""The command line: one line for each error, and exit statuses that scripts can rely on."""

import json
import os
import pkgutil
import signal
import sys
from types import ModuleType

import pytest

from vidgauge.cli import main, run
from vidgauge.errors import UsageError, VidgaugeError


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """A command ``fail`` that raises the exception put in the list."""
    raised: list[Exception] = []

    def fail() -> None:
        raise raised[0]

    module = ModuleType("vidgauge.commands.fail")
    module.fail = fail  # type: ignore[attr-defined]  # as the module's code would
    monkeypatch.setitem(sys.modules, "vidgauge.commands.fail", module)
    found = type("Found", (), {"name": "fail"})
    monkeypatch.setattr(pkgutil, "iter_modules", lambda _: [found, type("Found", (), {"name": "list_"})])
    return raised


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (VidgaugeError("the disk is full"), 1, "vidgauge: the disk is full\n"),
        (UsageError("no such thing\nas this"), 2, "vidgauge: no such thing as this\n"),
        (RuntimeError("odd"), 1, "vidgauge: unexpected RuntimeError: odd; run again with --debug for the traceback\n"),
        (KeyboardInterrupt(), 130, "vidgauge: interrupted\n"),
    ],
)
def test_errors_are_one_line_and_a_status(
    failing: list[BaseException], capsys: pytest.CaptureFixture[str], error: BaseException, status: int, message: str
) -> None:
    failing.append(error)
    assert run(["fail"]) == status
    captured = capsys.readouterr()
    assert captured.err == message
    assert captured.out == ""


def test_debug_shows_the_traceback_wherever_it_stands(failing: list[Exception]) -> None:
    failing.append(VidgaugeError("inside"))
    with pytest.raises(VidgaugeError, match="inside"):
        run(["fail", "--debug"])


@pytest.mark.parametrize(
    "arguments", [["no-such-command"], ["list"], ["list", "--no-such-option"], ["list", "protocol"]]
)
def test_wrong_usage_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("vidgauge: ")
    assert error.count("\n") == 1


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert "score" in capsys.readouterr().out
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("vidgauge ")


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("protocols", "fvd.shapes"),
        ("layers", "conv3d"),
        ("networks", "shapes-classifier"),
        ("datasets", "moving-shapes"),
        ("suites", "quick"),
    ],
)
def test_list_gives_json_objects_with_a_name(capsys: pytest.CaptureFixture[str], what: str, expected: str) -> None:
    assert run(["list", what, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"]: row["summary"] for row in rows}[expected]  # other tests may have registered more


def test_a_terminated_command_ends_in_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tidied = []

    def terminated(arguments: list[str]) -> int:  # noqa: ARG001 - of the command line
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            return 0
        finally:
            tidied.append(True)

    monkeypatch.setattr("vidgauge.cli.run", terminated)
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == 143
    assert tidied
    assert capsys.readouterr().err == "vidgauge: terminated; what is finished is kept\n"
