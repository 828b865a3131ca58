"""Files under published names become ours: recognised, checked against their network, converted; random stand-ins."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics.networks import build_network
from vidgauge.metrics.networks.c3d import C3D, CHAINER_NAMES
from vidgauge.metrics.networks.i3d import PORTED_NAMES
from vidgauge.metrics.published import in_our_names, recognise, take, use_of
from vidgauge.metrics.weights import CARDS
from vidgauge.weights import WeightsCard, cache_folder, conversion, digest, load_tensors, sha256

TINY: dict[str, Any] = {"frames": 4, "size": 28, "width": 16, "depth": 1, "heads": 2, "hidden": 32, "classes": 3}
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning", "ignore:.*torch.jit.*:FutureWarning")


class Leaf(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def save_archive(tensors: dict[str, torch.Tensor], path: Path) -> None:
    """A TorchScript archive whose state dict is this."""
    root = Leaf()
    for name, tensor in tensors.items():
        *places, last = name.split(".")
        module: torch.nn.Module = root
        for place in places:
            if place not in dict(module.named_children()):
                module.add_module(place, Leaf())
            module = module.get_submodule(place)
        module.register_buffer(last, tensor)
    torch.jit.script(root).save(path)  # type: ignore[no-untyped-call]  # torch leaves it so


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("VIDGAUGE_WEIGHTS", raising=False)
    monkeypatch.setenv("VIDGAUGE_OFFLINE", "1")
    return tmp_path


def entered(monkeypatch: pytest.MonkeyPatch, **fields: object) -> WeightsCard:
    """A card among the others for one test."""
    default = {"name": "tiny", "file": "tiny.pth", "format": "state-dict", "licence": "none"}
    card = WeightsCard.model_validate(default | fields)
    assert card.name not in CARDS
    monkeypatch.setitem(CARDS._entries, card.name, card)
    return card


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> WeightsCard:
    return entered(monkeypatch, network="videomae-g", network_parameters=TINY)


def published(
    path: Path, seed: int = 3, changes: dict[str, torch.Tensor | None] | None = None
) -> dict[str, torch.Tensor]:
    """Save a tiny VideoMAE as its authors save theirs, and return what was meant."""
    state = build_network("videomae-g", seed=seed, **TINY).state_dict()
    theirs = {f"module.{name}": tensor for name, tensor in state.items()} | (changes or {})
    torch.save({"module": {name: tensor for name, tensor in theirs.items() if tensor is not None}, "epoch": 3}, path)
    return state


def test_a_published_file_is_converted_once(home: Path, card: WeightsCard) -> None:
    path = home / "tiny.pth"
    state = published(path)
    note = take(card, path, trust=False)
    assert note is not None
    assert (note.source, note.source_sha256, note.source_format) == ("tiny.pth", sha256(path), "state-dict")
    assert load_file(note.path).keys() == state.keys()
    path.write_bytes(b"not looked at any more")
    again = build_network("videomae-g", weights="tiny", **TINY).state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in state.items())
    assert digest(card) == note.source_sha256


def test_what_does_not_fit_its_network_is_refused(home: Path, card: WeightsCard) -> None:
    path = home / "tiny.pth"
    cases: list[tuple[dict[str, torch.Tensor | None], str]] = [
        ({"module.head.weight": None}, r"lacks head\.weight"),
        ({"module.head.weight": torch.zeros(2, 2)}, r"has another shape for head\.weight"),
        ({"module.more": torch.zeros(2)}, "has the unknown more"),
        ({"module.fc_norm.weight": None}, "is no fine-tuned VideoMAE"),
    ]
    for changes, problem in cases:
        published(path, changes=changes)
        with pytest.raises(VidgaugeError, match=rf"weights 'tiny': .*tiny\.pth is not what it should be: .*{problem}"):
            take(card, path, trust=False)
    assert not cache_folder().exists()


def test_another_file_does_not_take_the_place_of_the_first(home: Path, card: WeightsCard) -> None:
    published(home / "tiny.pth")
    note = take(card, home / "tiny.pth", trust=False)
    assert note is not None
    assert take(card, home / "tiny.pth", trust=False) is not None  # the same one may come again
    published(home / "other.pth", seed=4)
    with pytest.raises(VidgaugeError, match=rf"of the file that is here already; remove .*{note.path.name} first"):
        take(card, home / "other.pth", trust=False)
    note.path.unlink()
    assert take(card, home / "other.pth", trust=False) is not None
    assert digest(card) == sha256(home / "other.pth")


def test_a_stated_digest_must_be_the_files(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = entered(monkeypatch, network="videomae-g", network_parameters=TINY, sha256="0" * 64)
    published(home / "tiny.pth")
    with pytest.raises(VidgaugeError, match=f"has sha256 [0-9a-f]{{64}}, not {'0' * 64}"):
        take(card, home / "tiny.pth", trust=True)
    (home / "tiny.pth").write_text("<html>quota exceeded</html>")
    with pytest.raises(VidgaugeError, match=r"is not tiny\.pth: a web page, not the file"):
        take(card, home / "tiny.pth", trust=True)


def test_safetensors_and_what_has_no_network_are_copied(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = entered(
        monkeypatch, file="tiny.safetensors", format="safetensors", network="videomae-g", network_parameters=TINY
    )
    state = build_network("videomae-g", seed=1, **TINY).state_dict()
    save_file(state, home / "mine.safetensors")
    assert take(card, home / "mine.safetensors", trust=False) is None
    assert (cache_folder() / "tiny.safetensors").read_bytes() == (home / "mine.safetensors").read_bytes()
    assert load_tensors(card).keys() == state.keys()
    assert digest(card) == sha256(home / "mine.safetensors")
    save_file({"x": torch.ones(1)}, home / "wrong.safetensors")
    other = entered(monkeypatch, name="other", file="o.safetensors", format="safetensors", network="videomae-g")
    with pytest.raises(VidgaugeError, match="is not what it should be"):
        take(other, home / "wrong.safetensors", trust=False)
    nowhere = entered(monkeypatch, name="nowhere", file="nowhere.pt")
    torch.save({"a": torch.ones(2)}, home / "x.pt")
    assert take(nowhere, home / "x.pt", trust=False) is None
    assert load_tensors(nowhere).keys() == {"a"}


def test_files_are_recognised(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = entered(monkeypatch, network="videomae-g", network_parameters=TINY)
    published(home / "renamed.bin")
    assert recognise(home / "renamed.bin", trust=False) is card  # by its tensors
    published(home / "tiny.pth")
    assert recognise(home / "tiny.pth", trust=False) is card  # by its name
    stated = entered(monkeypatch, name="stated", file="stated.pth", sha256=sha256(home / "renamed.bin"))
    assert recognise(home / "renamed.bin", trust=False) is stated  # by its digest, which nothing outweighs
    entered(monkeypatch, name="twin", file="twin.pth", network="videomae-g", network_parameters=TINY)
    published(home / "another.bin", seed=5)
    with pytest.raises(UsageError, match="may be tiny or twin; say which, such as --as tiny"):
        recognise(home / "another.bin", trust=False)
    torch.save({"a": torch.ones(1)}, home / "foreign.pt")
    with pytest.raises(VidgaugeError, match=r"known neither by its sha256 .* nor by its name, nor by its tensors; "):
        recognise(home / "foreign.pt", trust=False)


def test_files_of_one_digest_are_told_apart_by_their_names(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the two Inceptions are, which are one file."""
    published(home / "b.pth")
    for name in ("a", "b"):
        entered(monkeypatch, name=name, file=f"{name}.pth", sha256=sha256(home / "b.pth"))
    assert recognise(home / "b.pth", trust=False).name == "b"
    with pytest.raises(UsageError, match="may be a or b"):
        recognise((home / "b.pth").rename(home / "c.pth"), trust=False)
    assert CARDS["inception-pytorch-fid"].sha256 == CARDS["inception-torch-fidelity"].sha256


