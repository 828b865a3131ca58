"""What the contest of conventions looks at: published conventions, and one convention with one thing changed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from vidgauge.bench.contests.conventions_videos import Change, as_it_is, compressed, every_second_frame
from vidgauge.datasets.clips import ClipRule
from vidgauge.metrics.arrays import Array
from vidgauge.metrics.extractor import Extractor, NetworkUse
from vidgauge.metrics.measures.fvd import FVD
from vidgauge.metrics.protocols import PROTOCOLS, Protocol, Samples
from vidgauge.metrics.protocols.shapes import in_shapes

PUBLISHED = (
    "fvd.tf",
    "fvd.magvit",
    "fvd.fastvideo",
    "fvd.stylegan-v",
    "fvd.cd-fvd-i3d",
    "fvd.videogpt",
    "fvd.tats",
    "fvd.digan",
)
"""The first is what others are compared with."""
RANDOM_SEED = 0
_BATCH = 8


@dataclass(frozen=True)
class Look:
    """A protocol, and what happens to a video before."""

    protocol: Protocol
    change: Change = as_it_is

    @property
    def rule(self) -> FVD:
        """The protocol's measure."""
        rule = self.protocol.rule
        assert isinstance(rule, FVD)
        return rule


def plain() -> Protocol:
    """What one thing at a time is changed of."""
    return PROTOCOLS["fvd.shapes"].with_precision("float32")


def published(*, random: bool) -> dict[str, Look]:
    """The published conventions on the same clips: their networks' choices, resizing and root, and no more.

    Args:
        random: I3D with random weights, in place of the network of the embedded world.
    """
    return {name: Look(_on_the_same_clips(PROTOCOLS[name], random)) for name in PUBLISHED}


def changes() -> dict[str, Look]:
    """One thing changed, by what it is; the first is nothing."""
    base = plain()

    def resized(rule: str) -> Look:
        return Look(base.model_copy(update={"resize": rule, "name": f"{base.name}[resize={rule}]"}))

    return {
        "nothing": Look(base),
        "resized without antialiasing": resized("squash/torch-bilinear"),
        "resized by TensorFlow 1's bilinear kernel": resized("squash/tf1-bilinear"),
        "resized by Pillow's bicubic kernel": resized("squash/pil-bicubic"),
        "centre square instead of squashing": resized("crop-torchvision/torch-bilinear-antialias"),
        "by way of 32x32 pixels": resized("squash@32/torch-bilinear-antialias/truncated > squash/torch-bilinear"),
        "every second frame": Look(base, every_second_frame),
        "H.264 at CRF 23": Look(base, compressed(23)),
        "H.264 at CRF 35": Look(base, compressed(35)),
    }


def roots() -> dict[str, Protocol]:
    """Other statistics of the same features."""
    base = plain()
    conventions = {"covariance with N in place of N - 1": "ddof-0", "1e-6 on the diagonals": "ridge-1e-6"}
    conventions["TF-GAN's root in float32"] = "tfgan-float32"
    return {
        name: base.model_copy(update={"parameters": {"convention": one}, "name": f"{base.name}[convention={one}]"})
        for name, one in conventions.items()
    }


def features(clips: Iterable[Tensor], looks: Mapping[str, Look], tell: Callable[[int], None]) -> dict[str, Array]:
    """For each look (N, D): what its network makes of the clips, each of which is drawn once.

    Args:
        clips: (31, H, W, 3) bytes each.
        looks: by name; networks that differ in what they see alone are built once.
        tell: told how many clips are done.
    """
    built: dict[NetworkUse, nn.Module] = {}
    extractors = {name: Extractor(NetworkUse.of(look.protocol), built) for name, look in looks.items()}
    rows: dict[str, list[NDArray[np.float32]]] = {name: [] for name in looks}
    done = 0
    for batch in _batches(clips):
        seen: dict[tuple[NetworkUse, Change], NDArray[np.float32]] = {}  # conventions that differ in the root alone
        for name, look in looks.items():
            key = extractors[name].use, look.change
            if key not in seen:
                prepared = [extractors[name].prepare(look.change(frames_thwc)) for frames_thwc in batch]
                seen[key] = extractors[name](prepared)[look.rule.output]
            rows[name].append(seen[key])
        done += len(batch)
        tell(done)
    return {name: np.concatenate(of_one).astype(np.float64) for name, of_one in rows.items()}


def _batches(clips: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    batch = []
    for clip in clips:
        batch.append(clip)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _on_the_same_clips(protocol: Protocol, random: bool) -> Protocol:
    """Without what a convention says of which clips and how many: those are not on trial here."""
    protocol = protocol.with_random_weights(RANDOM_SEED) if random else in_shapes(protocol).with_precision("float32")
    parameters = {key: value for key, value in protocol.parameters.items() if key != "trials"}
    return protocol.model_copy(
        update={
            "name": f"{protocol.name}[same clips]",
            "parameters": parameters,
            "clip": ClipRule(),
            "generated_clip": None,
            "samples": Samples(),
        }
    )
