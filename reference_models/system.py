"""What every preset of a reference system is: the network that one denoising step calls, at one size."""

from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.measured import Measured


class System(Measured):
    """A diffusion model's network, or a sub-model of a cascade.

    ``forward`` takes the noisy video (or its tokens) and, from ``more_inputs``, what else a denoising step is given:
    log-SNR, text, conditioning frames.
    """

    grid: Grid
    """T, H, W of the input that the preset is made for."""

    def input_shape(self, batch: int = 1) -> tuple[int, int, int, int, int]:
        """Of the input that it is made for, batch first, in the layout it takes."""
        if self.takes == "video_bcthw":
            return batch, self.in_channels, *self.grid
        return batch, *self.grid, self.in_channels