def test_an_archive_is_opened_once_and_only_if_trusted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = build_network("i3d", seed=2)
    ours = network.state_dict()
    path = home / "downloaded.pt"
    save_archive({theirs: ours[own] for own, theirs in PORTED_NAMES[1].items()}, path)
    card = entered(monkeypatch, file="tiny.pt", format="torchscript", network="i3d")
    opened: list[Path] = []
    load = torch.jit.load

    def watched(path: Path, **options: str) -> object:
        opened.append(path)
        return load(path, **options)  # type: ignore[no-untyped-call]  # torch leaves it so

    monkeypatch.setattr(torch.jit, "load", watched)
    with pytest.raises(VidgaugeError, match=r"to look at its tensors is to run its code.* add it with --trust"):
        recognise(path, trust=False)
    with pytest.raises(VidgaugeError, match=r"runs code of its own.*: vidgauge weights add .*--as tiny --trust"):
        take(card, path, trust=False)
    assert opened == []
    assert recognise(path, trust=True) is card
    note = take(card, path, trust=True)
    assert note is not None
    assert note.trusted
    assert len(opened) == 2
    again = build_network("i3d", weights="tiny").state_dict()
    assert len(opened) == 2
    assert all(torch.equal(again[name], ours[name]) for name in PORTED_NAMES[1])
    stated = entered(monkeypatch, name="stated", file="s.pt", format="torchscript", network="i3d", sha256=sha256(path))
    note = take(stated, path, trust=False)
    assert note is not None
    assert not note.trusted


