"""Random weights in files that references load as if they were the published ones.

A random network shrinks what it is given, layer by layer, until features of different videos differ by rounding alone,
and agreement would say nothing. So batch norms are given the statistics of an input, as training leaves them.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from vidgauge.bench.contests.agreement.comparison import peer
from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.metrics.networks import build_network
from vidgauge.metrics.weights import CARDS

SEED = 1
SMALL: dict[str, int] = {"frames": 16, "width": 44, "depth": 2, "heads": 4, "hidden": 192, "classes": 5}
"""Of a VideoMAE of the published kind; that has a thousand million parameters, and takes a minute for a clip."""
_NOISE = 0.3


class Weights:
    """Files of random weights in a folder, each made when it is first asked for, under the name of its card."""

    def __init__(self, folder: Path) -> None:
        self._home = folder
        self._folder = folder / "hub" / "checkpoints"  # where torch keeps what it has fetched
        self._folder.mkdir(parents=True)

    @contextmanager
    def at_hand(self, network: str = "") -> Iterator[None]:
        """Meanwhile we, and what fetches as torch does, find that network's file instead of the published one."""
        if network:
            getattr(self, network)
        changed = {
            "VIDGAUGE_WEIGHTS": str(self._folder),
            "VIDGAUGE_OFFLINE": "1",
            "XDG_CACHE_HOME": str(self._home / "cache"),  # none of the user's own is to be found
            "TORCH_HOME": str(self._home),
        }
        before = {name: os.environ.get(name) for name in changed}
        os.environ.update(changed)
        try:
            yield
        finally:
            for name, value in before.items():
                del os.environ[name]
                if value is not None:
                    os.environ[name] = value

    @cached_property
    def i3d(self) -> Path:
        """Of cd-fvd's I3D."""
        network = seeded(lambda: peer("cdfvd.third_party.i3d.pytorch_i3d").InceptionI3d(400))
        settle(network, lambda: network(2 * clips_bcthw(3, 224) - 1))
        return self._saved(network, "i3d-state-dict")

    @cached_property
    def videomae(self) -> Path:
        """Of a small VideoMAE of cd-fvd's, all its tensors moved away from values that would hide a mistake."""
        network = seeded(small_videomae)
        generator = torch.Generator().manual_seed(SEED)
        for tensor in network.state_dict().values():
            tensor.add_(_NOISE * torch.randn(tensor.shape, generator=generator))
        return self._saved(network, "videomae-g-ssv2")

    @cached_property
    def inception(self) -> Path:
        """Of ours, whose tensors have the published names; torch-fidelity, torchmetrics and pytorch-fid read it."""
        network: Any = build_network("inception", seed=SEED)
        frames_nchw = clips_bcthw(8, 299, frames=1)[:, :, 0]
        settle(network, lambda: network.pool(network.scale(frames_nchw)))
        self._saved(network, "inception-pytorch-fid")
        return self._saved(network, "inception-torch-fidelity")

    def _saved(self, network: nn.Module, card: str) -> Path:
        path = self._folder / CARDS[card].file
        torch.save(network.state_dict(), path)
        return path


def seeded(build: Callable[[], Any]) -> Any:  # noqa: ANN401 - a network of somebody else's
    """What is built, with random weights of our seed, ready for inference."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return build().eval().requires_grad_(False)


def small_videomae() -> Any:  # noqa: ANN401 - a class of cd-fvd's
    """cd-fvd's own class at the size of ``SMALL``."""
    return peer("cdfvd.third_party.VideoMAEv2.videomaev2_finetune").VisionTransformer(
        patch_size=14,
        embed_dim=SMALL["width"],
        depth=SMALL["depth"],
        num_heads=SMALL["heads"],
        mlp_ratio=SMALL["hidden"] / SMALL["width"],
        num_classes=SMALL["classes"],
        qkv_bias=True,
        norm_layer=lambda width: nn.LayerNorm(width, eps=1e-6),
        all_frames=SMALL["frames"],
        use_mean_pooling=True,
    )


@torch.no_grad()
def settle(network: nn.Module, run: Callable[[], object]) -> None:
    """Give batch norms the mean and variance of what reaches them in one run."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean
        norm.train()
    run()
    network.eval()


def clips_bcthw(count: int, size: int, frames: int = 16) -> Tensor:
    """Clips of Moving Shapes in [0, 1], square."""
    videos = MovingShapes(frames=frames, height=size, width=size, seed=SEED, count=count)
    return torch.stack([sample.frames_thwc for sample in videos]).permute(0, 4, 1, 2, 3).contiguous() / 255
