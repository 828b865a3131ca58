"""LPIPS against its published formula written out, torchvision's layers, and torchmetrics."""

import copy
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchmetrics.functional.image.lpips import _LPIPS

from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics.networks import build_network, lpips
from vidgauge.metrics.networks.lpips import LPIPSNetwork
from vidgauge.metrics.paired import PAIRED, PairedMeasure
from vidgauge.metrics.weights import CARDS

BACKBONES = ["alex", "vgg"]
ENDS = {"alex": [1, 4, 7, 9, 11], "vgg": [3, 8, 15, 22, 29]}
Networks = dict[str, LPIPSNetwork]


@pytest.fixture(scope="module")
def networks() -> Networks:
    """Random ones, in float64."""
    built = {name: build_network("lpips", seed=1, backbone=name).double() for name in BACKBONES}
    assert all(isinstance(network, LPIPSNetwork) for network in built.values())
    return built  # type: ignore[return-value]


def images(seed: int, count: int = 2, height: int = 33, width: int = 35) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rule(convention: str = "published") -> PairedMeasure:
    return PAIRED["lpips"].model_validate({"convention": convention})


def linear_weights(backbone: str) -> list[Tensor]:
    spec = importlib.util.find_spec("torchmetrics.functional.image.lpips")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).with_name("lpips_models") / f"{backbone}.pth"
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    return [tensors[f"lin{number}.model.1.weight"].double() for number in range(5)]


def torchvision_layers(backbone: str) -> nn.Sequential:
    """The convolutions that torchvision publishes weights of, without the classifier, which takes its time."""
    if backbone == "vgg":
        return torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"], batch_norm=False)  # type: ignore[no-any-return]
    return torchvision.models.alexnet().features  # type: ignore[no-any-return]


def by_hand(network: LPIPSNetwork, backbone: str, a: Tensor, b: Tensor, spatial: bool) -> list[float]:
    """The package ``lpips``, image by image: unit vectors, squared differences, 1x1 convolutions, mean or map."""
    layers = torchvision_layers(backbone).double()
    layers.load_state_dict({name.removeprefix("features."): value for name, value in network.state_dict().items()})
    shift = torch.tensor([-0.030, -0.088, -0.188], dtype=torch.float32).double().view(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450], dtype=torch.float32).double().view(1, 3, 1, 1)
    found = []
    for x, y in zip(torch.split(a, 1), torch.split(b, 1), strict=True):
        x, y, total = (2 * x - 1 - shift) / scale, (2 * y - 1 - shift) / scale, torch.zeros(())
        weights = iter(linear_weights(backbone))
        for number, layer in enumerate(layers[: ENDS[backbone][-1] + 1]):
            x, y = layer(x), layer(y)
            if number not in ENDS[backbone]:
                continue
            units = [z / (torch.sqrt(torch.sum(z**2, dim=1, keepdim=True)) + 1e-10) for z in (x, y)]
            distance = torch.conv2d((units[0] - units[1]) ** 2, next(weights))
            if spatial:
                distance = interpolate(distance, size=a.shape[2:], mode="bilinear", align_corners=False)
            total = total + distance.mean()
        found.append(float(total))
    return found


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("convention", ["published", "spatial"])
def test_distances_are_the_published_formula(networks: Networks, backbone: str, convention: str) -> None:
    a, b = images(1), images(2)
    got = rule(convention).frames(a, b, networks[backbone])
    with torch.no_grad():
        expected = by_hand(networks[backbone], backbone, a, b, spatial=convention == "spatial")
    assert got == pytest.approx(expected, rel=1e-10)
    assert got.dtype == np.float64


def test_the_mean_of_the_map_is_another_number(networks: Networks) -> None:
    a, b = images(1), images(2)
    published, spatial = (rule(name).frames(a, b, networks["alex"]) for name in ("published", "spatial"))
    assert np.all(np.abs(published / spatial - 1) > 1e-5)
    # Enlarged by a whole number, a map keeps its mean.
    a, b = images(1, height=32, width=48), images(2, height=32, width=48)
    published, spatial = (rule(name).frames(a, b, networks["vgg"]) for name in ("published", "spatial"))
    assert published == pytest.approx(spatial, rel=1e-10)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_torchmetrics_has_its_own_unit_vectors(networks: Networks, dtype: torch.dtype) -> None:
    theirs = _LPIPS(net="alex", pnet_rand=True).to(dtype)
    ours = build_network("lpips").to(dtype)
    assert isinstance(ours, LPIPSNetwork)
    layers = [layer for slice_ in (getattr(theirs.net, f"slice{n}") for n in range(1, 6)) for layer in slice_]
    ours.features.load_state_dict(nn.Sequential(*layers).state_dict())
    a, b = images(1).to(dtype), images(2).to(dtype)
    expected = theirs(a, b, normalize=True).flatten().double().numpy()
    got = rule("torchmetrics").frames(a, b, ours)
    assert got == pytest.approx(expected, rel=1e-10 if dtype == torch.float64 else 1e-5)
    # Features near 0 tell the two apart.
    ours = copy.deepcopy(networks["alex"])
    ours.features.get_parameter("0.bias").zero_()
    dark_a, dark_b = (
        1e-6 * image + torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1) for image in (images(1), images(2))
    )
    one, other = (rule(name).frames(dark_a, dark_b, ours) for name in ("published", "torchmetrics"))
    assert np.all(np.abs(one / other - 1) > 1e-3)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("convention", ["published", "spatial", "torchmetrics"])
