"""Fetching a card's file from its addresses: whole and verified, or not at all, and going on where it stopped."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from vidgauge.errors import VidgaugeError
from vidgauge.files import made, sha256
from vidgauge.weights.card import WeightsCard
from vidgauge.weights.finding import check, first_seen, record
from vidgauge.weights.folders import cache_folder
from vidgauge.weights.reading import format_of, impostor

if sys.platform != "win32":
    import fcntl

Advance = Callable[[int, int | None], None]
"""Called with the bytes that are here, and of how many, if that is known."""

_CHUNK = 1 << 18
_TRIES = 5
_SECONDS = 30
_PARTIAL_CONTENT, _NO_SUCH_RANGE = 206, 416


class CutShortError(OSError):
    """The connection ended before the file did."""


def fetch(card: WeightsCard, advance: Advance = lambda done, total: None) -> Path:  # noqa: ARG005 - silent unless asked
    """Fetch a card's file into the cache, from the first of its addresses that gives the right one.

    A download that is cut short or interrupted leaves a ``.partial`` file, which is never taken for the file, and from
    which the next one goes on. Of two processes that fetch the same file, the second waits for the first.

    Raises:
        VidgaugeError: if no address gives it (the message says what to put where), or the cache cannot be written to.
    """
    target = cache_folder() / card.file
    if not card.url:
        raise _missing(card, target, "and they have no public address")
    if os.environ.get("VIDGAUGE_OFFLINE"):
        raise _missing(card, target, "and VIDGAUGE_OFFLINE is set")
    made(target.parent)
    download = _Download(target)
    with download.alone():
        if target.is_file():  # another process was fetching it
            check(card, target)
            return target
        reasons = []
        for address in card.addresses:
            reason = download.all_of(address, advance) or download.settle(card.sha256 or first_seen(target))
            if not reason:
                return target
            reasons.append(f"{urlsplit(address).netloc or address}: {reason}")
    raise _missing(card, target, f"and could not be fetched ({'; '.join(reasons)})")


class _Download:
    """A file on its way: what is here of it, and which version of it that is."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._partial = target.with_name(target.name + ".partial")
        self._version = target.with_name(target.name + ".partial.json")
        self._file: IO[bytes]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the partial file, waiting for any other process that does; an empty one is not left behind."""
        while True:
            with self._partial.open("ab") as self._file:
                if sys.platform != "win32":
                    with suppress(OSError):  # some network file systems have no locks
                        fcntl.flock(self._file, fcntl.LOCK_EX)
                if not self._is_current():  # the other process has finished with the file that was opened
                    continue
                try:
                    yield
                finally:
                    if not self._here():
                        self._partial.unlink(missing_ok=True)
                    if not self._partial.exists():
                        self._version.unlink(missing_ok=True)
                return

    def all_of(self, address: str, advance: Advance) -> str:
        """Everything that an address sends, in several connections if they break; the reason if it cannot be had."""
        reason = ""
        for _ in range(_TRIES):
            before = self._here()
            try:
                self._go_on(address, advance)
            except HTTPError as error:
                reason = f"{error.code} {error.reason}"
                if error.code != _NO_SUCH_RANGE or not before:
                    return reason
                self._start_over()
            except (CutShortError, HTTPException, ConnectionError, TimeoutError) as error:
                reason = str(error) or type(error).__name__
                if self._here() <= before:
                    return reason
            except (OSError, ValueError) as error:
                return str(getattr(error, "reason", "") or error)
            else:
                return ""
        return reason

    def settle(self, expected: str) -> str:
        """Give what was sent the file's name, if it is the file; the reason if it is not."""
        found = sha256(self._partial)
        wrong = impostor(self._partial) if found != expected else ""
        if not wrong and expected not in ("", found):
            wrong = f"sent a file with sha256 {found}, not {expected}"
        if not wrong and not expected and not _is_weights(self._partial):
            wrong = "sent a file that is no weights file"
        if wrong:
            self._start_over()
            return wrong
        self._partial.replace(self._target)
        if not expected:
            record(self._target, found)
        return ""

    def _go_on(self, address: str, advance: Advance) -> None:
        """One connection, from where the last one to the same address stopped."""
        request = Request(address, headers={"User-Agent": "vidgauge"})  # noqa: S310 - from a card
        version = self._version_from(address)
        if version:
            request.add_header("Range", f"bytes={self._here()}-")
            request.add_header("If-Range", version)  # the whole file, should it have changed meanwhile
        with urlopen(request, timeout=_SECONDS) as response:  # noqa: S310 - from a card
            if response.status != _PARTIAL_CONTENT:
                self._start_over()
            version = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
            # A weak ETag vouches for the meaning, not for the bytes.
            kept = {"address": address, "version": "" if version.startswith("W/") else version}
            self._version.write_text(json.dumps(kept), "utf-8")
            length = response.headers.get("Content-Length")
            total = None if length is None else self._here() + int(length)
            while chunk := response.read(_CHUNK):
                self._file.write(chunk)
                advance(self._here(), total)
        if total is not None and self._here() < total:
            raise CutShortError(f"cut short after {self._here()} of {total} bytes")

    def _version_from(self, address: str) -> str:
        """Which version of the address's file is here; empty where nothing is, or of something else."""
        try:
            kept = json.loads(self._version.read_text("utf-8"))
        except (OSError, ValueError):
            return ""
        return str(kept["version"]) if kept.get("address") == address and self._here() else ""

    def _here(self) -> int:
        self._file.flush()
        return os.fstat(self._file.fileno()).st_size

    def _start_over(self) -> None:
        self._file.truncate(0)
        self._version.unlink(missing_ok=True)

    def _is_current(self) -> bool:
        try:
            return self._partial.stat().st_ino == os.fstat(self._file.fileno()).st_ino
        except FileNotFoundError:
            return False


def _is_weights(path: Path) -> bool:
    try:
        format_of(path)
    except VidgaugeError:
        return False
    return True


def _missing(card: WeightsCard, target: Path, why: str) -> VidgaugeError:
    size = f", {card.bytes / 1e6:.0f} MB" if card.bytes else ""
    digest = f" with sha256 {card.sha256}" if card.sha256 else ""
    address = f"get it from {' or '.join(card.addresses)} and put it" if card.url else "put it"
    return VidgaugeError(
        f"weights {card.name!r} ({card.file}{size}) are not on this machine {why}; "
        f"{address}{digest} into {target.parent} or into the folder that --weights-dir or VIDGAUGE_WEIGHTS names, "
        "or add it from where it is: vidgauge weights add FILE"
    )
