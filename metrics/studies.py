"""The two ways in which protocols look at videos: whole sets through a network, or pairs side by side."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vidgauge.datasets.clips import ClipRule
from vidgauge.errors import UsageError
from vidgauge.metrics.extraction import Extraction
from vidgauge.metrics.extractor import Extractor, NetworkUse
from vidgauge.metrics.features import FeatureCache
from vidgauge.metrics.looks import Look, looks_of
from vidgauge.metrics.outcome import Outcome, measure, measure_in_pairs
from vidgauge.metrics.paired.scoring import Comparison, measure_pairs
from vidgauge.metrics.protocols import Protocol
from vidgauge.metrics.ranks import Ranks
from vidgauge.metrics.video_set import Side, VideoSet


class Sets:
    """Protocols about sets of videos: what they share is decoded once, and seen once by each network.

    Args:
        protocols: those about sets among them count.
        sets: the videos.
        extractors: the networks of the protocols.
        captions: of either side, by identifier, where there are any.
        batch_size: clips a network sees at once.
        cache: of features.
        ranks: the processes that share the work.

    Attributes:
        steps: how often it will call ``advance``: twice for each file of this process, once for each protocol.
    """

    def __init__(
        self,
        protocols: Sequence[Protocol],
        sets: Mapping[Side, VideoSet],
        extractors: Mapping[NetworkUse, Extractor],
        captions: Mapping[Side, dict[str, str] | None],
        batch_size: int,
        cache: FeatureCache,
        ranks: Ranks,
    ) -> None:
        self._protocols = [protocol for protocol in protocols if not protocol.any_rule.paired]
        self._extractors, self._captions, self._ranks = extractors, captions, ranks
        self._sets, self._cache, self._batch_size = sets, cache, batch_size
        self._uses: dict[Look, dict[NetworkUse, None]] = {}
        for protocol in self._protocols:
            for look in looks_of(protocol).values():
                self._uses.setdefault(look, {})[NetworkUse.of(protocol)] = None
        self._entries = {look: look.draw(sets[look.side].entries) for look in self._uses}
        files = sum(ranks.mine(entry.id) for entries in self._entries.values() for entry in entries)
        self.steps = 2 * files + len(self._protocols) * ranks.first
        self._extractions: dict[Look, Extraction] = {}

    def survey(self, advance: Callable[[], None]) -> None:
        """See what has been seen before."""
        self._extractions = {
            look: Extraction(
                self._entries[look],
                look.clip,
                [self._extractors[use] for use in uses],
                self._cache,
                self._ranks,
                references=self._sets[look.side].references,
                batch_size=self._batch_size,
                advance=advance,
            )
            for look, uses in self._uses.items()
        }

    def needed(self) -> dict[NetworkUse, Extractor]:
        """The networks that must be at hand: those that have not seen all, and those that read captions."""
        reading = [NetworkUse.of(protocol) for protocol in self._protocols if self._reads(protocol)]
        lacking = [extractor for one in self._extractions.values() for extractor in one.lacking()]
        return {extractor.use: extractor for extractor in lacking} | {use: self._extractors[use] for use in reading}

    def unseen(self) -> int:
        """How many videos some network must look at."""
        return sum(one.unseen() for one in self._extractions.values())

    def without(self, reasons: Mapping[NetworkUse, str]) -> None:
        """Do without some of the networks: what needs them says why there is no value."""
        for one in self._extractions.values():
            one.without(reasons)

    def outcomes(self, *, advance: Callable[[], None], **how: Any) -> dict[str, Outcome]:  # noqa: ANN401 - how to decode
        """What each protocol says, by name; to the first process alone."""
        evidence = {
            look: one.run(captions=self._captions[look.side], advance=advance, **how)
            for look, one in self._extractions.items()
        }
        outcomes: dict[str, Outcome] = {}
        for protocol in self._protocols if self._ranks.first else ():
            use = NetworkUse.of(protocol)
            sides = {side: evidence[look][use] for side, look in looks_of(protocol).items()}
            outcomes[protocol.name] = measure(protocol, sides, self._extractors[use])
            advance()
        return outcomes

    def _reads(self, protocol: Protocol) -> bool:
        shown = (self._captions[side] is not None for side in looks_of(protocol))
        return protocol.any_rule.needs_captions and all(shown)


class Pairs:
    """Protocols about pairs of videos: those with one clip rule are served by one decoding, by the first process.

    Arguments and attributes are those of `Sets`.
    """

    def __init__(
        self,
        protocols: Sequence[Protocol],
        sets: Mapping[Side, VideoSet],
        extractors: Mapping[NetworkUse, Extractor],
        ranks: Ranks,
    ) -> None:
        self._sets, self._extractors = sets, extractors
        self._groups: dict[ClipRule, list[Protocol]] = {}
        for protocol in protocols if ranks.first else ():
            if protocol.any_rule.paired:
                self._groups.setdefault(protocol.clip, []).append(protocol)
        self.steps = len(self._groups) * sum(len(videos.entries) for videos in sets.values())
        self._hindered: dict[str, Outcome] = {}

    def survey(self, advance: Callable[[], None]) -> None:
        """Nothing of pairs is kept that could have been seen before."""

    def needed(self) -> dict[NetworkUse, Extractor]:
        """The networks that must be at hand."""
        uses = [NetworkUse.of(protocol) for group in self._groups.values() for protocol in group if protocol.network]
        return {use: self._extractors[use] for use in uses}

    def unseen(self) -> int:
        """How many videos some network must look at."""
        return self.steps

    def without(self, reasons: Mapping[NetworkUse, str]) -> None:
        """Do without some of the networks: what needs them says why there is no value."""
        for group in self._groups.values():
            for protocol in list(group):
                if reason := reasons.get(NetworkUse.of(protocol)):
                    self._hindered[protocol.name] = Outcome({"status": "failed", "reason": reason})
                    group.remove(protocol)

    def outcomes(self, **how: Any) -> dict[str, Outcome]:  # noqa: ANN401 - workers, strict and advance of measure_pairs
        """What each protocol says, by name."""
        outcomes = dict(self._hindered)
        for clip_rule, group in self._groups.items():
            comparisons = {protocol.name: self._comparison(protocol) for protocol in group}
            entries = self._sets["real"].entries, self._sets["generated"].entries
            try:
                pairs = measure_pairs(*entries, clip_rule, comparisons, **how)
            except UsageError as error:  # about names or the clip rule: what sets say of each other stands
                failed = Outcome({"status": "failed", "reason": str(error)})
                outcomes |= dict.fromkeys(comparisons, failed)
                continue
            outcomes |= {protocol.name: measure_in_pairs(protocol, pairs[protocol.name]) for protocol in group}
        return outcomes

    def _comparison(self, protocol: Protocol) -> Comparison:
        lens = self._extractors[NetworkUse.of(protocol)].module if protocol.network else None
        return Comparison(protocol.paired_rule, lens)
