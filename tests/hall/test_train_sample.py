"""Training and sampling from the command line: what docs/systems.md shows works, with a toy in place of a system."""

import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from vidgauge import cli
from vidgauge.reference_models.systems import PIPELINES, PipelinePreset

PAGE = Path(__file__).parents[2] / "docs" / "systems.md"
TOY = Path(__file__).parents[1] / "reference_models" / "toy_pipeline.py"


@pytest.fixture(scope="module", autouse=True)
def toy() -> Iterator[None]:
    """A pipeline of a few hundred parameters, as toy/tiny."""
    spec = importlib.util.spec_from_file_location("toy_pipeline", TOY)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    PIPELINES.register("toy/tiny")(PipelinePreset("a toy", module.Toy))
    yield
    del PIPELINES._entries["toy/tiny"]


def blocks() -> Iterator[tuple[str, str]]:
    """The page's code, smaller: Python whole, commands one by one."""
    page = PAGE.read_text("utf-8").replace("vdm/tiny", "toy/tiny")
    page = re.sub(r"--count \d+", "--count 3", re.sub(r"--steps 2\d+", "--steps 4", page)).replace(
        "count=64", "count=3"
    )
    for language, block in re.findall(r"```(sh|python)\n(.*?)```", page, re.DOTALL):
        yield from ((language, line) for line in block.splitlines()) if language == "sh" else [(language, block)]


def test_the_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.txt").write_text("a red star drifts left over blue stripes\na blue ring spins clockwise\n")
    first: list[tuple[str, str]] = []
    later: list[tuple[str, str]] = []
    for language, code in blocks():
        needs_videos = "--data " in code or "vidgauge list" in code
        (later if needs_videos else first).append((language, code))
    assert [language for language, _ in first] == ["sh"] * 4 + ["python", "sh", "sh", "python"]
    names: dict[str, object] = {}
    for language, code in [*first, *later[1:]]:  # the list itself is another test's
        if "videos/captioned" in code:
            (tmp_path / "videos" / "vdm").rename(tmp_path / "videos" / "captioned")
        if language == "python":
            exec(compile(code, str(PAGE), "exec"), names)
        else:
            assert cli.run(shlex.split(code)[1:]) == 0, capfd.readouterr().err
    printed = capfd.readouterr().out
    assert "image: 3 steps, loss " in printed
    assert "videos/prompts: 2 videos, 2 of them new" in printed
    assert printed.count("clipsim.shapes") == 2
    assert json.loads((tmp_path / "videos/prompts/manifest.jsonl").read_text().splitlines()[1])["guidance"] == 2
    assert tuple(names["frames_bthwc"].shape) == (1, 16, 8, 8, 3)  # type: ignore[attr-defined] # a tensor


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["train", "toy/tinny", "--out", "x"], "there is no pipeline 'toy/tinny'; did you mean 'toy/tiny'"),
        (["train", "toy/tiny", "--out", "x", "--steps", "4", "--seconds", "1"], "both say how long"),
        (["train", "toy/tiny", "--out", "x", "--steps", "1"], "1 steps for 2 phases (image, video)"),
        (["train", "toy/tiny", "--out", "x", "--data", "nothing"], "neither a file or folder nor a data set"),
        (["train", "toy/tiny", "--out", "x", "--phases", "imag"], "there is no phase 'imag'; did you mean 'image'"),
        (["train", "toy/tiny", "--out", "x", "--begin", "nowhere"], "nowhere: holds no weights.safetensors"),
        (["train", "toy/tiny", "--out", "x", "--data", "moving-shapes:sepai"], "no style 'sepai'; did you mean"),
        (
            ["sample", "toy/tiny", "--out", "x"],
            "no weights of toy/tiny ship with vidgauge; run 'vidgauge train toy/tiny --out runs/toy-tiny'",
        ),
        (["sample", "nowhere", "--out", "x"], "nowhere: holds no weights.safetensors"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    arguments: list[str],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(arguments) == 2
    error = capfd.readouterr().err
    assert reason in error
    assert error.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_several_processes_do_not_train(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert cli.run(["train", "toy/tiny", "--out", "x"]) == 2
    assert "without torchrun" in capfd.readouterr().err
