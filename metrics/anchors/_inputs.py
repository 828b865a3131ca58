"""What networks are shown for anchors: each kind yields clips, and of which of two sets each is."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vidgauge.errors import VidgaugeError
from vidgauge.record import Frozen

if TYPE_CHECKING:
    from torch import Tensor

Advance = Callable[[int, int], None]
Prepare = Callable[["Tensor"], "Tensor"]
"""Frames (T, H, W, 3), bytes, as a network takes them: (3, T, height, width) in [0, 1]."""


class NotHereError(VidgaugeError):
    """The data that an anchor needs is not on this machine."""


class Constants(Frozen):
    """Two sets of clips that are one value throughout, such as black ones against white ones."""

    kind: Literal["constants"]
    values: tuple[int, int]
    """Bytes, one a set."""
    clips: int
    """Of each set."""
    frames: int
    height: int
    width: int

    @property
    def total(self) -> int:
        """Clips of both sets."""
        return 2 * self.clips

    def show(self, prepare: Prepare, data: Path | None) -> "Iterator[tuple[int, Tensor]]":  # noqa: ARG002 - as others
        """All clips, with the number of their set."""
        import torch

        for which, value in enumerate(self.values):
            frames_thwc = torch.full((self.frames, self.height, self.width, 3), value, dtype=torch.uint8)
            yield from ((which, prepare(frames_thwc)) for _ in range(self.clips))


class Noise(Frozen):
    """Two sets of uniform noise by NumPy's legacy generator, clip after clip, channels last.

    It lies in [0, 1] where the network is asked for [-1, 1], as in the script that published the number.
    """

    kind: Literal["noise"]
    seeds: tuple[int, int]
    clips: int
    """Of each set."""
    frames: int
    size: int
    """Height and width, which are the network's."""

    @property
    def total(self) -> int:
        """Clips of both sets."""
        return 2 * self.clips

    def show(self, prepare: Prepare, data: Path | None) -> "Iterator[tuple[int, Tensor]]":  # noqa: ARG002 - as others
        """All clips, with the number of their set."""
        import numpy as np
        import torch

        for which, seed in enumerate(self.seeds):
            generator = np.random.RandomState(seed)
            for _ in range(self.clips):
                noise_thwc = generator.rand(self.frames, self.size, self.size, 3).astype(np.float32)
                # Our networks take [0, 1] to [-1, 1]: halfway to 1, the noise arrives there as it was drawn.
                yield which, (torch.from_numpy(noise_thwc).permute(3, 0, 1, 2) + 1) / 2


class Cifar10Train(Frozen):
    """The training images of CIFAR-10, for a network that looks at single frames: one clip is ``images`` of them."""

    kind: Literal["cifar-10-train"]
    images: int = 50

    @property
    def total(self) -> int:
        """Clips."""
        return -(-50_000 // self.images)

    def show(self, prepare: Prepare, data: Path | None) -> "Iterator[tuple[int, Tensor]]":
        """All images in the order of the files, as clips of set 0.

        Raises:
            NotHereError: without the folder, or if CIFAR-10 is not in it.
        """
        import torch
        from torchvision.datasets import CIFAR10

        if data is None:
            raise NotHereError("needs CIFAR-10: give the folder that has cifar-10-batches-py in it with --data")
        try:
            frames_thwc = torch.from_numpy(CIFAR10(data, train=True, download=False).data)
        except RuntimeError as error:  # checked by torchvision against the known digests, before anything is unpickled
            raise NotHereError(
                f"needs CIFAR-10: {data} has no whole cifar-10-batches-py in it (unpacked from cifar-10-python.tar.gz)"
            ) from error
        for start in range(0, len(frames_thwc), self.images):
            yield 0, prepare(frames_thwc[start : start + self.images])
