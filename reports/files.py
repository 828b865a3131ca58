"""The files of a report, and the care not to write over somebody else's."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from vidgauge.errors import UsageError, near_misses
from vidgauge.files import whole_file
from vidgauge.record import Record
from vidgauge.reports.choice import Choice
from vidgauge.reports.comparison import EVERYTHING, Table, compare
from vidgauge.reports.latex import HEAD as LATEX_MARK
from vidgauge.reports.latex import write_latex
from vidgauge.reports.markdown import write_markdown
from vidgauge.reports.one_budget import heading
from vidgauge.reports.page import page
from vidgauge.reports.videos.gallery import SCENES, galleries
from vidgauge.store import Store, to_pandas, to_parquet

MARKDOWN_MARK = "<!-- Written by vidgauge report. -->\n"
FILES = {"html": "index.html", "markdown": "tables.md", "latex": "tables.tex", "csv": "records.csv"}
"""What a report holds unless told; ``MORE_FILES`` come on top where they are asked for."""
MORE_FILES = {"parquet": "records.parquet"}
_MARKS = {"html": '<meta name="generator" content="vidgauge report ', "markdown": MARKDOWN_MARK, "latex": LATEX_MARK}
_MARKS |= {"csv": "subject.kind,subject.name,subject.config,", "parquet": "subject.config"}
_START, _END = 2000, 65_536  # bytes of a file in which its mark is looked for; Parquet names its columns at the end


def write_report(
    store: Path,
    out: Path,
    formats: Sequence[str],
    choice: Choice = EVERYTHING,
    published: Sequence[Record] = (),
    videos: int = SCENES,
    advance: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005 - silent unless asked
) -> dict[str, Path]:
    """Write a store's report into a folder.

    Args:
        store: the SQLite file to read.
        out: the folder, made if need be; only the names in ``FILES`` and ``MORE_FILES`` are written in it.
        formats: which of them to write.
        choice: which records, and in what order their rows and columns come.
        published: what papers say, to stand beside them; of the measures chosen.
        videos: how many of each scored set the page shows, as far as they are found; 0 for none.
        advance: told how many of them are done, and how many there are.

    Returns:
        The paths written, by format.

    Raises:
        UsageError: for an unknown format, an empty store, a choice of what is not in it, or where one of the names is
            taken by a file that no report wrote.
        VidgaugeError: where there is no store; for Parquet, where pyarrow is not installed.
    """
    names = FILES | MORE_FILES
    for name in formats:
        if name not in names:
            raise UsageError(f"there is no report format {name!r}; {near_misses(name, list(names))}")
    with Store(store, must_exist=True) as opened:
        everything, environments = list(opened), opened.environments()
    if not everything:
        raise UsageError(
            f"{store} holds no records; measure something into it first, with 'vidgauge profile' or 'score'"
        )
    measured = choice.chosen(everything)
    papers = [record for record in published if choice.wants(record.measure.name)]
    if published and not papers:
        raise UsageError(f"no published number is of the measures {', '.join(choice.measures)}; leave out --published")
    records = [*measured, *papers]
    paths = {name: out / names[name] for name in dict.fromkeys(formats)}
    _refuse_strangers(out, paths)

    @cache  # Markdown and LaTeX print the same ones
    def tables() -> list[Table]:
        return [*compare(measured, choice), *compare(papers)]

    write: dict[str, Callable[[], str | bytes]] = {
        "html": lambda: page(
            records,
            environments,
            heading(records) or store.name,
            galleries(measured, store.absolute().parent, videos, advance),
        ),
        "markdown": lambda: MARKDOWN_MARK + write_markdown(tables()),
        "latex": lambda: write_latex(tables()),
        "csv": lambda: to_pandas(records).to_csv(index=False, lineterminator="\n"),
        "parquet": lambda: to_parquet(to_pandas(records)),
    }
    contents = {name: write[name]() for name in paths}  # all of them first: a failure leaves no half report
    for name, path in paths.items():
        content = contents[name]
        with whole_file(path) as partial:
            partial.write_bytes(content if isinstance(content, bytes) else content.encode())
    return paths


def _refuse_strangers(out: Path, paths: dict[str, Path]) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; give --out a folder")
    for name, path in paths.items():
        if path.exists() and not (path.is_file() and _ours(path, _MARKS[name])):
            raise UsageError(f"{path} exists and was not written by 'vidgauge report'; move it or choose another --out")


def _ours(path: Path, mark: str) -> bool:
    with path.open("rb") as file:
        start = file.read(_START)
        file.seek(max(0, path.stat().st_size - _END))
        return mark.encode() in start + file.read()
