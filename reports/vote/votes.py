"""The votes of a study: one SQLite file, append-only. A vote is on disk before anybody is told that it is."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from vidgauge.errors import VidgaugeError
from vidgauge.reports.vote.answers import Answer, ConflictError

VOTES = "votes.sqlite"
_APPLICATION_ID = 0x56475654  # "VGVT"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS study (fingerprint TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS slots (slot INTEGER PRIMARY KEY, purpose TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS raters (
    rater TEXT PRIMARY KEY, slot INTEGER NOT NULL REFERENCES slots, joined TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answers (
    rater TEXT NOT NULL REFERENCES raters, trial TEXT NOT NULL, question TEXT NOT NULL, choice TEXT NOT NULL,
    seconds REAL NOT NULL, time TEXT NOT NULL, PRIMARY KEY (rater, trial, question));
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON answers BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON answers BEGIN SELECT RAISE(ABORT, 'append-only'); END;
"""


class Votes:
    """The votes of one study.

    Any number of threads and processes may use one file at once.

    Args:
        path: the SQLite file, made if need be.
        study: fingerprint of the study that the votes are about.

    Raises:
        VidgaugeError: where the file is no such store, or that of another study.
    """

    def __init__(self, path: Path, study: str) -> None:
        self.path = path
        try:
            with self._open() as db:
                (application_id,) = db.execute("PRAGMA application_id").fetchone()
                (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
                if application_id != _APPLICATION_ID and tables:
                    raise sqlite3.DatabaseError("another program's database")
                db.execute("PRAGMA journal_mode = WAL")
                db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                db.executescript(_SCHEMA)
                with _transaction(db):
                    db.execute("INSERT INTO study SELECT ? WHERE NOT EXISTS (SELECT 1 FROM study)", (study,))
                (found,) = db.execute("SELECT fingerprint FROM study").fetchone()
        except sqlite3.Error as error:
            raise VidgaugeError(f"{path} is not a store of votes ({error}); move it away") from error
        if found != study:
            raise VidgaugeError(f"{path} holds the votes of study {found}, not of {study}; each study has its own")

    def join(self, rater: str) -> int:
        """The number of a rater, from 0, which decides what is shown; a new rater gets the next free one."""
        with self._open() as db, _transaction(db):
            found = db.execute("SELECT slot FROM raters WHERE rater = ?", (rater,)).fetchone()
            if found is None:
                found = (_next_slot(db, "server"),)
                db.execute("INSERT INTO raters VALUES (?, ?, ?)", (rater, *found, _now()))
        return int(found[0])

    def reserve(self, count: int) -> list[int]:
        """Numbers for so many raters who will vote elsewhere."""
        with self._open() as db, _transaction(db):
            return [_next_slot(db, "export") for _ in range(count)]

    def add(self, rater: str, answer: Answer) -> None:
        """Keep an answer of a rater who has joined; one that is there already stays there once.

        Raises:
            ConflictError: where another answer to the same question is there.
        """
        with self._open() as db, _transaction(db):
            _insert(db, rater, answer)

    def merge(self, parts: Sequence[tuple[str, int, Sequence[Answer]]]) -> int:
        """Keep what raters answered elsewhere: all or nothing.

        Args:
            parts: names of raters, their numbers, and their answers.

        Returns:
            How many answers are new.

        Raises:
            ConflictError: where a rater of such a name has another number here, or gave other answers.
        """
        with self._open() as db, _transaction(db):
            return sum(_merge(db, *part) for part in parts)

    def raters(self) -> dict[str, int]:
        """The numbers of all raters by their names, in the order in which they came."""
        with self._open() as db:
            return dict(db.execute("SELECT rater, slot FROM raters ORDER BY joined, rater"))

    def answers(self, rater: str) -> list[Answer]:
        """All that a rater answered, oldest first."""
        query = "SELECT trial, question, choice, seconds FROM answers WHERE rater = ? ORDER BY rowid"
        with self._open() as db:
            rows = db.execute(query, (rater,)).fetchall()
        return [Answer(trial=trial, question=about, choice=choice, seconds=took) for trial, about, choice, took in rows]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        # A connection for each call: threads share none, and opening one takes less than a millisecond.
        db = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        try:
            db.execute("PRAGMA synchronous = FULL")  # also a power cut takes nothing that was acknowledged
            yield db
        finally:
            db.close()


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; it waits for other writers at its beginning, so that it cannot meet them later."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _next_slot(db: sqlite3.Connection, purpose: str) -> int:
    (slot,) = db.execute("SELECT coalesce(max(slot), -1) + 1 FROM slots").fetchone()
    db.execute("INSERT INTO slots VALUES (?, ?)", (slot, purpose))
    return int(slot)


def _merge(db: sqlite3.Connection, rater: str, slot: int, answers: Sequence[Answer]) -> int:
    db.execute("INSERT OR IGNORE INTO slots VALUES (?, 'merged')", (slot,))
    db.execute("INSERT OR IGNORE INTO raters VALUES (?, ?, ?)", (rater, slot, _now()))
    (there,) = db.execute("SELECT slot FROM raters WHERE rater = ?", (rater,)).fetchone()
    if there != slot:
        raise ConflictError(
            f"rater {rater!r} has number {slot + 1} there and {there + 1} here: two people, or one who voted twice; "
            "leave one of them out"
        )
    return sum(_insert(db, rater, answer) for answer in answers)


def _insert(db: sqlite3.Connection, rater: str, answer: Answer) -> int:
    key = (rater, answer.trial, answer.question)
    query = "SELECT choice FROM answers WHERE rater = ? AND trial = ? AND question = ?"
    found = db.execute(query, key).fetchone()
    if found is None:
        db.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?)", (*key, answer.choice, answer.seconds, _now()))
        return 1
    if found[0] != answer.choice:
        raise ConflictError(f"rater {rater!r} answered this question before, and otherwise; the first answer stays")
    return 0


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
