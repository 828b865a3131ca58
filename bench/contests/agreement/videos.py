"""From files to numbers: our protocols beside each reference's own way, on the same videos, equal random weights."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch

from vidgauge.bench.contests.agreement.captions import OpenClip
from vidgauge.bench.contests.agreement.cd_fvd import CdFvd
from vidgauge.bench.contests.agreement.comparison import FEATURES_BOUND, Comparison, Compute, Values, in_order
from vidgauge.bench.contests.agreement.files import COUNTS, FRAMES, HEIGHT, WIDTH, Files
from vidgauge.bench.contests.agreement.images import Images
from vidgauge.bench.contests.agreement.pairs import PAIRS, PROTOCOLS_OF_PAIRS, Pairs
from vidgauge.bench.contests.agreement.references import scikit_learn, tats
from vidgauge.bench.contests.agreement.weights import SEED, SMALL, Weights
from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.folder import list_videos
from vidgauge.errors import VidgaugeError
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.extraction import Extraction
from vidgauge.metrics.extractor import Extractor, NetworkUse
from vidgauge.metrics.features import FeatureCache, opened
from vidgauge.metrics.looks import looks_of
from vidgauge.metrics.protocols import PROTOCOLS, Protocol
from vidgauge.metrics.ranks import Ranks
from vidgauge.metrics.scoring import score
from vidgauge.metrics.video_set import Side

_SIZE = f"{FRAMES} frames of {WIDTH}x{HEIGHT}"
_BOTH = f"{COUNTS['real']} and {COUNTS['generated']} videos, {_SIZE}"
_GENERATED = f"{COUNTS['generated']} videos, {_SIZE}"

_OF_VIDEOS = ("fvd.cd-fvd-i3d", "fvd.tats", "kvd.tats")
_OF_CAPTIONS = ("clipsim.godiva", "clipsim.embedding-mean", "frame-consistency.consecutive")
_FEW_SAMPLES_BOUND = 1e-2
"""Of TF-GAN's distance in float32 from a few clips: hundreds of directions hold nothing but rounding."""


def videos(folder: Path, files: Files, weights: Weights) -> Iterator[Comparison]:
    """All of them, nothing computed yet; ``folder`` is for what comes between."""
    ours = Ours(files, weights)
    yield from _with_cd_fvd(ours, CdFvd(folder, files, weights))
    yield from _with_packages_for_images(ours, Images(files, weights))
    yield from _with_open_clip(ours, OpenClip(files))
    yield from _with_torchmetrics(ours, Pairs(files))


def _with_cd_fvd(ours: "Ours", cd_fvd: CdFvd) -> Iterator[Comparison]:
    row = partial(Comparison, part="videos", package="cd-fvd", bound=FEATURES_BOUND)
    features = partial(row, reference="cd-fvd: its loader and network")
    small = f"{_BOTH}; width {SMALL['width']}, {SMALL['depth']} blocks"
    yield features(
        measure="fvd.cd-fvd-i3d, features",
        case=_BOTH,
        ours=partial(ours.features, "fvd.cd-fvd-i3d"),
        theirs=partial(cd_fvd.features, "i3d", 256),
    )
    yield row(
        measure="fvd.cd-fvd-i3d",
        reference="cd-fvd",
        case=_BOTH,
        ours=partial(ours.of_videos, "fvd.cd-fvd-i3d"),
        theirs=partial(cd_fvd.distance, "i3d", 256),
    )
    yield row(
        measure="fvd.tats",
        reference="cd-fvd: its loader, network and copy of TATS's distance",
        case=_BOTH,
        bound=_FEW_SAMPLES_BOUND,
        ours=partial(ours.of_videos, "fvd.tats"),
        theirs=partial(cd_fvd.by, tats(torch.float32), "i3d", HEIGHT),
    )
    yield row(
        measure="kvd.tats",
        reference="cd-fvd: its loader and network; scikit-learn's kernel",
        case=_BOTH,
        ours=partial(ours.of_videos, "kvd.tats"),
        theirs=partial(cd_fvd.by, scikit_learn(), "i3d", HEIGHT),
    )
    yield features(
        measure="cd-fvd, features",
        case=small,
        ours=partial(ours.features, "cd-fvd"),
        theirs=partial(cd_fvd.features, "videomae", 256),
    )
    yield row(
        measure="cd-fvd",
        reference="cd-fvd",
        case=small,
        ours=partial(ours.measured, "cd-fvd"),
        theirs=partial(cd_fvd.distance, "videomae", 256),
    )


def _with_packages_for_images(ours: "Ours", images: Images) -> Iterator[Comparison]:
    rows: list[tuple[str, str, str, Compute]] = [
        ("fid.frames.pytorch-fid", "pytorch-fid", "pytorch-fid", images.pytorch_fid),
        ("fid.frames.clean-fid", "clean-fid, our network", "clean-fid", images.clean_fid),
        ("fid.frames.torch-fidelity", "torch-fidelity", "torch-fidelity", partial(images.torch_fidelity, "fid")),
        ("fid.frames.torchmetrics", "torchmetrics", "torchmetrics", images.torchmetrics),
        ("kid.frames", "torch-fidelity", "torch-fidelity", partial(images.torch_fidelity, "kid")),
    ]
    for name, reference, package, theirs in rows:
        yield Comparison(
            part="videos",
            measure=name,
            reference=reference,
            package=package,
            case=_BOTH,
            bound=FEATURES_BOUND,
            ours=partial(ours.measured, name),
            theirs=theirs,
        )


