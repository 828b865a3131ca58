"""C3D: its shapes and counts, what it subtracts, its pools, and the published files' names."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch.nn import functional

from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics.networks import build_network
from vidgauge.metrics.networks.c3d import C3D, CHAINER_NAMES, OUR_NAMES, PUBLISHED_NAMES


@pytest.fixture
def on_meta() -> C3D:
    with torch.device("meta"):
        return C3D()


@pytest.fixture(scope="module")
def network() -> C3D:
    built = cast("C3D", build_network("c3d", seed=1))
    built.mean.copy_(255 * torch.rand(built.mean.shape, generator=torch.Generator().manual_seed(2)))
    return built


@pytest.fixture(scope="module")
def clip() -> torch.Tensor:
    return torch.rand(1, 3, 16, 112, 112, generator=torch.Generator().manual_seed(0))


def test_size_and_shapes_through_the_layers(on_meta: C3D) -> None:
    assert sum(one.numel() for one in on_meta.parameters()) == 78_409_573
    clip = torch.empty(2, 3, 16, 112, 112, device="meta")
    assert [tuple(one.shape[1:]) for one in on_meta.convolve(clip)] == [
        (64, 16, 56, 56),
        (128, 8, 28, 28),
        (256, 4, 14, 14),
        (512, 2, 7, 7),
        (512, 1, 4, 4),
    ]
    assert {name: tuple(one.shape) for name, one in on_meta.extract(clip).items()} == {
        "probabilities_nk": (2, 101),
        "logits_nd": (2, 101),
        "fc6_nd": (2, 4096),
        "fc7_nd": (2, 4096),
    }


@pytest.mark.parametrize("shape", [(3, 15, 112, 112), (3, 16, 128, 128), (1, 16, 112, 112), (3, 32, 112, 112)])
def test_other_clips_are_refused(on_meta: C3D, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="it needs 3 channels, 16 frames, 112x112"):
        on_meta.extract(torch.empty(1, *shape, device="meta"))


@pytest.mark.parametrize(("mean_crop", "left"), [("tgan", 29), ("tganv2", 8)])
def test_what_is_subtracted(mean_crop: str, left: int) -> None:
    """Pixel by pixel: blue, green, red of 0 to 255, and the mean of TGAN (21 + 8 columns in) or TGANv2 (8 in)."""
    with torch.device("meta"):
        network = C3D(mean_crop=mean_crop)  # type: ignore[arg-type]  # a literal in disguise
    generator = torch.Generator().manual_seed(1)
    network.mean = 255 * torch.rand(3, 16, 128, 171, generator=generator)
    clip = torch.rand(2, 3, 16, 112, 112, generator=generator)
    found = network.less_mean(clip)
    for clip_, channel, frame, row, column in np.ndindex(2, 3, 2, 3, 3):
        t, y, x = 7 * frame, 50 * row, 40 * column
        mean = float(network.mean[channel, t, 8 + y, left + x])
        expected = 255 * float(clip[clip_, 2 - channel, t, y, x]) - mean
        assert float(found[clip_, channel, t, y, x]) == pytest.approx(expected, abs=1e-4)


def test_what_it_computes(network: C3D, clip: torch.Tensor) -> None:
    """As MAGVIT has it: pools that drop what is left over, behind zeros to the right of and below the last."""
    x, weights = network.less_mean(clip), network.state_dict()
    for name in ("conv1a", "conv2a", "conv3a", "conv3b", "conv4a", "conv4b", "conv5a", "conv5b"):
        x = functional.conv3d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding="same").clamp(min=0)
        if name == "conv5b":
            x = functional.pad(x, (0, 1, 0, 1))
        if name not in ("conv3a", "conv4a", "conv5a"):
            x = functional.max_pool3d(x, (1 if name == "conv1a" else 2, 2, 2))
    x = x.flatten(1)
    assert x.shape == (1, 8192)
    expected = {}
    for name in ("fc6", "fc7"):
        x = expected[f"{name}_nd"] = (x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]).clamp(min=0)
    expected["logits_nd"] = x @ weights["fc8.weight"].T + weights["fc8.bias"]
    exponentials = expected["logits_nd"].double().exp()
    expected["probabilities_nk"] = (exponentials / exponentials.sum()).float()
    with torch.inference_mode():
        found = network.extract(clip)
    assert found.keys() == expected.keys()
    for name, one in found.items():
        torch.testing.assert_close(one, expected[name], rtol=1e-4, atol=1e-5 * float(expected[name].abs().max()))


@pytest.mark.parametrize("names", PUBLISHED_NAMES)
def test_published_names(names: dict[str, str], on_meta: C3D) -> None:
    assert names.keys() == OUR_NAMES.keys() == on_meta.state_dict().keys() - {"mean"}
    assert len(set(names.values())) == len(names)
    theirs = {name: torch.full((1,), float(place)) for place, name in enumerate(names.values())}
    found = C3D.from_published(theirs | {"mean": torch.zeros(1, 3, 16, 128, 171)})
    assert found.keys() == on_meta.state_dict().keys()
    assert found["mean"].shape == on_meta.mean.shape
    assert [float(found[own]) for own in names] == list(range(len(names)))


def test_the_published_files_are_read_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGAUGE_WEIGHTS", str(tmp_path))
    arrays: dict[str, Any] = {name: np.zeros(1, np.float32) for name in CHAINER_NAMES.values()}
    np.savez(tmp_path / "conv3d_deepnetA_ucf.npz", **arrays)
    np.savez(tmp_path / "mean2.npz", mean=np.zeros((3, 16, 128, 171), np.float32))
    with pytest.raises(
        VidgaugeError, match=r"another shape for conv1a\.bias, conv1a\.weight, conv2a\.bias and 19 more"
    ):
        build_network("c3d", weights="c3d-ucf101")
    with pytest.raises(UsageError, match=r"without the mean clip that it needs; put it beside mean2\.npz"):
        build_network("c3d", weights=tmp_path / "conv3d_deepnetA_ucf.npz")
    with pytest.raises(UsageError, match="no C3D that is known: it holds mean"):
        build_network("c3d", weights=tmp_path / "mean2.npz")


def test_other_conventions_are_refused() -> None:
    with pytest.raises(UsageError, match="no mean_crop 'magvit'; there are tgan and tganv2"):
        build_network("c3d", mean_crop="magvit")


def test_in_float64_and_twice(network: C3D) -> None:
    """The convolutions, at a size that is quick: they are the same at any."""
    clip = 255 * torch.rand(1, 3, 16, 24, 24, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        single, again = network.convolve(clip)[-1], network.convolve(clip)[-1]
        try:
            double = network.double().convolve(clip.double())[-1]
        finally:
            network.float()
    assert torch.equal(single, again)
    assert double.dtype == torch.float64
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-5 * float(double.abs().max()))
