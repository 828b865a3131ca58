"""Peak signal-to-noise ratio."""

from typing import TYPE_CHECKING, Literal

import numpy as np

from vidgauge.errors import UsageError
from vidgauge.metrics.arrays import Array
from vidgauge.metrics.means import Mean
from vidgauge.metrics.paired import PAIRED, PairedMeasure
from vidgauge.metrics.paired.evidence import PairedEvidence
from vidgauge.record import Measure

if TYPE_CHECKING:
    from torch import Tensor, nn

_CAP = 100.0


@PAIRED.register("psnr")
class PSNR(PairedMeasure):
    """``-10 log10`` of the mean squared error of pixels in [0, 1]; the score is the mean over clips.

    Equal frames have no finite number. ``frame-mean-db`` says 100 of them; under ``torchmetrics``, a score in which two
    videos are equal is refused.
    """

    measure = Measure(name="psnr", unit="dB", better="higher")
    summary = "Peak signal-to-noise ratio of each frame with that of the real video"

    convention: Literal["frame-mean-db", "torchmetrics"] = "frame-mean-db"
    """``frame-mean-db``: mean over frames of their decibels, each at most 100, which is where the squared error falls
    below 1e-10 (the scripts of JunyaoHu, and FastVideo). ``torchmetrics``: decibels of a clip's mean squared error, as
    its function has them; never more than the mean of decibels. Its Metric pools the errors of all clips instead."""

    def frames(self, real_tchw: "Tensor", generated_tchw: "Tensor", network: "nn.Module | None" = None) -> Array:  # noqa: ARG002
        """Decibels of each frame."""
        from torchmetrics.functional.image import peak_signal_noise_ratio

        from vidgauge.metrics.paired.images import checked_frames

        real, generated = checked_frames(real_tchw, generated_tchw)
        # torchmetrics keeps 10/ln 10 as a float32, so decibels are off by 2e-8 of themselves, for all alike.
        found = peak_signal_noise_ratio(generated, real, data_range=1.0, dim=(1, 2, 3), reduction="none")
        decibels_t = found.cpu().numpy()
        return np.asarray(np.minimum(decibels_t, _CAP) if self.convention == "frame-mean-db" else decibels_t)

    def clip(self, frames_t: Array) -> float:
        """Their mean, or the decibels of the mean of what they are decibels of."""
        if self.convention == "frame-mean-db":
            return float(frames_t.mean())
        squared_error = np.mean(10 ** (-frames_t / 10))
        return float(-10 * np.log10(squared_error)) if squared_error else np.inf

    def statistic(self, *sets: PairedEvidence) -> Mean:
        """The mean over clips, as a function of how often each of them counts.

        Raises:
            UsageError: where there is no pair, or videos are equal and the convention says no number of them.
        """
        (pairs,) = sets
        equal = [source for source, value in zip(pairs.sources, pairs.values_n, strict=True) if value == np.inf]
        if equal:
            more = f" and {len(equal) - 1} more" if len(equal) > 1 else ""
            raise UsageError(
                f"equal videos have no finite PSNR: {equal[0]}{more}; the convention frame-mean-db takes 100 instead"
            )
        return super().statistic(*sets)

    def notes(self, *sets: PairedEvidence) -> list[str]:
        """The deviation that papers print."""
        return super().notes(*sets) if self.convention == "frame-mean-db" else []
