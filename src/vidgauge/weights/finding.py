"""Where a card's file lies on this machine, and whether it is the right one."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vidgauge.errors import VidgaugeError
from vidgauge.files import sha256, whole_file
from vidgauge.weights.card import Format, WeightsCard
from vidgauge.weights.converting import conversion, verified
from vidgauge.weights.folders import cache_folder
from vidgauge.weights.reading import impostor


@dataclass(frozen=True)
class Found:
    """A verified file with a card's tensors."""

    path: Path
    format: Format
    sha256: str
    """Of the published file, whether this is it or its conversion."""
    converted: bool


def look(card: WeightsCard, shipped: Path | None = None) -> Found | None:
    """What to read a card's tensors from: the conversion of its file where there is one, else the file itself.

    Args:
        card: what to find.
        shipped: the folder in the package where the card itself lies.

    Returns:
        None where it would have to be fetched.

    Raises:
        VidgaugeError: if the file is not the file of the card.
    """
    published, note = published_file(card, shipped), conversion(card)
    seen = None if published is None else check(card, published)
    if note is not None and seen in (None, note.source_sha256):
        return Found(verified(note), "safetensors", note.source_sha256, converted=True)
    if published is None or seen is None:
        return None
    return Found(published, card.format, seen, converted=False)


def find(card: WeightsCard, shipped: Path | None = None) -> Path | None:
    """The path of what :func:`look` finds."""
    found = look(card, shipped)
    return found.path if found else None


def digest(card: WeightsCard) -> str:
    """The digest of the published file: the stated one, else the first that was seen here; empty if it is not here.

    It is what fingerprints cover, so it is the same before and after a conversion. A file that was seen is not read
    again: whether it changed is found out when it is loaded.
    """
    if card.sha256:
        return card.sha256
    path = published_file(card)
    if path is not None:
        return first_seen(path) or check(card, path)
    note = conversion(card)
    return note.source_sha256 if note else ""


def published_file(card: WeightsCard, shipped: Path | None = None) -> Path | None:
    """Where a file of the card's file name lies, whatever it is."""
    chosen = os.environ.get("VIDGAUGE_WEIGHTS")
    for folder in (Path(chosen) if chosen else None, shipped, cache_folder()):
        if folder is not None and (folder / card.file).is_file():
            return folder / card.file
    return None


def check(card: WeightsCard, path: Path) -> str:
    """The digest of a file that is the card's.

    Raises:
        VidgaugeError: if it is another file. Where no digest is stated, the first one is recorded beside the file, and
            later changes are refused.
    """
    seen = first_seen(path)
    found = examine(card, path)
    if not card.sha256 and seen not in ("", found):
        recorded = f"{seen}, which {_note(path)} recorded when it was first seen"
        raise VidgaugeError(f"weights {card.name!r}: {path} has sha256 {found}, not {recorded}; {_again(card)}")
    if not card.sha256 and not seen:
        record(path, found)
    return found


def examine(card: WeightsCard, path: Path) -> str:
    """The digest of a file that may be the card's: it is the stated one, or none is.

    Raises:
        VidgaugeError: if it cannot be.
    """
    try:
        found = sha256(path)
        wrong = "" if found == card.sha256 else impostor(path)
    except OSError as error:
        raise VidgaugeError(f"weights {card.name!r}: cannot read {path} ({error.strerror})") from error
    if wrong:
        raise VidgaugeError(f"weights {card.name!r}: {path} is not {card.file}: {wrong}")
    if card.sha256 not in ("", found):
        raise VidgaugeError(f"weights {card.name!r}: {path} has sha256 {found}, not {card.sha256}; {_again(card)}")
    return found


def forget(path: Path) -> None:
    """Remove a file and what is recorded about it."""
    path.unlink(missing_ok=True)
    _note(path).unlink(missing_ok=True)


def first_seen(path: Path) -> str:
    """The digest that was recorded when the file was first seen; empty if it never was."""
    try:
        return _note(path).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def record(path: Path, found: str) -> None:
    """Record the digest of a file beside it."""
    # A folder that cannot be written to, such as a shared one, is not changed by this user either.
    with suppress(VidgaugeError, OSError), whole_file(_note(path)) as partial:
        partial.write_text(found + "\n", "ascii")


def _again(card: WeightsCard) -> str:
    return "remove it and fetch it again" + (f" from {card.url}" if card.url else "")


def _note(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")
