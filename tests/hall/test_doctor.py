"""``vidgauge doctor``: what it finds is so, and what is broken fails."""

import json
import os
import shutil
from pathlib import Path

import av
import pytest
import torch

from vidgauge.bench import memory
from vidgauge.cli import run
from vidgauge.weights import fetching


def checks(capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[str, str]]:
    assert run(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["environment"]["libraries"]["torch"] == torch.__version__.partition("+")[0]
    return {check["name"]: (check["status"], check["finding"]) for check in report["checks"]}


def test_a_line_for_each_thing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} <= {"ok", "limited"}
    for name in ("software", "processor", "GPU", "peak memory", "torch.compile", "decoders", "weights shapes-clip"):
        assert sum(line[9:].startswith(f"{name} ") for line in lines) == 1


def test_what_is_not_there_is_limited(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise memory.NotMeasurableError("no counter")

    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(memory, "peak_bytes", refuse)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"av1", "vp9"})
    monkeypatch.setattr(os, "getloadavg", lambda: (1000.0, 1000.0, 1000.0))
    found = checks(capsys)
    for name in ("GPU", "peak memory", "torch.compile", "load"):
        assert found[name][0] == "limited"
    assert found["decoders"][0] == "limited"
    assert found["decoders"][1].endswith("built without vp9, av1")
    assert "no counter" in found["peak memory"][1]


def test_damaged_weights_are_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGAUGE_WEIGHTS", str(tmp_path))
    (tmp_path / "shapes-clip.safetensors").write_bytes(b"not these")
    assert run(["doctor"]) == 1
    captured = capsys.readouterr()
    assert any(
        line.startswith("broken") and "shapes-clip" in line and "sha256" in line for line in captured.out.splitlines()
    )
    assert captured.err == "vidgauge: weights shapes-clip: broken; see above\n"


def test_nothing_is_fetched(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("VIDGAUGE_WEIGHTS", raising=False)
    monkeypatch.setattr(fetching, "urlopen", lambda *_, **__: pytest.fail("fetched"))
    found = checks(capsys)
    for name, what in (("clip-vit-b-32", "https://"), ("c3d-ucf101-torchscript", "--trust")):
        status, finding = found[f"weights {name}"]
        assert status == "limited"
        assert what in finding
