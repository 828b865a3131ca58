"""From files to the number: ours beside cd-fvd and the common script, and beside the networks alone."""

import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vidgauge.bench.contests.agreement.comparison import peer, version
from vidgauge.bench.contests.agreement.weights import SEED, Weights
from vidgauge.bench.contests.scoring_speed import port
from vidgauge.bench.contests.scoring_speed.clips import SIDES, write_clips
from vidgauge.bench.contests.scoring_speed.finding import RATIO, SPEED, Finding, estimated
from vidgauge.bench.contests.scoring_speed.plan import Videos
from vidgauge.bench.contests.scoring_speed.race import OURS, Entrant, Race, Tell, race
from vidgauge.bench.timing.statistics import paired_ratio
from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.folder import list_videos
from vidgauge.datasets.loading import Clip, iterate_clips
from vidgauge.errors import VidgaugeError
from vidgauge.metrics.extractor import Extractor, NetworkUse
from vidgauge.metrics.protocols import PROTOCOLS
from vidgauge.metrics.scoring import score
from vidgauge.metrics.video_set import Side

CD_FVD = "cd-fvd"
PORT = "VideoGPT's port"
WHOLE = "whole"
NETWORK = "network alone"
DECODING = "decoding alone"
RESIZING = "resizing alone"
IN_TURN = {
    "decoding and network alone": (DECODING, NETWORK),
    "decoding, resizing and network alone": (DECODING, RESIZING, NETWORK),
}
"""Pieces of the whole that are compared with it as if they were done one after the other."""
Folders = dict[Side, Path]


def run(part: Videos, tell: Tell) -> list[Finding]:
    """Clips a second of each, times over ours, and how much the whole takes over its network."""
    with tempfile.TemporaryDirectory() as name:
        folders = write_clips(Path(name), part.clips, part.frames, part.height, part.width)
        weights = Weights(Path(name) / "weights")
        with weights.at_hand("i3d") if _has_peers(part) else nullcontext():
            entrants = _entrants(part, folders, weights)
            found = race(entrants, SPEED, part.rounds, tell, twice=part.twice)
    return [*_findings(part, entrants, found), *found.lost]


def _has_peers(part: Videos) -> bool:
    return part.peers and version(CD_FVD) is not None


def _entrants(part: Videos, folders: Folders, weights: Weights) -> list[Entrant]:
    random = SEED if part.random_weights and not _has_peers(part) else None
    entrants = [
        Entrant(OURS, WHOLE, partial(_our_distance, part, folders, random)),
        Entrant(OURS, NETWORK, _our_network(part, random)),
        Entrant(OURS, RESIZING, _our_resizing(part, random)),
        Entrant(OURS, DECODING, partial(_our_decoding, part, folders)),
    ]
    if part.peers:
        entrants += [
            Entrant(CD_FVD, WHOLE, partial(_cd_fvd, folders, weights), CD_FVD),
            Entrant(PORT, WHOLE, _port(part, folders, weights), CD_FVD),
            Entrant(PORT, NETWORK, _their_network(part, weights), CD_FVD),
        ]
    return entrants


def _findings(part: Videos, entrants: list[Entrant], found: Race) -> list[Finding]:
    here = {(each.tool, each.what): each for each in entrants if found.ran(each)}
    clips = len(SIDES) * part.clips
    findings = []
    for each in here.values():
        details = {"distance": found.values[each.name]} if each.what == WHOLE else {}
        speed = found.times.latency(each.name).per_second(clips)
        findings.append(found.finding(each, SPEED, estimated(speed, details)))
    findings += [found.ratio(each, here[OURS, what]) for (tool, what), each in here.items() if tool != OURS]
    findings += [found.ratio(here[OURS, WHOLE], here[OURS, NETWORK])]
    findings += [_over_parts(found, here, name) for name in IN_TURN]
    return [*findings, found.noise_floor()] if part.twice else findings


