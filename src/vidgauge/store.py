"""The store: one SQLite file of records, append-only. A crash between two records loses neither."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vidgauge.environment import Environment
from vidgauge.errors import VidgaugeError
from vidgauge.record import Record

if TYPE_CHECKING:
    import pandas as pd

_APPLICATION_ID = 0x56474745  # "VGGE": tells a vidgauge store from any other SQLite file
_SCHEMA = """
CREATE TABLE IF NOT EXISTS environments (fingerprint TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, environment TEXT NOT NULL REFERENCES environments, body TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON records BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON records BEGIN SELECT RAISE(ABORT, 'append-only'); END;
"""


class Store:
    """Records and the environments they were measured in, in one file.

    Args:
        path: the SQLite file. It is made, with its folders, unless ``must_exist``.
        must_exist: refuse a path where no store lies, for commands that only read.

    Raises:
        VidgaugeError: where the file is missing (with ``must_exist``) or is not a vidgauge store.
    """

    def __init__(self, path: Path | str, *, must_exist: bool = False) -> None:
        self.path = Path(path)
        if must_exist and not self.path.is_file():
            raise VidgaugeError(f"no store at {self.path}; make one with 'vidgauge demo', 'profile' or 'score --store'")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(self.path, timeout=30)
        try:
            (application_id,) = self._db.execute("PRAGMA application_id").fetchone()
            (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if application_id != _APPLICATION_ID and tables:
                raise sqlite3.DatabaseError("another program's database")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            self._db.close()
            raise VidgaugeError(
                f"{self.path} is not a vidgauge store ({error}); give the path of another file"
            ) from error

    def add(self, record: Record, environment: Environment) -> None:
        """Append one record; it is on disk when this returns.

        Raises:
            ValueError: if the record names another environment than the one given.
        """
        if record.environment != environment.fingerprint:
            raise ValueError(f"the record names environment {record.environment}, not {environment.fingerprint}")
        with self._db:
            self._db.execute(
                "INSERT OR IGNORE INTO environments VALUES (?, ?)",
                (environment.fingerprint, environment.model_dump_json()),
            )
            self._db.execute(
                "INSERT INTO records (run, environment, body) VALUES (?, ?, ?)",
                (record.run, record.environment, record.model_dump_json()),
            )

    def __iter__(self) -> Iterator[Record]:
        """All records, oldest first."""
        for (body,) in self._db.execute("SELECT body FROM records ORDER BY id"):
            yield Record.model_validate_json(body)

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM records").fetchone()[0])

    def environments(self) -> dict[str, Environment]:
        """The environments by fingerprint."""
        rows = self._db.execute("SELECT fingerprint, body FROM environments")
        return {key: Environment.model_validate_json(body) for key, body in rows}

    def to_pandas(self) -> "pd.DataFrame":
        """One row a record, nested fields as dotted columns, ``subject.config`` and ``details`` as JSON text."""
        return to_pandas(self)

    def export_json(self, path: Path) -> None:
        """Write records and environments as one JSON document: keys sorted, a record a line."""
        write_json(path, self, self.environments())

    def import_json(self, path: Path) -> int:
        """Append the records of a document that ``export_json`` wrote; returns how many."""
        records, environments = read_json(path)
        for record in records:
            self.add(record, environments[record.environment])
        return len(records)

    def export_parquet(self, path: Path) -> None:
        """Write ``to_pandas`` as Parquet; needs the ``parquet`` extra."""
        path.write_bytes(to_parquet(self.to_pandas()))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def write_json(path: Path, records: Iterable[Record], environments: Mapping[str, Environment]) -> None:
    """Write records, and their environments by fingerprint, as one JSON document: keys sorted, a record a line."""
    described = (f"{json.dumps(key)}: {_line(value)}" for key, value in sorted(environments.items()))
    listed = map(_line, records)
    document = ['{"environments": {', ",\n".join(described), '}, "records": [', ",\n".join(listed), "]}"]
    path.write_text("\n".join(document) + "\n", encoding="utf-8")


def _line(model: Record | Environment) -> str:
    return json.dumps(model.model_dump(mode="json"), separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def read_json(path: Path) -> tuple[list[Record], dict[str, Environment]]:
    """The records of a document that ``export_json`` wrote, and their environments by fingerprint.

    Raises:
        VidgaugeError: where there is no such document.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        environments = {key: Environment.model_validate(value) for key, value in document["environments"].items()}
        return [Record.model_validate(body) for body in document["records"]], environments
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VidgaugeError(f"{path} is not a document of records ({error})") from error


def to_pandas(records: Iterable[Record]) -> "pd.DataFrame":
    """One row a record, nested fields as dotted columns, ``subject.config`` and ``details`` as JSON text."""
    import pandas as pd

    return pd.DataFrame([_row(record) for record in records])


def to_parquet(frame: "pd.DataFrame") -> bytes:
    """The frame as the bytes of a Parquet file.

    Raises:
        VidgaugeError: where pyarrow, of the extra ``parquet``, is not installed.
    """
    try:
        return frame.to_parquet(index=False)
    except ImportError as error:
        raise VidgaugeError("Parquet needs pyarrow; install it with: pip install 'vidgauge[parquet]'") from error


def _row(record: Record) -> dict[str, object]:
    row: dict[str, object] = {}
    for key, value in record.model_dump().items():
        if key in ("subject", "measure", "protocol"):
            row |= {f"{key}.{name}": item for name, item in value.items()}
        else:
            row[key] = value
    for key in ("subject.config", "details"):
        row[key] = json.dumps(row[key], sort_keys=True, ensure_ascii=False)
    return row
