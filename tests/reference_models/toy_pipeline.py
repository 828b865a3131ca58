"""A pipeline of a few hundred parameters, to train and sample in no time.

``TOY_FATE=SIGKILL:PHASE:STEP`` in the environment sends the process that signal in the middle of a step.
"""

import os
import signal
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from vidgauge.reference_models.pipeline import Advance, Phase, Pipeline, Sampling, Step, to_frames


class Toy(Pipeline):
    """Learns what a frame looks like, then how frames follow: nothing of any use, but with all that training has."""

    frames, height, width, fps = 16, 8, 8, 8.0

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Dropout(0.1), nn.Conv2d(4, 3, 3, padding=1))
        self.video = nn.Conv3d(3, 3, (3, 1, 1), padding=(1, 0, 0))
        self.again = self.image[2]  # a stage may share weights with another

    def phases(self) -> Sequence[Phase]:
        """Images, then video."""
        return (
            Phase("image", ("image",), self._image_loss, 30, 4, 1e-2),
            Phase("video", ("video",), self._video_loss, 10, 2, 1e-2, self._begin, "cosine", 0.9),
        )

    def sample(
        self, captions: Sequence[str], noise_seeds: Sequence[int], options: Sampling, advance: Advance
    ) -> Iterator[Tensor]:
        """Two chunks of eight frames, each made of noise and how long the caption is."""
        for part in range(2):
            seeds = [torch.Generator().manual_seed(seed + part) for seed in noise_seeds]
            video_bcthw = torch.stack([torch.randn(3, 8, 8, 8, generator=seed) for seed in seeds])
            video_bcthw += torch.tensor([len(caption) / 100 for caption in captions])[:, None, None, None, None]
            if options.temporal:
                video_bcthw = torch.cat([self.video(video_bcthw[i : i + 1]) for i in range(len(captions))])
            advance(part + 1, 2)
            yield to_frames(video_bcthw)

    def _begin(self) -> None:
        with torch.no_grad():
            self.video.weight.add_(torch.randn_like(self.video.weight))

    def _image_loss(self, step: Step) -> Tensor:
        _meet_fate("image", step.number)
        images_bchw = step.images(height=8, width=8).video_bcthw[:, :, 0]
        noisy_bchw = images_bchw + step.noise(images_bchw)
        loss: Tensor = (self.image(noisy_bchw) - images_bchw).square().mean()
        return loss

    def _video_loss(self, step: Step) -> Tensor:
        _meet_fate("video", step.number)
        video_bcthw = step.clips(frames=4, height=8, width=8, stride=2).video_bcthw
        loss: Tensor = (self.video(video_bcthw) - video_bcthw).square().mean()
        return loss


def _meet_fate(phase: str, number: int) -> None:
    name, _, where = os.environ.get("TOY_FATE", "").partition(":")
    if where == f"{phase}:{number}":
        os.kill(os.getpid(), signal.Signals[name])