def _over_parts(found: Race, here: dict[tuple[str, str], Entrant], name: str) -> Finding:
    """The whole over its pieces, one after the other."""
    whole, *pieces = (found.times.samples[here[OURS, what].name].seconds for what in (WHOLE, *IN_TURN[name]))
    ratio = paired_ratio(whole, [sum(of_round) for of_round in zip(*pieces, strict=True)])
    return Finding(tool=OURS, what=f"{WHOLE} / {name}", measure=RATIO, result=estimated(ratio))


def _our_distance(part: Videos, folders: Folders, random: int | None) -> float:
    """By the function behind the command, the network built and its file verified, with a cache that is empty."""
    with tempfile.TemporaryDirectory() as features:
        (record,) = score(
            folders["real"],
            folders["generated"],
            [part.protocol],
            random_weights=random,
            workers=part.workers,
            cache=Path(features),
        )
    if record.value is None:
        raise VidgaugeError(record.reason)
    return record.value


def _our_network(part: Videos, random: int | None) -> Callable[[], object]:
    extractor = _extractor(part, random)
    batch = [extractor.prepare(_clip(part))] * part.clips
    return lambda: [extractor(batch) for _ in SIDES]


def _our_resizing(part: Videos, random: int | None) -> Callable[[], object]:
    extractor, clip_thwc = _extractor(part, random), _clip(part)

    def resize() -> None:
        for _ in range(len(SIDES) * part.clips):
            extractor.prepare(clip_thwc)

    return resize


def _extractor(part: Videos, random: int | None) -> Extractor:
    protocol = PROTOCOLS[part.protocol]
    return Extractor(NetworkUse.of(protocol if random is None else protocol.with_random_weights(random)))


def _clip(part: Videos) -> Tensor:
    """One clip (T, H, W, 3), uint8."""
    return torch.randint(256, (part.frames, part.height, part.width, 3), dtype=torch.uint8)


def _our_decoding(part: Videos, folders: Folders) -> int:
    clips = 0
    for folder in folders.values():
        for item in iterate_clips(list_videos(folder), ClipRule(frames=part.frames), workers=part.workers):
            clips += isinstance(item, Clip)
    return clips


def _cd_fvd(folders: Folders, weights: Weights) -> float:
    """As its documentation has it; its network is built and loaded, as ours is."""
    whole = peer("cdfvd.fvd").cdfvd("i3d", ckpt_path=weights.i3d, n_fake="full", device="cpu")
    whole.compute_real_stats(whole.load_videos(str(folders["real"]), data_type="video_folder"))
    whole.compute_fake_stats(whole.load_videos(str(folders["generated"]), data_type="video_folder"))
    return float(whole.compute_fvd_from_stats())


def _port(part: Videos, folders: Folders, weights: Weights) -> Callable[[], object]:
    """With frames that are in memory already: it decodes nothing itself."""
    if not _has_peers(part):
        return lambda: None
    real, generated = (_decoded(part, folders[side]) for side in SIDES)
    return lambda: port.distance(_their_i3d(weights), real, generated)


def _their_network(part: Videos, weights: Weights) -> Callable[[], object]:
    if not _has_peers(part):
        return lambda: None
    network, batch = _their_i3d(weights), torch.rand(part.clips, 3, part.frames, 224, 224)
    return lambda: [port.logits(network, 2 * batch - 1) for _ in SIDES]


def _their_i3d(weights: Weights) -> Any:  # noqa: ANN401 - a class of cd-fvd's
    network = peer("cdfvd.third_party.i3d.pytorch_i3d").InceptionI3d(400).eval()
    network.load_state_dict(torch.load(weights.i3d, weights_only=True))
    return network


def _decoded(part: Videos, folder: Path) -> Tensor:
    found = iterate_clips(list_videos(folder), ClipRule(frames=part.frames), workers=0, strict=True)
    clips = [item.frames_thwc for item in found if isinstance(item, Clip)]
    return torch.stack(clips).permute(0, 4, 1, 2, 3) / 255