def _with_open_clip(ours: "Ours", open_clip: OpenClip) -> Iterator[Comparison]:
    row = partial(
        Comparison,
        part="videos",
        reference="OpenCLIP: its preprocessing and model",
        package="open-clip-torch",
        case=_GENERATED,
        bound=FEATURES_BOUND,
    )
    yield row(
        measure="clipsim.godiva, features",
        ours=partial(ours.features, "clipsim.godiva"),
        theirs=open_clip.features,
    )
    theirs = (open_clip.clipsim, open_clip.clipsim_of_means, open_clip.consecutive)
    for name, compute in zip(_OF_CAPTIONS, theirs, strict=True):
        yield row(measure=name, ours=partial(ours.of_captions, name), theirs=compute)


def _with_torchmetrics(ours: "Ours", pairs: Pairs) -> Iterator[Comparison]:
    for name, compute in zip(PROTOCOLS_OF_PAIRS, (pairs.psnr, pairs.ssim), strict=True):
        yield Comparison(
            part="videos",
            measure=name,
            reference="torchmetrics, on PNG files",
            package="torchmetrics",
            case=f"{PAIRS} pairs, {_SIZE}",
            bound=FEATURES_BOUND,
            ours=partial(ours.of_pairs, name),
            theirs=compute,
        )


class Ours:
    """Our numbers of the same files, each pass made once."""

    def __init__(self, files: Files, weights: Weights) -> None:
        self._files, self._weights = files, weights
        self._scores, self._seen = cache(self._score), cache(self._see)

    def of_videos(self, name: str) -> float:
        """What ``vidgauge.metrics.score`` says with the weights file that cd-fvd has."""
        return self._scores(_OF_VIDEOS, "i3d")[name]

    def of_captions(self, name: str) -> float:
        """What ``vidgauge.metrics.score`` says with random weights of our seed."""
        return self._scores(_OF_CAPTIONS, "")[name]

    def of_pairs(self, name: str) -> float:
        """What ``vidgauge.metrics.score`` says of videos of the same names."""
        return self._scores(PROTOCOLS_OF_PAIRS, "")[name]

    def measured(self, name: str) -> float:
        """The same step by step, with a file or a size of the network that the protocol would not take."""
        protocol, sets = _affordable(name), self._sets(name)
        return protocol.rule.statistic(*sets)()

    def features(self, name: str) -> Values:
        """What a protocol's measure reads, of both sets where it compares."""
        output = _affordable(name).rule.output
        return np.concatenate([in_order(np.asarray(evidence.outputs[output])) for evidence in self._sets(name)])

    def _sets(self, name: str) -> list[Evidence]:
        protocol = _affordable(name)
        return self._seen(self._use(protocol), tuple(looks_of(protocol)))

    def _score(self, names: tuple[str, ...], network: str) -> dict[str, float]:
        with self._weights.at_hand(network):
            records = score(
                self._files.videos["real"],
                self._files.videos["generated"],
                names,
                captions=self._files.captions,
                random_weights=None if network else SEED,
                cache=False,
            )
        missing = [record.reason for record in records if record.value is None]
        if missing:
            raise VidgaugeError(missing[0])
        return {name: record.value for name, record in zip(names, records, strict=True) if record.value is not None}

    def _use(self, protocol: Protocol) -> NetworkUse:
        use = NetworkUse.of(protocol)
        # As files and not under their cards: those state digests, and no other file is taken for the published one.
        path = {"i3d": "i3d", "inception": "inception", "videomae-g": "videomae"}.get(use.network)
        return replace(use, weights=str(getattr(self._weights, path))) if path else use

    def _see(self, use: NetworkUse, sides: tuple[Side, ...]) -> list[Evidence]:
        extractor = Extractor(use)
        with opened(False) as cache:
            return [self._see_side(side, extractor, cache) for side in sides]

    def _see_side(self, side: Side, extractor: Extractor, cache: FeatureCache) -> Evidence:
        entries, rule = list_videos(self._files.videos[side]), ClipRule(frames=FRAMES)
        extraction = Extraction(entries, rule, [extractor], cache, Ranks(), batch_size=16)
        found = extraction.run(workers=1, strict=True, advance=lambda: None)
        evidence = found[extractor.use]
        return replace(evidence, outputs={name: np.asarray(rows) for name, rows in evidence.outputs.items()})


def _affordable(name: str) -> Protocol:
    """The protocol, with a small VideoMAE in place of the large one, and random weights for CLIP."""
    protocol = PROTOCOLS[name]
    if protocol.network == "videomae-g":
        return protocol.model_copy(update={"network_parameters": SMALL})
    return protocol.with_random_weights(SEED) if protocol.network == "clip" else protocol