def test_distances_are_symmetric_and_0_of_equal_images(networks: Networks, backbone: str, convention: str) -> None:
    measure, network, a, b = rule(convention), networks[backbone], images(1), images(2)
    assert measure.frames(a, a, network).tolist() == [0, 0]
    got = measure.frames(a, b, network)
    assert measure.frames(b, a, network) == pytest.approx(got, rel=1e-12)
    assert got.min() > 0
    alone = [measure.frames(a[i : i + 1], b[i : i + 1], network)[0] for i in range(2)]
    assert got == pytest.approx(alone, rel=1e-12)


def test_bytes_and_floats_are_the_same_images(networks: Networks) -> None:
    a, b = ((255 * images(seed)).to(torch.uint8) for seed in (1, 2))
    floats = rule().frames(a.double() / 255, b.double() / 255, networks["alex"])
    assert rule().frames(a, b, networks["alex"]) == pytest.approx(floats, rel=1e-12)


def test_single_precision_is_the_networks_choice() -> None:
    network, a, b = build_network("lpips", seed=1), images(1), images(2)
    single = rule().frames(a, b, network)
    assert single == pytest.approx(rule().frames(a, b, network.double()), rel=1e-5)
    assert single.astype(np.float32).tolist() == single.tolist()


def test_there_are_no_gradients(networks: Networks) -> None:
    for network in networks.values():
        assert not any(parameter.requires_grad for parameter in network.parameters())
        assert not network.distances(images(1), images(2)).requires_grad
    asking = images(1).requires_grad_()
    got, expected = (rule().frames(first, images(2), networks["alex"]) for first in (asking, images(1)))
    assert got.tolist() == expected.tolist()


@pytest.mark.parametrize(("backbone", "least"), [("alex", 31), ("vgg", 16)])
def test_frames_that_are_too_small_are_refused(networks: Networks, backbone: str, least: int) -> None:
    network, measure = networks[backbone], rule()
    assert measure.smallest(network) == least
    enough = images(1, height=least, width=least + 3), images(2, height=least, width=least + 3)
    assert measure.frames(*enough, network).min() > 0
    with pytest.raises(UsageError, match=f"frames of {least - 1}x{least} are too small; {least}x{least} is the least"):
        measure.frames(enough[0][:, :, :, : least - 1], enough[1][:, :, :, : least - 1], network)


def test_only_its_own_network_will_do() -> None:
    with pytest.raises(UsageError, match="through the network 'lpips'; it was given none"):
        rule().frames(images(1), images(2))
    with pytest.raises(UsageError, match="it was given ShapesClassifier"):
        rule().smallest(build_network("shapes-classifier"))
    with pytest.raises(UsageError, match="no backbone 'squeeze'; there are alex and vgg"):
        build_network("lpips", backbone="squeeze")


def meta(make: Callable[[], Any]) -> dict[str, Tensor]:
    with torch.device("meta"):
        return dict(make().state_dict())


@pytest.mark.parametrize(
    ("backbone", "make", "parameters"),
    [("alex", torchvision.models.alexnet, 2_469_696), ("vgg", torchvision.models.vgg16, 14_714_688)],
)
def test_weights_are_those_of_torchvisions_file(
    backbone: str, make: Callable[[], Any], parameters: int, tmp_path: Path
) -> None:
    published = meta(make)
    convolutions = {name: torch.rand(value.shape) for name, value in published.items() if "features" in name}
    assert sum(value.numel() for value in convolutions.values()) == parameters
    classifier = {name: torch.zeros(1) for name in published if name.startswith("classifier.")}
    assert set(published) == {*convolutions, *classifier}
    torch.save(convolutions | classifier, tmp_path / "file.pth")
    network = build_network("lpips", weights=tmp_path / "file.pth", backbone=backbone)
    state = network.state_dict()
    assert all(torch.equal(state[name], value) for name, value in convolutions.items())
    assert set(state) == set(convolutions)
    assert [value.flatten().tolist() for value in linear_weights(backbone)] == [
        network.get_buffer(f"linear{number}").tolist() for number in range(5)
    ]
    other = {"alex": "vgg", "vgg": "alex"}[backbone]
    with pytest.raises(VidgaugeError, match="does not fit LPIPSNetwork: it"):
        build_network("lpips", weights=tmp_path / "file.pth", backbone=other)


@pytest.mark.parametrize(
    ("card", "file"), [("alexnet-imagenet", "alexnet-owt-7be5be79.pth"), ("vgg16-imagenet", "vgg16-397923af.pth")]
)
def test_without_the_file_the_card_says_where_it_is(
    card: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGAUGE_OFFLINE", "1")
    monkeypatch.setenv("VIDGAUGE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert CARDS[card].url == f"https://download.pytorch.org/models/{file}"
    with pytest.raises(VidgaugeError, match=file):
        build_network("lpips", weights=card)


def test_other_linear_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = lpips._BACKBONES["alex"]._replace(sha256="0" * 64)
    monkeypatch.setitem(lpips._BACKBONES, "alex", changed)
    with pytest.raises(
        VidgaugeError, match=r"alex\.pth is not version 0\.1 of its linear weights; install torchmetrics"
    ):
        build_network("lpips")
