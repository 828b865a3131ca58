"""What of the published weights lies on this machine, and what is known about it."""

from collections.abc import Iterator
from pathlib import Path

from vidgauge.errors import VidgaugeError
from vidgauge.markdown import table
from vidgauge.metrics.anchors import ANCHORS, has_passed
from vidgauge.metrics.published import use_of
from vidgauge.metrics.weights import CARDS, FOLDER
from vidgauge.record import Frozen
from vidgauge.weights import WeightsCard, look

_SHOWN = 4
_HEADINGS = ("weights", "network", "size", "licence", "sha256", "where")


class State(Frozen):
    """A card, and its file as it is here."""

    name: str
    network: str
    protocols: list[str]
    file: str
    format: str
    bytes: int | None
    """Exact where the digest is stated."""
    licence: str
    sha256: str
    """Of the published file; empty where none is stated and the file was never here."""
    digest: str
    """``stated`` on the card, ``first seen`` here, or ``unknown``."""
    addresses: list[str]
    also: list[str]
    path: str
    """What is read; empty where it is not here."""
    converted: bool
    verified: bool
    """Whether it is here and has that digest."""
    anchors: list[str]
    """Published numbers that were computed again with it."""
    problem: str
    """Why what lies here cannot be used; empty where it can."""

    def text(self) -> str:
        """A few lines for people."""
        return "\n".join([f"{self.name}: {self._whereabouts()}", *(f"  {line}" for line in self._lines())])

    def _whereabouts(self) -> str:
        if self.problem:
            return "BROKEN"
        if not self.verified:
            return "not here"
        return ("here, converted" if self.converted else "here") + f", sha256 as {self.digest}"

    def _lines(self) -> Iterator[str]:
        more = f" and {len(self.protocols) - _SHOWN} more" if len(self.protocols) > _SHOWN else ""
        protocols = ", ".join(self.protocols[:_SHOWN]) + more
        yield f"for      {self.network or 'nothing here'}{': ' if protocols else ''}{protocols}"
        size = (
            "" if self.bytes is None else f", {'' if self.digest == 'stated' else 'about '}{self.bytes / 1e6:,.1f} MB"
        )
        yield f"file     {self.file} ({self.format}{size})" + (f", with {', '.join(self.also)}" if self.also else "")
        yield f"licence  {self.licence}"
        yield f"sha256   {self.sha256 or 'not stated: the first one that is seen is kept'}"
        yield from (f"from     {address}" for address in self.addresses)
        if self.path:
            yield f"lies in  {self.path}"
        if self.anchors:
            yield f"gives    {', '.join(self.anchors)}"
        if self.problem:
            yield f"problem  {self.problem}"


def state_of(card: WeightsCard, shipped: Path = FOLDER) -> State:
    """A card's state; a file that is not the card's is told as a problem.

    Args:
        card: whose.
        shipped: the folder in the package where the card itself lies.
    """
    found, problem = None, ""
    try:
        found = look(card, shipped)
    except VidgaugeError as error:
        problem = str(error)
    seen = card.sha256 or (found.sha256 if found else "")
    use = use_of(card)
    return State(
        name=card.name,
        network=use.network,
        protocols=use.protocols,
        file=card.file,
        format=card.format,
        bytes=card.bytes,
        licence=card.licence,
        sha256=seen,
        digest="stated" if card.sha256 else "first seen" if seen else "unknown",
        addresses=list(card.addresses),
        also=list(card.also),
        path=str(found.path) if found else "",
        converted=found.converted if found else False,
        verified=found is not None,
        anchors=[name for name in ANCHORS if ANCHORS[name].weights == card.name and has_passed(ANCHORS[name])],
        problem=problem,
    )


def markdown_table() -> str:
    """A Markdown table of all cards, the same on every machine."""
    return table(_HEADINGS, (_row(CARDS[name]) for name in CARDS))


def _row(card: WeightsCard) -> tuple[str, ...]:
    about = "" if card.sha256 else "about "
    size = "" if card.bytes is None else f"{about}{card.bytes / 1e6:,.1f} MB"
    digest = f"`{card.sha256[:8]}…`" if card.sha256 else "not stated"
    where = ", ".join(f"<{address}>" for address in card.addresses) or "in the package"
    return f"`{card.name}`", use_of(card).network, size, card.licence, digest, where
