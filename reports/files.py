"""The files of a report, and the care not to write over somebody else's."""

from collections.abc import Sequence
from pathlib import Path

from vidgauge.errors import UsageError, near_misses
from vidgauge.reports.latex import HEAD as LATEX_MARK
from vidgauge.reports.page import page
from vidgauge.reports.tables import table
from vidgauge.store import Store, to_pandas

MARKDOWN_MARK = "<!-- Written by vidgauge report. -->\n"
FILES = {"html": "index.html", "markdown": "tables.md", "latex": "tables.tex", "csv": "records.csv"}
_MARKS = {"html": '<meta name="generator" content="vidgauge report ', "markdown": MARKDOWN_MARK, "latex": LATEX_MARK}
_MARKS["csv"] = "subject.kind,subject.name,subject.config,"


def write_report(store: Path, out: Path, formats: Sequence[str]) -> dict[str, Path]:
    """Write a store's report into a folder.

    Args:
        store: the SQLite file to read.
        out: the folder, made if need be; only the names in ``FILES`` are written in it.
        formats: which of ``FILES`` to write.

    Returns:
        The paths written, by format.

    Raises:
        UsageError: for an unknown format, an empty store, or where one of the names is taken by a file that no report
            wrote.
        VidgaugeError: where there is no store.
    """
    for name in formats:
        if name not in FILES:
            raise UsageError(f"there is no report format {name!r}; {near_misses(name, list(FILES))}")
    with Store(store, must_exist=True) as opened:
        records, environments = list(opened), opened.environments()
    if not records:
        raise UsageError(
            f"{store} holds no records; measure something into it first, with 'vidgauge profile' or 'score'"
        )
    paths = {name: out / FILES[name] for name in dict.fromkeys(formats)}
    _refuse_strangers(out, paths)
    write = {
        "html": lambda: page(records, environments, store.name),
        "markdown": lambda: MARKDOWN_MARK + table(records, "markdown"),
        "latex": lambda: table(records, "latex"),
        "csv": lambda: to_pandas(records).to_csv(index=False, lineterminator="\n"),
    }
    texts = {name: write[name]() for name in paths}  # all of them first: a failure leaves no half report
    out.mkdir(parents=True, exist_ok=True)
    for name, path in paths.items():
        path.write_text(texts[name], encoding="utf-8")
    return paths


def _refuse_strangers(out: Path, paths: dict[str, Path]) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; give --out a folder")
    for name, path in paths.items():
        if path.exists() and not (path.is_file() and _MARKS[name] in _start(path)):
            raise UsageError(f"{path} exists and was not written by 'vidgauge report'; move it or choose another --out")


def _start(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(2000)
