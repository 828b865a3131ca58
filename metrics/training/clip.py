"""Training the small CLIP: frames against captions, both ways."""

from dataclasses import replace

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

from vidgauge.datasets.moving_shapes.scene import Scene
from vidgauge.metrics.networks.shapes_clip import ShapesClip
from vidgauge.metrics.training import clips
from vidgauge.metrics.training.fitting import Plan

Appearance = tuple[str, str, str, str]


def appearance(scene: Scene) -> Appearance:
    """What one frame can show of a caption: all but the motion."""
    return scene.shape, scene.colour, scene.texture, scene.background


def alike(chosen: list[Scene], group: int = 4) -> list[Scene]:
    """Give each group of scenes its first one's colours and texture, so that only the shapes tell them apart.

    Among scenes drawn independently, colours and texture alone nearly always single out the caption, and the network
    would never need to learn shapes.
    """
    leaders = [chosen[i - i % group] for i in range(len(chosen))]
    shared = ("colour", "colour_rgb", "background", "background_rgb", "texture")
    return [
        replace(scene, **{field: getattr(leader, field) for field in shared})
        for scene, leader in zip(chosen, leaders, strict=True)
    ]


def contrastive_loss(network: ShapesClip, plan: Plan, step: int) -> Tensor:
    """The symmetric cross-entropy of CLIP (Radford et al. 2021, figure 3), on one frame of each scene.

    Captions that differ in the motion alone fit a frame equally well, so they share the target's mass.
    The worlds are stationary: first frames are as good as any.
    """
    chosen = alike(clips.scenes(plan.data_seed, step * plan.batch, plan.batch))
    frames = network.encode_frames(clips.mixed_video(chosen, frames=1)[:, :, 0])
    texts = network.embed_captions([scene.caption for scene in chosen])
    logits = network.clip.logit_scale.exp().clamp(max=100) * frames @ texts.T
    same = torch.tensor([[appearance(a) == appearance(b) for b in chosen] for a in chosen]).float()
    target = same / same.sum(1, keepdim=True)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
