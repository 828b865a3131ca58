"""Weights are found in order, verified, and never executed; what is missing is said with what to do."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vidgauge.errors import VidgaugeError
from vidgauge.weights import WeightsCard, load_into, load_tensors, locate, read_tensors


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no chosen folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("VIDGAUGE_WEIGHTS", raising=False)
    monkeypatch.delenv("VIDGAUGE_OFFLINE", raising=False)
    return tmp_path


def written(folder: Path, value: float = 1.0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    save_file({"weight": torch.full((2, 3), value)}, folder / "net.safetensors")
    return folder / "net.safetensors"


def card(file: Path, **changes: str) -> WeightsCard:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    fields: dict[str, str] = {"name": "net", "file": file.name, "sha256": digest, "licence": "none"}
    return WeightsCard.model_validate(fields | changes)


def test_the_chosen_folder_comes_before_the_shipped_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen, shipped = written(home / "chosen"), written(home / "shipped")
    assert locate(card(shipped), shipped.parent) == shipped
    monkeypatch.setenv("VIDGAUGE_WEIGHTS", str(chosen.parent))
    assert locate(card(shipped), shipped.parent) == chosen


def test_a_file_is_fetched_once_and_verified(home: Path) -> None:
    source = written(home / "remote")
    wanted = card(source, url=source.as_uri())
    path = locate(wanted)
    assert path == home / "cache" / "vidgauge" / "weights" / "net.safetensors"
    source.unlink()
    assert torch.equal(load_tensors(wanted)["weight"], torch.ones(2, 3))
    assert [item.name for item in path.parent.iterdir()] == ["net.safetensors"]


def test_another_file_of_that_name_is_refused(home: Path) -> None:
    shipped = written(home / "shipped")
    wanted = card(shipped)
    written(home / "shipped", value=2.0)
    with pytest.raises(VidgaugeError, match="has sha256"):
        locate(wanted, shipped.parent)


def test_without_a_published_digest_the_first_one_is_kept(home: Path) -> None:
    shipped = written(home / "shipped")
    wanted = card(shipped, sha256="")
    locate(wanted, shipped.parent)
    written(home / "shipped", value=2.0)
    with pytest.raises(VidgaugeError, match="has sha256"):
        locate(wanted, shipped.parent)


def test_missing_weights_say_what_to_put_where(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = card(written(home / "x"), url=(home / "nowhere" / "net.safetensors").as_uri())
    with pytest.raises(VidgaugeError) as unreachable:
        locate(gone)
    for part in (
        "net.safetensors",
        gone.url,
        gone.sha256,
        str(home / "cache" / "vidgauge" / "weights"),
        "VIDGAUGE_WEIGHTS",
    ):
        assert part in str(unreachable.value)
    assert list((home / "cache" / "vidgauge" / "weights").iterdir()) == []
    monkeypatch.setenv("VIDGAUGE_OFFLINE", "1")
    with pytest.raises(VidgaugeError, match="VIDGAUGE_OFFLINE is set"):
        locate(gone)


def test_a_pickle_that_would_run_code_is_not_run(home: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (home / "ran",))  # type: ignore[return-value]  # what a hostile file would hold

    torch.save({"weight": Evil()}, home / "net.pt")
    with pytest.raises(VidgaugeError, match="cannot be read as state-dict"):
        load_tensors(card(home / "net.pt", format="state-dict"), home)
    assert not (home / "ran").exists()


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning", "ignore:.*torch.jit.*:FutureWarning")
def test_all_formats_give_the_same_tensors(home: Path) -> None:
    module = torch.nn.Linear(3, 2)
    save_file(module.state_dict(), home / "a.safetensors")
    torch.save(module.state_dict(), home / "b.pt")
    torch.jit.script(module).save(home / "c.pt")  # type: ignore[no-untyped-call]  # torch leaves it so
    np.savez(home / "d.npz", weight=module.weight.detach().numpy(), bias=module.bias.detach().numpy())
    torch.save({"epoch": 3, "module": module.state_dict()}, home / "e.pth")
    for file, form in (
        ("a.safetensors", "safetensors"),
        ("b.pt", "state-dict"),
        ("c.pt", "torchscript"),
        ("d.npz", "npz"),
        ("e.pth", "state-dict"),
    ):
        tensors = load_tensors(card(home / file, format=form), home)
        assert tensors.keys() == {"weight", "bias"}
        assert torch.equal(tensors["weight"], module.weight)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning", "ignore:.*torch.jit.*:FutureWarning")
def test_without_a_card_the_name_says_the_format_and_no_code_is_run(home: Path) -> None:
    module = torch.nn.Linear(3, 2)
    np.savez(home / "a.npz", weight=np.ones(3, np.float32))
    torch.save(module.state_dict(), home / "b.pth")
    assert read_tensors(home / "a.npz").keys() == {"weight"}
    assert read_tensors(home / "b.pth").keys() == {"weight", "bias"}
    torch.jit.script(module).save(home / "c.pt")  # type: ignore[no-untyped-call]  # torch leaves it so
    np.savez(home / "d.npz", weight=np.array([print], object))
    (home / "e.npz").write_bytes(b"PK\x03\x04 no archive")
    for name, form in (("c.pt", "state-dict"), ("d.npz", "npz"), ("e.npz", "npz")):
        with pytest.raises(VidgaugeError, match=f"{name} cannot be read as {form}"):
            read_tensors(home / name)


def test_tensors_must_fit_the_module() -> None:
    module = torch.nn.Linear(3, 2)
    good = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}
    load_into(module, good, "file")
    assert torch.equal(module.weight, good["weight"])
    with pytest.raises(VidgaugeError, match="file does not fit Linear: it lacks bias"):
        load_into(module, {"weight": good["weight"]}, "file")
    with pytest.raises(VidgaugeError, match="has the unknown extra"):
        load_into(module, good | {"extra": torch.zeros(1)}, "file")
    with pytest.raises(VidgaugeError, match="has another shape for weight"):
        load_into(module, good | {"weight": torch.ones(3, 2)}, "file")
