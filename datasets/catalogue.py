"""All described data sets in one table, for the pages that tell which there are."""

from vidgauge.datasets.layouts import Layout
from vidgauge.datasets.sources import SOURCES
from vidgauge.markdown import table

_HEADINGS = ("data set", "splits, with the videos published", "reader", "layout", "tried on original files")


def markdown_table() -> str:
    """A Markdown table of the data sets whose layout is described: splits, reader, standing, and what was tried."""
    layouts = [entry for entry in map(SOURCES.__getitem__, SOURCES) if isinstance(entry, Layout)]
    return table(_HEADINGS, map(_row, layouts))


def _row(layout: Layout) -> tuple[str, ...]:
    splits = [f"{name} {split.count:,}" if split.count else name for name, split in layout.splits.items()]
    standing = f"{layout.standing}, published as links" if layout.links_only else layout.standing
    tried = "yes" if layout.tried_on_original_files else layout.tried or "no"
    return f"[{layout.name}]({layout.described_at})", "; ".join(splits), layout.reader.kind, standing, tried
