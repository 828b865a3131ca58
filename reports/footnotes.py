"""What must be said about a number and does not fit beside it."""

from collections.abc import Iterable

from vidgauge.record import Record
from vidgauge.reports.ranking import is_published

_MOST_FILES = 5


class Footnotes:
    """Numbers texts from 1 in the order in which they are first met."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, texts: Iterable[str]) -> tuple[int, ...]:
        """The numbers of these texts, sorted; equal texts share one."""
        return tuple(sorted({self._numbers.setdefault(text, len(self._numbers) + 1) for text in texts}))

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts in the order of their numbers."""
        return tuple(self._numbers)


def footnote_texts(record: Record) -> list[str]:
    """All that a reader must know beside the number: why it or its interval is missing, failures, notes."""
    texts = [f"{record.status}: {record.reason}"] if record.status != "ok" else []
    if record.no_interval and not is_published(record.subject):
        texts.append(f"no interval: {record.no_interval}")
    elif record.details.get("printed", {}).get("plus_minus"):
        texts.append(record.no_interval)
    if record.n_failed:
        texts.append(f"{lost(record)}{_files(record)}")
    texts += notes(record)
    return texts


def notes(record: Record) -> list[str]:
    """The remarks that the record's maker left."""
    texts = [str(note) for note in record.details.get("notes") or []]
    if "note" in record.details:
        texts.append(str(record.details["note"]))
    small = record.details.get("small_n")
    if small:
        texts.append(small if isinstance(small, str) else f"n = {record.n} is small: read the interval, not the value")
    return texts


def lost(record: Record) -> str:
    """How many samples could not be used, as a clause."""
    return f"{record.n_failed} {'sample' if record.n_failed == 1 else 'samples'} could not be used"


def failed_files(record: Record) -> list[tuple[str, str]]:
    """Name and reason of each file that could not be used, as ``details["failed"]`` lists them."""
    entries = record.details.get("failed") or []
    if not isinstance(entries, list):
        return [("", str(entries))]
    return [
        (str(entry.get("file", "")), str(entry.get("reason", ""))) if isinstance(entry, dict) else (str(entry), "")
        for entry in entries
    ]


def _files(record: Record) -> str:
    files = [f"{file} ({reason})" if reason else file for file, reason in failed_files(record)]
    if not files:
        return ""
    more = f" and {len(files) - _MOST_FILES} more" if len(files) > _MOST_FILES else ""
    return ": " + ", ".join(files[:_MOST_FILES]) + more
