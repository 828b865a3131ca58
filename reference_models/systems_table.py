"""The networks of the papers in one table, for the page that tells which there are."""

from vidgauge.markdown import table
from vidgauge.reference_models.systems import SYSTEMS, Preset

_HEADINGS = ("network", "what", "takes", "parameters", "stated", "by whom", "note")


def markdown_table() -> str:
    """A Markdown table of all networks of whose size something is said, beside what is said."""
    entries = [(name, SYSTEMS[name]) for name in SYSTEMS]
    return table(_HEADINGS, [_row(name, entry) for name, entry in entries if entry.stated is not None])


def _row(name: str, entry: Preset) -> tuple[str, ...]:
    assert entry.stated is not None
    card, said = entry.card(), entry.stated
    shape = "x".join(map(str, card["shape"][1:]))
    return (
        name,
        entry.summary,
        shape,
        _millions(card["parameters"]),
        _millions(said.parameters),
        said.certainty,
        said.note,
    )


def _millions(count: float) -> str:
    return f"{count / 1e6:,.1f} M"