def test_settings_in_a_file_are_no_tensors_of_the_network(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = entered(monkeypatch, network="videomae-g", network_parameters=TINY, not_weights=("module.resolution",))
    published(home / "tiny.pth", changes={"module.resolution": torch.tensor(28)})
    note = take(card, home / "tiny.pth", trust=False)
    assert note is not None
    assert "resolution" not in load_file(note.path)


def test_the_parts_of_a_network_come_one_by_one() -> None:
    """C3D and its mean, in full size but without its memory."""
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in C3D().state_dict().items()}
    whole, mean = CARDS["c3d-ucf101"], CARDS["c3d-ucf101-mean"]
    theirs = {CHAINER_NAMES[name]: torch.zeros(1).expand(shape) for name, shape in shapes.items() if name != "mean"}
    clip = {"mean": torch.ones(1).expand(1, *shapes["mean"])}
    assert in_our_names(whole, theirs).keys() == shapes.keys() - {"mean"}
    found = in_our_names(mean, clip)
    assert found.keys() == {"mean"}
    assert found["mean"].shape == shapes["mean"]
    with pytest.raises(VidgaugeError):
        in_our_names(whole, clip)
    with pytest.raises(VidgaugeError):
        in_our_names(mean, theirs)
    with pytest.raises(VidgaugeError, match=r"lacks conv5b\.bias"):
        in_our_names(whole, {name: tensor for name, tensor in theirs.items() if name != "conv5b/b"})
    with pytest.raises(VidgaugeError, match="another shape for mean"):
        in_our_names(mean, {"mean": torch.ones(3, 16, 112, 112)})


@pytest.mark.parametrize("name", [name for name in CARDS if CARDS[name].url])
def test_every_published_card_has_a_network_and_an_address(name: str) -> None:
    card, use = CARDS[name], use_of(CARDS[name])
    assert use.network
    assert card.licence
    assert all(address.startswith("https://") for address in card.addresses)
    assert set(card.also) <= set(CARDS.names())
    if card.holds:
        assert any(card.name in CARDS[other].also for other in CARDS)


def test_a_card_is_used_through_the_one_it_belongs_to() -> None:
    assert use_of(CARDS["c3d-ucf101-mean"]) == use_of(CARDS["c3d-ucf101"])
    assert "is.tganv2" in use_of(CARDS["c3d-ucf101-mean"]).protocols
    assert use_of(CARDS["i3d-torchscript"]).network == "i3d"
    assert conversion(CARDS["i3d-torchscript"]) is None
