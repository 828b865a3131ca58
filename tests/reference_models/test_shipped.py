"""Shipped systems: what is there is what its card says, and nothing else is taken for it."""

from pathlib import Path

import pytest

from vidgauge.errors import VidgaugeError
from vidgauge.files import sha256
from vidgauge.metrics.weights import FOLDER as JUDGES
from vidgauge.reference_models import shipped as subject
from vidgauge.reference_models.shipped import CARDS, FOLDER, TOY_SCALE, SystemCard, names, shipped
from vidgauge.reference_models.training.weights import load_pipeline

MOST_BYTES, MOST_BYTES_TOGETHER = 1_700_000, 15_000_000


def card(**changes: object) -> SystemCard:
    """Of a file that is nowhere."""
    given = {
        "name": "toy/tiny", "file": "toy-tiny.safetensors", "sha256": "0" * 64, "bytes": 1, "licence": "Apache-2.0",
        "network": "toy/tiny", "scale": TOY_SCALE, "parameters": 1, "gives": [16, 8, 8],
        "training": {
            "command": "vidgauge train toy/tiny --out runs/toy-tiny", "commit": "abc", "data": "moving-shapes",
            "data_seed": 0, "seed": 0, "steps": {"image": 3}, "losses": {"image": 0.5}, "device": "a CPU",
            "torch": "2.15", "seconds": 1.0,
        },
        "halving": {
            "trained_sha256": "1" * 64, "kept_in_float32": [], "videos": 4, "largest_pixel_difference": 1,
            "mean_pixel_difference": 0.1,
        },
        "quality": {
            "protocol": {"name": "fvd.shapes", "fingerprint": "f"}, "size": "16x8x8", "n": 256, "level": 0.95,
            "code": "abc", "time": "2026-01-01T00:00:00Z", "distances": [],
            "environment": {
                "system": "Linux", "python": "3.11", "cpu": "a CPU", "cpus": 2, "memory_bytes": 1, "threads": 1,
                "gpu": None, "driver": None, "libraries": {}, "ffmpeg": {},
            },
        },
    }  # fmt: skip
    return SystemCard.model_validate(given | changes)


def test_all_that_ships_is_small_and_what_its_card_says() -> None:
    for name in names():
        path, said = shipped(name), CARDS[name]
        assert path is not None
        assert (path.parent, path.name, path.stat().st_size) == (FOLDER, said.file, said.bytes)
        assert path.stat().st_size <= MOST_BYTES
        _, facts = load_pipeline(path)
        assert (facts.request.system, facts.parameters, facts.gives) == (name, said.parameters, said.gives)
        assert (facts.steps, facts.losses) == (said.training.steps, said.training.losses)
        assert said.scale == TOY_SCALE
    files = [*FOLDER.glob("*.safetensors"), *JUDGES.glob("*.safetensors")]
    assert sum(file.stat().st_size for file in files) < MOST_BYTES_TOGETHER
    assert {file.stem for file in FOLDER.glob("*.safetensors")} == {file.stem for file in FOLDER.glob("*.toml")}


def test_what_does_not_ship_is_not_there() -> None:
    assert shipped("vdm/ucf101") is None
    assert shipped("nothing") is None


def test_a_file_that_is_not_the_cards_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names()  # the folder is read before the toy comes
    monkeypatch.setattr(subject, "FOLDER", tmp_path)
    monkeypatch.setitem(CARDS._entries, "toy/tiny", card())
    with pytest.raises(VidgaugeError, match=r"'toy/tiny'.*no public address"):
        shipped("toy/tiny")
    file = tmp_path / "toy-tiny.safetensors"
    file.write_bytes(b"weights")
    with pytest.raises(VidgaugeError, match=r"'toy/tiny'.*has sha256 .*, not 000"):
        shipped("toy/tiny")
    monkeypatch.setitem(CARDS._entries, "toy/tiny", card(sha256=sha256(file)))
    assert shipped("toy/tiny") == file
