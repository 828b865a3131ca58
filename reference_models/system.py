"""What every preset of a reference system is: the network that one denoising step calls, at one size."""

from collections.abc import Sequence

import torch

from vidgauge.reference_models.cost import Cost, Grid
from vidgauge.reference_models.measured import Measured
from vidgauge.reference_models.tracing import traced_cost


class System(Measured):
    """A diffusion model's network, or a sub-model of a cascade.

    ``forward`` takes the noisy video (or its tokens) and, from ``more_inputs``, what else a denoising step is given:
    the noise level, text, conditioning frames.
    """

    grid: Grid
    """T, H, W of the input that the preset is made for."""

    def input_shape(self, batch: int = 1) -> tuple[int, int, int, int, int]:
        """Of the input that it is made for, batch first, in the layout it takes."""
        if self.takes == "video_bcthw":
            return batch, self.in_channels, *self.grid
        return batch, *self.grid, self.in_channels

    def cost(self, shape: Sequence[int]) -> Cost:
        """What one call costs, by the formulas of all operators that it runs through; see ``traced_cost``."""
        self.split(shape)
        weight = next(self.parameters())
        generator = torch.Generator()  # on the CPU whatever the network is on: only shapes matter
        generator.manual_seed(0)
        more = [
            given.to(weight.dtype) if given.is_floating_point() else given
            for given in self.more_inputs(shape, generator)
        ]
        return traced_cost(self, [torch.empty(*shape, dtype=weight.dtype, device="meta"), *more])
