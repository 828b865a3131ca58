"""A small video, and the same video larger: spatial super-resolution by reconstruction guidance (section 3.1)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from vidgauge.reference_models.pipeline import Advance, Phase, Pipeline, Sampling, counted
from vidgauge.reference_models.training.seeds import seed_of

if TYPE_CHECKING:
    from vidgauge.reference_models.systems.vdm import VideoDiffusion


class Cascade(Pipeline):
    """Two models of clips, each trained for itself at its own size. What the first draws guides the second.

    The paper makes its 64x128x128 videos so: the second model is never told of small videos in training.

    Args:
        small: the first; its clips are as long as the videos that come out.
        large: the second; its clips may be shorter, and then follow each other.
    """

    def __init__(self, small: "VideoDiffusion", large: "VideoDiffusion") -> None:
        super().__init__()
        self.small, self.large = small, large
        self.frames, self.height, self.width, self.fps = small.frames, large.height, large.width, small.fps

    def phases(self) -> list[Phase]:
        """Those of both, one after the other."""
        return [
            replace(phase, name=f"{name}: {phase.name}", trains=tuple(f"{name}.{part}" for part in phase.trains))
            for name, model in (("small", self.small), ("large", self.large))
            for phase in model.phases()
        ]

    def sample(
        self, captions: Sequence[str], noise_seeds: Sequence[int], options: Sampling, advance: Advance
    ) -> Iterator[torch.Tensor]:
        """As every pipeline; both models have the caption."""
        told = counted(advance, sum(model.steps(options, self.frames) for model in (self.small, self.large)))

        def tell(done: int, steps: int) -> None:
            del done, steps  # of one model alone
            told()

        small = torch.cat(list(self.small.sample(captions, noise_seeds, options, tell)), 1)
        others = [seed_of(seed, "large") for seed in noise_seeds]  # or both would begin with the same noise
        yield from self.large.extend(captions, others, options, tell, frames=self.frames, small=small)
