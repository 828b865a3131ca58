"""Published numbers as records: what a paper says, where, under which protocol, and how sure that is.

A published number keeps the digits of its paper, and its protocol is what the paper says of it. It stands beside
measured ones and is ranked against nothing: a protocol told in words cannot be held against another.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from vidgauge.fingerprint import fingerprint
from vidgauge.record import Frozen, Measure, ProtocolRef, Record, Subject
from vidgauge.reports.ranking import PUBLISHED

Certainty = Literal["table", "text", "secondary", "unverified"]
CERTAINTIES: dict[Certainty, str] = {
    "table": "read in the table itself",
    "text": "stated in the paper",
    "secondary": "from a secondary source",
    "unverified": "unverified: check it before you rely on it",
}
Fact = bool | int | str
_PRINTED = re.compile(r"(?P<value>-?\d+(\.\d+)?)( ± (?P<plus_minus>\d+(\.\d+)?))?")


class Paper(Frozen):
    """Where numbers were published."""

    short: str
    """What tables call it, such as ``Make-A-Video``."""
    authors: str
    title: str = ""
    """Empty where it is the short name."""
    year: int = Field(ge=1900)
    arxiv: str = Field(pattern=r"\d{4}\.\d{4,5}")
    where: str = ""
    """Table or section, where known."""

    @property
    def source(self) -> str:
        """Short name and place: ``Make-A-Video, Table 1``."""
        return f"{self.short}, {self.where}" if self.where else self.short

    @property
    def citation(self) -> str:
        """All of it in one line."""
        where = f", {self.where}" if self.where else ""
        return f"{self.authors}: {self.title or self.short}, {self.year}, arXiv {self.arxiv}{where}"


class PublishedMeasure(Frozen):
    """A column of the paper's table."""

    better: Literal["lower", "higher", "neither"]
    unit: str = "1"
    percent: bool = False
    """Whether the paper prints shares of 1 as per cent."""


class PublishedRow(Frozen):
    """What one row of the table says."""

    name: str
    """The system, model or setting."""
    work: str = ""
    """How the paper cites it, where it is not the paper's own."""
    certainty: Certainty | None = None
    """Where it is not the table's."""
    protocol: dict[str, Fact] = Field(default_factory=dict)
    """On top of the table's."""
    plus_minus: str = ""
    """What its ± is, where it is not the table's."""
    note: str = ""
    values: dict[str, str]
    """As printed, such as ``26.60 ± 0.47``, by measure; a dash in the paper is left out."""


class Publication(Frozen):
    """One table, or what one paper says in its text: a TOML file."""

    name: str
    """The file's."""
    summary: str
    paper: Paper
    certainty: Certainty
    protocol: dict[str, Fact] = Field(default_factory=dict)
    """What is stated of all rows. ``dataset`` is stated of each, here or there; ``samples`` where known."""
    plus_minus: str = "the source does not say what it is"
    measures: dict[str, PublishedMeasure]
    rows: tuple[PublishedRow, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for row in self.rows:
            if "dataset" not in self.protocol | row.protocol:
                raise ValueError(f"publication {self.name!r} names no dataset for {row.name}")
            for measure, text in row.values.items():
                if measure not in self.measures:
                    raise ValueError(f"publication {self.name!r} has no measure {measure!r}, which {row.name} has")
                if not _PRINTED.fullmatch(text):
                    raise ValueError(f"{text!r} of {row.name} is not printed like '26.60' or '26.60 ± 0.47'")
        return self

    def card(self) -> dict[str, Any]:
        """What lists tell beside the name and the summary."""
        counts = {certainty: sum(self._certainty(row) == certainty for row in self.rows) for certainty in CERTAINTIES}
        return {
            "citation": self.paper.citation,
            "protocol": self.protocol,
            "measures": list(self.measures),
            "rows": {certainty: count for certainty, count in counts.items() if count},
        }

    def records(self, *, unverified: bool = False) -> Iterator[Record]:
        """A record for each number; those that are unverified only where asked for."""
        for row in self.rows:
            if unverified or self._certainty(row) != "unverified":
                for measure, text in row.values.items():
                    yield self._record(row, measure, text)

    def _certainty(self, row: PublishedRow) -> Certainty:
        return row.certainty or self.certainty

    def _record(self, row: PublishedRow, name: str, text: str) -> Record:
        measure, printed = self.measures[name], _PRINTED.fullmatch(text)
        assert printed is not None, "checked when the file was read"
        facts = {key.replace("_", " "): fact for key, fact in (self.protocol | row.protocol).items()}
        samples = facts.get("samples")
        stated = {"paper": self.paper.arxiv, "protocol": facts}
        said = {"source": self.paper.source} | ({"work": row.work} if row.work else {})
        certain = f"{self.paper.citation} ({CERTAINTIES[self._certainty(row)]})"
        margin = printed["plus_minus"]
        return Record(
            subject=Subject(kind=PUBLISHED, name=row.name, config=facts | said),
            measure=Measure(name=name, unit=measure.unit, better=measure.better),
            protocol=ProtocolRef(name=f"{PUBLISHED}.{self.name}", fingerprint=fingerprint(stated)),
            environment=PUBLISHED,
            run=PUBLISHED,
            value=float(printed["value"]) / (100 if measure.percent else 1),
            no_interval=f"± as printed: {row.plus_minus or self.plus_minus}" if margin else "none is published",
            n=samples if type(samples) is int else 0,
            time=datetime(self.paper.year, 1, 1, tzinfo=UTC),
            details={
                "printed": {"value": printed["value"], "plus_minus": margin or "", "percent": measure.percent},
                "certainty": self._certainty(row),
                "citation": self.paper.citation,
                "notes": [certain, *([row.note] if row.note else [])],
            },
        )
