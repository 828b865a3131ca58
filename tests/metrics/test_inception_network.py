"""Inception-2015 against torch-fidelity's and torchmetrics' own extractors, under equal random weights."""

from pathlib import Path
from typing import cast

import pytest
import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torchmetrics.image.fid import NoTrainInceptionV3

from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics.networks import build_network
from vidgauge.metrics.networks.inception import Inception


@pytest.fixture(scope="module")
def network() -> Inception:
    """With statistics in its batch norms as training leaves them, lest each layer shrink what it is given."""
    built = cast("Inception", build_network("inception", seed=1))
    generator = torch.Generator().manual_seed(2)
    for name, tensor in built.state_dict().items():
        if name.endswith("running_mean"):
            tensor.copy_(0.1 * torch.randn(tensor.shape, generator=generator))
        if name.endswith("running_var"):
            tensor.copy_(0.05 + 0.1 * torch.rand(tensor.shape, generator=generator))
    return built


@pytest.fixture(scope="module")
def weights(network: Inception, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "weights-inception.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def frames() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 3, 299, 299), dtype=torch.uint8, generator=generator)


@pytest.fixture(scope="module")
def found(network: Inception, frames: torch.Tensor) -> dict[str, torch.Tensor]:
    with torch.inference_mode():
        return network.extract(as_clip(frames))


def as_clip(frames_nchw: torch.Tensor) -> torch.Tensor:
    return (frames_nchw.float() / 255).transpose(0, 1)[None]


def test_size_and_shapes() -> None:
    with torch.device("meta"):
        network = Inception()
    assert sum(one.numel() for one in network.parameters()) == 23_850_960
    found = network.extract(torch.empty(2, 3, 5, 299, 299, device="meta"))
    assert {name: tuple(one.shape) for name, one in found.items()} == {
        "frames_ntd": (2, 5, 2048),
        "logits_ntd": (2, 5, 1008),
        "probabilities_ntk": (2, 5, 1008),
    }


@pytest.mark.parametrize("shape", [(3, 4, 224, 224), (1, 4, 299, 299), (3, 4, 299, 300)])
def test_other_frames_are_refused(shape: tuple[int, ...]) -> None:
    with torch.device("meta"):
        network = Inception()
    with pytest.raises(UsageError, match="it needs 3 channels and 299x299"):
        network.extract(torch.empty(1, *shape, device="meta"))


def test_as_torch_fidelity_computes(
    network: Inception, found: dict[str, torch.Tensor], weights: Path, frames: torch.Tensor
) -> None:
    theirs = FeatureExtractorInceptionV3("one", ["2048", "logits_unbiased"], str(weights))
    with torch.inference_mode():
        features, logits = theirs(frames)
        alone = network.extract(as_clip(frames[1:]))["frames_ntd"]
    for ours, expected in (
        (found["frames_ntd"], features),
        (found["logits_ntd"], logits),
        (found["probabilities_ntk"], logits.softmax(dim=1)),
        (alone, features[1:]),
    ):
        assert float(expected.std()) > 0
        torch.testing.assert_close(ours[0], expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


def test_as_torchmetrics_computes(found: dict[str, torch.Tensor], weights: Path, frames: torch.Tensor) -> None:
    with torch.inference_mode():
        features = NoTrainInceptionV3("two", ["2048"], str(weights))(frames[:1])
    torch.testing.assert_close(found["frames_ntd"][0, :1], features, rtol=1e-5, atol=1e-5 * float(features.abs().max()))


def test_both_scalings() -> None:
    bytes_ = torch.arange(256, dtype=torch.float64).reshape(1, 1, 16, 16)
    with torch.device("meta"):
        networks = Inception(), Inception("pytorch-fid")
    torch.testing.assert_close(networks[0].scale(bytes_ / 255), (bytes_ - 128) / 128)
    torch.testing.assert_close(networks[1].scale(bytes_ / 255), bytes_ / 127.5 - 1)
    with pytest.raises(UsageError, match="no scaling 'clean-fid'; there are torch-fidelity and pytorch-fid"):
        build_network("inception", scaling="clean-fid")


def test_in_float64(found: dict[str, torch.Tensor], weights: Path, frames: torch.Tensor) -> None:
    double = cast("Inception", build_network("inception", weights=weights).double())
    with torch.inference_mode():
        features = double.extract(as_clip(frames[:1]).double())["frames_ntd"]
    assert features.dtype == torch.float64
    torch.testing.assert_close(
        found["frames_ntd"][:, :1].double(), features, rtol=1e-5, atol=1e-5 * float(features.abs().max())
    )


def test_files_without_counters_are_read_and_others_refused(network: Inception, tmp_path: Path) -> None:
    tensors = {name: one for name, one in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    torch.save(tensors, tmp_path / "old.pth")
    again = build_network("inception", weights=tmp_path / "old.pth")
    assert all(torch.equal(again.state_dict()[name], one) for name, one in tensors.items())
    torch.save({"fc.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(VidgaugeError, match=r"does not fit Inception: it lacks Conv2d_1a_3x3\.bn\.bias"):
        build_network("inception", weights=tmp_path / "other.pth")
