"""What ships: halves that make the same videos, and a card whose numbers are those of the records."""

import json
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from vidgauge.cli import run
from vidgauge.environment import Environment
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.files import sha256
from vidgauge.record import Measure, ProtocolRef, Record, Subject
from vidgauge.reference_models.pipeline import no_advance
from vidgauge.reference_models.shipped import SystemCard
from vidgauge.reference_models.shipping import making
from vidgauge.reference_models.shipping.halving import fits_half, halve
from vidgauge.reference_models.shipping.making import command_of, ship
from vidgauge.reference_models.shipping.quality import quality_of
from vidgauge.reference_models.training.data import Shapes
from vidgauge.reference_models.training.request import Request
from vidgauge.reference_models.training.trainer import train
from vidgauge.reference_models.training.weights import load_pipeline, read_facts, save_weights
from vidgauge.store import Store

HERE = Environment(system="Linux", python="3.11", cpu="a CPU", cpus=2, threads=1, libraries={"torch": "2"}, ffmpeg={})


@pytest.fixture(scope="module")
def trained(toy: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a toy that was trained for a moment."""
    del toy
    folder = tmp_path_factory.mktemp("trained")
    train(Request(system="toy/tiny", steps=4, seed=3, data=Shapes.facts), Shapes(), folder)
    return folder


def record(kind: str, videos: str, value: float | None, less: str | None = None, **more: Any) -> Record:  # noqa: ANN401
    """As the contest of learning leaves it."""
    config = {"size": "16x8x8", "clips": 256, "videos": videos, "less": less} | more
    given: dict[str, Any] = {"value": value, "low": value and value - 1, "high": value and value + 2, "level": 0.95}
    if value is None:
        given = {"status": "failed", "reason": "too few"}
    return Record(
        subject=Subject(kind=kind, name="toy/tiny" if kind == "system" else "real clips", config=config),
        measure=Measure(name="fvd", unit="1", better="lower"),
        protocol=ProtocolRef(name="fvd.shapes", fingerprint="f"),
        environment=HERE.fingerprint,
        code="abc",
        run="r",
        n=256,
        **given,
    )


@pytest.fixture
def records(trained: Path, tmp_path: Path) -> Path:
    """What is recorded of the toy, of baselines, of other videos, and of other weights."""
    mine = {"weights": sha256(trained / "weights.safetensors")}
    measured = [
        record("system", "samples", 30.0, weights="of another toy"),
        record("videos", "frozen", 50.0),
        record("videos", "frozen", 70.0, size="16x64x64"),
        record("system", "samples", 20.0, **mine),
        record("system", "samples, temporal layers off", 90.0, **mine),
        record("system", "samples", -30.0, less="frozen", **mine),
    ]
    with Store(tmp_path / "store.sqlite") as store:
        for one in measured:
            store.add(one, HERE)
        store.export_json(tmp_path / "learning.json")
    return tmp_path / "learning.json"


def test_the_command_ships_what_was_trained(
    trained: Path, records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "weights"
    assert run(["weights", "ship", str(trained), "--records", str(records), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "toy-tiny.safetensors: " in said
    assert "fvd.shapes of 256 videos: samples 20 [19, 22]; samples, temporal layers off 90 [89, 92]; frozen 50" in said
    assert said.endswith("toy scale: says nothing about the published system\n")
    card = SystemCard.model_validate(tomllib.loads((out / "toy-tiny.toml").read_text("utf-8")))
    file = out / card.file
    assert (card.name, card.sha256, card.bytes) == ("toy/tiny", sha256(file), file.stat().st_size)
    assert card.training.command == "vidgauge train toy/tiny --out runs/toy-tiny --seed 3 --steps 4"
    assert card.training.steps == {"image": 3, "video": 1}
    assert card.halving.trained_sha256 == sha256(trained / "weights.safetensors")
    assert card.halving.largest_pixel_difference <= 1
    assert [(one.videos, one.system, one.value) for one in card.quality.distances] == [
        ("samples", True, 20.0), ("samples, temporal layers off", True, 90.0), ("frozen", False, 50.0),
    ]  # fmt: skip
    assert card.quality.environment == HERE
    before, facts = load_pipeline(trained / "weights.safetensors")
    after, facts_then = load_pipeline(file)
    assert facts_then == facts
    for one, other in zip(before.state_dict().values(), after.state_dict().values(), strict=True):
        assert other.dtype is torch.float32
        torch.testing.assert_close(other, one.half().float(), rtol=0, atol=0)


def test_what_float16_cannot_hold_stays_and_is_named(tmp_path: Path) -> None:
    tensors = {
        "large": torch.tensor([1.0, 70_000.0]),
        "small": torch.tensor([1e-6, -3e-7]),
        "one that vanishes": torch.tensor([1.0, 1e-9]),
        "nothing": torch.zeros(3),
        "none": torch.zeros(0),
        "whole": torch.tensor([70_000]),
    }
    save_file(tensors, tmp_path / "a.safetensors", {"who": "me"})
    assert set(halve(tmp_path / "a.safetensors", tmp_path / "b.safetensors")) == {"large", "small"}
    dtypes = {name: tensor.dtype for name, tensor in load_file(tmp_path / "b.safetensors").items()}
    assert dtypes == {
        "large": torch.float32, "small": torch.float32, "one that vanishes": torch.float16, "nothing": torch.float16,
        "none": torch.float16, "whole": torch.int64,
    }  # fmt: skip
    with safe_open(tmp_path / "b.safetensors", "pt") as file:
        assert file.metadata() == {"who": "me"}
    assert fits_half(torch.randn(1000, generator=torch.Generator().manual_seed(0)))


def test_nothing_ships_without_its_records(trained: Path, records: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no samples of the weights with sha256 123; measure them"):
        quality_of("123", records)
    (tmp_path / "listed.json").write_text(json.dumps(json.loads(records.read_text())["records"]))
    digest = sha256(trained / "weights.safetensors")
    with pytest.raises(UsageError, match="does not say on what machine"):
        quality_of(digest, tmp_path / "listed.json")
    with Store(tmp_path / "failed.sqlite") as store:
        store.add(record("system", "samples", None, weights=digest), HERE)
    with pytest.raises(UsageError, match=r"toy/tiny has no fvd with an interval \(too few\)"):
        quality_of(digest, tmp_path / "failed.sqlite")


def test_what_is_not_as_it_ships_is_refused(
    trained: Path, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(match: str, given: Path = trained) -> None:
        with pytest.raises(VidgaugeError, match=match):
            ship(given, records, tmp_path / "out", no_advance)
        assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True

    monkeypatch.setattr(making, "MOST_BYTES", 1000)
    refused("bytes in float16; what ships takes 1,000 at most")
    monkeypatch.setattr(making, "MOST_BYTES", 1_700_000)
    monkeypatch.setattr(making, "differences", lambda *_: (200, 1.5))
    refused(r"makes other videos, 1\.5 of 255 levels away")
    facts = read_facts(trained / "weights.safetensors")
    pipeline, _ = load_pipeline(trained / "weights.safetensors")
    for change, said in (({"data": {"name": "mine"}}, "on mine"), ({"begin": "abc"}, "from other weights")):
        other = facts.model_copy(update={"request": facts.request.model_copy(update=change)})
        save_weights(pipeline, other, tmp_path / "weights.safetensors")
        refused(f"was trained {said}", tmp_path)


def test_the_command_on_the_card_has_all_options() -> None:
    request = Request(system="a/b", data=Shapes.facts, seconds=9.5, phases=("x", "y"), learning_rate=0.5)
    assert command_of(request, "moving-shapes:sepia") == (
        "vidgauge train a/b --out runs/a-b --seconds 9.5 --phases x,y --learning-rate 0.5 --data moving-shapes:sepia"
    )
    assert command_of(Request(system="a/b", data=Shapes.facts), "moving-shapes") == "vidgauge train a/b --out runs/a-b"
