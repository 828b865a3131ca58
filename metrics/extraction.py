"""From files to evidence: one pass over a set of videos, through every network that has not seen them yet."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.folder import Entry
from vidgauge.datasets.loading import Clip, Failure, iterate_clips
from vidgauge.errors import UsageError
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.extractor import Extractor, NetworkUse
from vidgauge.metrics.features import FeatureCache, content_of
from vidgauge.metrics.lane import Lane
from vidgauge.metrics.ranks import Ranks
from vidgauge.metrics.video_set import Known


def extract(
    entries: Sequence[Entry],
    clip_rule: ClipRule,
    extractors: Sequence[Extractor],
    cache: FeatureCache,
    ranks: Ranks,
    *,
    references: Sequence[Path] = (),
    captions: Mapping[str, str] | None = None,
    batch_size: int,
    workers: int,
    strict: bool,
    advance: Callable[[], None],
) -> dict[NetworkUse, Evidence]:
    """Decode each file once, if any network has not seen it yet, and run those networks over its clips.

    While a network looks at a batch, the next clips are decoded and resized.

    Args:
        entries: the files, in the order of the evidence.
        clip_rule: which clips to take from each.
        extractors: the networks.
        cache: where features are read from and added to.
        ranks: the processes that share the work; each looks at its own files, and the first gets the evidence.
        references: files of features that stand for videos.
        captions: the caption of each file by its identifier, where there are any.
        batch_size: clips a network sees at once.
        workers: files decoded ahead.
        strict: fail at the first file that cannot be used, instead of counting it.
        advance: called after each file.

    Raises:
        UsageError: if no network takes the clips; one that does not has a refusal in its evidence.
        VidgaugeError: if another process failed.
    """
    videos = _videos(entries, clip_rule, ranks)
    with ThreadPoolExecutor(1) as thread:  # one network at a time, beside whoever decodes
        lanes = [_lane(extractor, clip_rule, cache, batch_size, thread) for extractor in extractors]
        for lane in lanes:
            lane.shelf.find(videos)
            for path in references:
                lane.refer(path)
        with ranks.together():
            mine = [pair for pair in zip(entries, videos, strict=True) if ranks.mine(pair[0].id)]
            _look(mine, clip_rule, lanes, workers=workers, strict=strict, advance=advance)
    for lane in lanes:
        lane.meet(videos, ranks)
    _check_that_any_takes_them(lanes)
    if not ranks.first:
        return {}
    return {lane.extractor.use: lane.evidence(entries, videos, captions) for lane in lanes}


def _videos(entries: Sequence[Entry], clip_rule: ClipRule, ranks: Ranks) -> list[str]:
    """What tells each video from others: its content, and its name where the choice of clips hangs on that."""
    indices = [i for i, entry in enumerate(entries) if ranks.mine(entry.id) and not isinstance(entry, Known)]
    contents = zip(indices, content_of(entries[index] for index in indices), strict=True)
    found = dict(item for part in ranks.gather(dict(contents)) for item in part.items())
    # What cannot be read is like nothing else, and will be said to be so when it is decoded.
    videos = []
    for index, entry in enumerate(entries):
        if isinstance(entry, Known):
            videos.append(entry.video)
            continue
        content = found[index] or f"unreadable-{secrets.token_hex(8)}"
        videos.append(f"{content}#{entry.id}" if clip_rule.offset == "random" else content)
    return videos


def _lane(extractor: Extractor, clip_rule: ClipRule, cache: FeatureCache, batch_size: int, thread: Executor) -> Lane:
    return Lane(extractor, cache.shelf(extractor.seen, clip_rule), batch_size, thread)


def _look(
    pairs: Sequence[tuple[Entry, str]],
    clip_rule: ClipRule,
    lanes: Sequence[Lane],
    *,
    workers: int,
    strict: bool,
    advance: Callable[[], None],
) -> None:
    """Show the lanes what they have not seen."""
    video_of = {id(entry): video for entry, video in pairs}

    def unseen() -> Iterator[Entry]:
        for entry, video in pairs:
            if not isinstance(entry, Known) and any(lane.lacks(video) for lane in lanes):
                for lane in lanes:
                    lane.expect(video)
                yield entry
            else:
                advance()

    try:
        found = iterate_clips(unseen(), clip_rule, workers=workers, strict=strict)
        for entry, of_one_file in groupby(found, key=lambda item: item.entry):
            _show(video_of[id(entry)], of_one_file, lanes)
            _check_that_any_takes_them(lanes)
            advance()
        for lane in lanes:
            lane.finish()
    finally:  # also for whoever stops in the middle
        for lane in lanes:
            lane.keep()


def _show(video: str, of_one_file: Iterator[Clip | Failure], lanes: Sequence[Lane]) -> None:
    failure = ""
    for item in of_one_file:
        if isinstance(item, Failure):
            failure = item.reason
            continue
        for lane in lanes:
            lane.add(video, item.frames_thwc)
    for lane in lanes:
        lane.end(video, failure)


def _check_that_any_takes_them(lanes: Sequence[Lane]) -> None:
    if lanes and all(lane.refusal for lane in lanes):
        raise UsageError(lanes[0].refusal)
