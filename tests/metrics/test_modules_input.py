"""What the torchmetrics classes refuse, in one line each."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vidgauge.errors import UsageError
from vidgauge.metrics import CLIPSIM, FrameConsistency, FrechetVideoDistance, KernelVideoDistance, VideoInceptionScore

VIDEO = torch.zeros(2, 3, 16, 16, 16)


@pytest.fixture(scope="module")
def fvd() -> FrechetVideoDistance:
    return FrechetVideoDistance()


@pytest.mark.parametrize(
    ("video", "message"),
    [
        (VIDEO + 255, "float videos lie in [0, 1]; these span 255 to 255"),
        (VIDEO - 1e-3, "float videos lie in [0, 1]; these span -0.001 to -0.001"),
        (VIDEO.masked_fill(torch.arange(16) == 3, torch.nan), "videos hold NaN"),
        (VIDEO + torch.inf, "these span inf to inf"),
        (VIDEO.half() + 1.01, "float videos lie in [0, 1]"),
        (VIDEO.int(), "videos are uint8, or floats in [0, 1]; the dtype is torch.int32"),
        (VIDEO.bool(), "the dtype is torch.bool"),
        (VIDEO.to(torch.complex64), "the dtype is torch.complex64"),
        (VIDEO[0], "videos are (N, 3, T, H, W) with nothing empty; the shape is (3, 16, 16, 16)"),
        (VIDEO.transpose(1, 2), "the shape is (2, 16, 3, 16, 16)"),
        (VIDEO[:0], "the shape is (0, 3, 16, 16, 16)"),
        (VIDEO.numpy(), "videos are tensors (N, 3, T, H, W); got ndarray"),
        (VIDEO[:, :, :15], "fvd.shapes looks at clips of 16 frames; these have 15: cut them to length"),
    ],
)
def test_videos_that_are_refused(fvd: FrechetVideoDistance, video: Tensor, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        fvd.update(video, real=True)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert fvd.real_features == []


@pytest.mark.parametrize("kind", [CLIPSIM, FrameConsistency, FrechetVideoDistance, VideoInceptionScore])
def test_real_is_a_bool(kind: Any) -> None:  # noqa: ANN401 - a class
    metric = kind()
    for real in (1, VIDEO, ["a red star", "a blue ring"]):
        with pytest.raises(UsageError, match="real= is True for real videos and False for generated ones; got"):
            metric.update(VIDEO, real=real)
    with pytest.raises(UsageError):
        metric.update(VIDEO, VIDEO)


@pytest.mark.parametrize(
    ("captions", "message"),
    [
        (None, "a list of texts, one for each generated video"),
        ("ab", "a list of texts"),
        (["a red star", None], "a list of texts"),
        ([], "there are 0 captions for 2 videos; give one each"),
        (["a red star"], "there are 1 captions for 2 videos; give one each"),
    ],
)
def test_captions_that_are_refused(captions: Any, message: str) -> None:  # noqa: ANN401 - what is tested
    metric = CLIPSIM()
    with pytest.raises(UsageError, match=message):
        metric.update(VIDEO, captions)
    metric.update(VIDEO, real=True)
    assert metric.similarities == []


@pytest.mark.parametrize(
    "kind", [CLIPSIM, FrameConsistency, FrechetVideoDistance, KernelVideoDistance, VideoInceptionScore]
)
def test_protocols_that_are_refused(kind: Any) -> None:  # noqa: ANN401 - a class
    with pytest.raises(UsageError, match=r"there is no protocol 'fvd\.shape'; did you mean 'fvd\.shapes'"):
        kind("fvd.shape")
    other = "kvd.shapes" if kind is FrechetVideoDistance else "fvd.shapes"
    with pytest.raises(
        UsageError, match=rf"protocol '{other}' is of measure '{other[:3]}'; {kind.__name__} takes .*\.shapes"
    ):
        kind(other)
    with pytest.raises(ValueError, match="Unexpected keyword arguments: `normalize`"):
        kind(normalize=True)


def test_networks_that_are_refused() -> None:
    with pytest.raises(UsageError, match=r"network= is a torch.nn.Module; got str"):
        FrechetVideoDistance(network="i3d")  # type: ignore[arg-type] # what is tested
    with pytest.raises(UsageError, match="reset_real_features is a bool; got 1"):
        FrechetVideoDistance(reset_real_features=1)  # type: ignore[arg-type] # what is tested
    for network in (nn.Identity(), nn.Flatten(0, 3)):
        with pytest.raises(UsageError, match=r"network= must give \(N, D\), a row for each of the 2 videos; got"):
            KernelVideoDistance(network=network).update(VIDEO, real=True)
    metric = FrechetVideoDistance(network=nn.Flatten())
    metric.update(VIDEO, real=True)
    with pytest.raises(UsageError, match=r"videos gave \(12288,\) numbers each, and now \(6144,\)"):
        metric.update(VIDEO[:, :, :8], real=True)


def test_a_score_of_nothing_is_refused() -> None:
    with pytest.warns(UserWarning, match="before the ``update`` method"), pytest.raises(UsageError, match="one has 0"):
        VideoInceptionScore().compute()


def test_random_weights_are_named_so() -> None:
    metric = FrechetVideoDistance(random_weights=3)
    assert metric.protocol.name == "fvd.shapes[random=3]"
