"""Paired videos: PSNR, SSIM and LPIPS beside torchmetrics, on the same frames and from files."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vidgauge.bench.contests.agreement.comparison import (
    FEATURES_BOUND,
    STATISTICS_BOUND,
    Comparison,
    Compute,
    Values,
    peer,
)
from vidgauge.bench.contests.agreement.files import COUNTS, Files
from vidgauge.bench.contests.agreement.weights import SEED, clips_bcthw, seeded
from vidgauge.metrics.networks import build_network
from vidgauge.metrics.paired import PAIRED

PAIRS = min(COUNTS.values())
PROTOCOLS_OF_PAIRS = ("psnr.torchmetrics", "ssim.torchmetrics")
_NOISE = 0.1


def measures_of_pairs() -> Iterator[Comparison]:
    """On the same frames, as float64."""
    frames = "16 frames of 64x64 and the same with noise"
    rows: list[tuple[str, Compute, Compute]] = [
        ("PSNR, torchmetrics", partial(_ours, "psnr"), lambda: _psnr(*_two_clips())),
        ("SSIM, torchmetrics", partial(_ours, "ssim"), lambda: _ssim(*_two_clips())),
    ]
    for measure, ours, theirs in rows:
        yield Comparison(
            part="statistics",
            measure=measure,
            reference="torchmetrics",
            package="torchmetrics",
            case=frames,
            bound=STATISTICS_BOUND,
            ours=ours,
            theirs=theirs,
        )


def networks_of_pairs() -> Iterator[Comparison]:
    """LPIPS with random convolutions; its linear weights come with torchmetrics."""
    for backbone in ("alex", "vgg"):
        yield Comparison(
            part="networks",
            measure=f"LPIPS, {backbone}, torchmetrics",
            reference="torchmetrics: _LPIPS",
            package="torchmetrics",
            case="16 frames of 64x64 and the same with noise",
            bound=FEATURES_BOUND,
            ours=partial(_our_lpips, backbone),
            theirs=partial(_torchmetrics_lpips, backbone),
        )


class Pairs:
    """The generated videos against the real ones of the same names, by torchmetrics from their PNG files."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def psnr(self) -> float:
        """Mean over pairs."""
        return float(np.mean([_psnr(*pair) for pair in self._clips()]))

    def ssim(self) -> float:
        """Mean over the frames of all pairs."""
        return float(np.mean([_ssim(*pair) for pair in self._clips()]))

    def _clips(self) -> Iterator[tuple[Tensor, Tensor]]:
        real, generated = (self._files.pictures(side) for side in ("real", "generated"))
        for pair in zip(real, generated, strict=False):  # there are more real ones
            a, b = (torch.from_numpy(np.stack([np.asarray(picture) for picture in clip])) for clip in pair)
            yield a.permute(0, 3, 1, 2).double() / 255, b.permute(0, 3, 1, 2).double() / 255


def _two_clips() -> tuple[Tensor, Tensor]:
    """Frames (T, 3, H, W) in [0, 1], and the same with noise."""
    real_tchw = clips_bcthw(1, 64)[0].transpose(0, 1).double()
    noise = torch.randn(real_tchw.shape, generator=torch.Generator().manual_seed(SEED), dtype=torch.float64)
    return real_tchw, (real_tchw + _NOISE * noise).clamp(0, 1)


def _ours(name: str) -> float:
    measure = PAIRED[name].model_validate({"convention": "torchmetrics"})
    return measure.clip(measure.frames(*_two_clips()))


def _psnr(real_tchw: Tensor, generated_tchw: Tensor) -> float:
    return float(
        peer("torchmetrics.functional.image").peak_signal_noise_ratio(generated_tchw, real_tchw, data_range=1.0)
    )


def _ssim(real_tchw: Tensor, generated_tchw: Tensor) -> float:
    similarity = peer("torchmetrics.functional.image").structural_similarity_index_measure
    return float(similarity(generated_tchw, real_tchw, data_range=1.0))


def _lpips(backbone: str) -> Any:  # noqa: ANN401 - a class of torchmetrics'
    lpips = peer("torchmetrics.functional.image.lpips")._LPIPS
    return seeded(lambda: lpips(net=backbone, pnet_rand=True))


def _our_lpips(backbone: str) -> Values:
    slices = _lpips(backbone).net
    convolutions = nn.Sequential(*(layer for number in range(1, 6) for layer in getattr(slices, f"slice{number}")))
    network: Any = build_network("lpips", backbone=backbone)
    network.features.load_state_dict(convolutions.state_dict())
    measure = PAIRED["lpips"].model_validate({"convention": "torchmetrics"})
    with torch.inference_mode():
        return measure.frames(*_two_clips(), network)


def _torchmetrics_lpips(backbone: str) -> Values:
    real_tchw, generated_tchw = (frames.float() for frames in _two_clips())
    with torch.inference_mode():
        found: Tensor = _lpips(backbone)(real_tchw, generated_tchw, normalize=True)
    return found.flatten().double().numpy()
