"""The store keeps what it was given, whatever happens to the process, and never changes it."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from vidgauge.environment import Environment
from vidgauge.errors import VidgaugeError
from vidgauge.record import Measure, ProtocolRef, Record, Subject
from vidgauge.store import Store


def record(environment: Environment, value: float = 1.0) -> Record:
    return Record(
        subject=Subject(kind="layer", name="conv3d", config={"batch": 1}),
        measure=Measure(name="latency", unit="s", better="lower"),
        protocol=ProtocolRef(name="latency.interleaved", fingerprint="f"),
        environment=environment.fingerprint,
        run="r",
        value=value,
        no_interval="one sample",
        details={"samples": [value]},
    )


def test_gives_back_what_it_was_given_in_order(tmp_path: Path, environment: Environment) -> None:
    records = [record(environment, value) for value in (3.0, 1.0, 2.0)]
    with Store(tmp_path / "deep" / "s.sqlite") as store:
        for item in records:
            store.add(item, environment)
    with Store(tmp_path / "deep" / "s.sqlite", must_exist=True) as store:
        assert list(store) == records
        assert len(store) == 3
        assert store.environments() == {environment.fingerprint: environment}


def test_names_of_any_bytes_are_stored(tmp_path: Path, environment: Environment) -> None:
    """Python carries bytes that are no UTF-8 as halves of surrogate pairs, which no JSON and no SQLite takes."""
    odd = "caf\udce9 \ud800 ü視.mp4"
    changes = {
        "subject": Subject(kind="videos", name=odd, config={odd: [odd]}),
        "details": {"failed": [{"file": odd, "reason": "ü"}], "samples": [1.0, None]},
    }
    made = Record.model_validate(record(environment).model_dump() | changes)
    with Store(tmp_path / "s.sqlite") as store:
        store.add(made, environment)
        store.export_json(tmp_path / "s.json")
        assert list(store) == [made]
    written = "caf\\udce9 \\ud800 ü視.mp4"  # one half names no byte, so that all are written as they are
    assert made.subject == Subject(kind="videos", name=written, config={written: [written]})
    assert made.details["failed"] == [{"file": written, "reason": "ü"}]
    assert Subject(kind="videos", name="caf\udce9.mp4").name == "caf\\xe9.mp4"


def test_is_append_only(tmp_path: Path, environment: Environment) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        store.add(record(environment), environment)
    database = sqlite3.connect(tmp_path / "s.sqlite")
    for statement in ("DELETE FROM records", "UPDATE records SET run = 'x'"):
        with pytest.raises(sqlite3.DatabaseError, match="append-only"):
            database.execute(statement)
    database.close()


def test_a_killed_process_loses_nothing_it_had_added(tmp_path: Path, environment: Environment) -> None:
    body = record(environment).model_dump_json()
    script = f"""
import os, signal
from vidgauge.environment import Environment
from vidgauge.record import Record
from vidgauge.store import Store
store = Store({str(tmp_path / "s.sqlite")!r})
store.add(Record.model_validate_json({body!r}), Environment.model_validate_json({environment.model_dump_json()!r}))
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    with Store(tmp_path / "s.sqlite", must_exist=True) as store:
        assert [item.value for item in store] == [1.0]


def test_refuses_an_environment_that_is_not_the_records(tmp_path: Path, environment: Environment) -> None:
    other = environment.model_copy(update={"cpu": "another"})
    with Store(tmp_path / "s.sqlite") as store, pytest.raises(ValueError, match="names environment"):
        store.add(record(environment), other)


def test_missing_and_foreign_files_are_refused_unharmed(tmp_path: Path) -> None:
    with pytest.raises(VidgaugeError, match="no store at"):
        Store(tmp_path / "none.sqlite", must_exist=True)
    text = tmp_path / "notes.sqlite"
    text.write_text("these are notes, not a database, and long enough to be no empty file " * 20)
    foreign = tmp_path / "foreign.sqlite"
    database = sqlite3.connect(foreign)
    database.execute("CREATE TABLE mine (x)")
    database.commit()
    database.close()
    for path in (text, foreign):
        before = path.read_bytes()
        with pytest.raises(VidgaugeError, match="not a vidgauge store"):
            Store(path)
        assert path.read_bytes() == before


def test_exports(tmp_path: Path, environment: Environment) -> None:
    with Store(tmp_path / "a.sqlite") as store, Store(tmp_path / "b.sqlite") as other:
        store.add(record(environment, 2.5), environment)
        store.export_json(tmp_path / "a.json")
        assert other.import_json(tmp_path / "a.json") == 1
        assert list(other) == list(store)
        frame = store.to_pandas()
        assert frame.loc[0, "subject.name"] == "conv3d"
        assert frame.loc[0, "value"] == 2.5
        store.export_parquet(tmp_path / "a.parquet")
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet")[["value", "n"]], frame[["value", "n"]])


def test_the_commit_is_outside_the_fingerprint_and_threads_are_inside(environment: Environment) -> None:
    assert environment.model_copy(update={"commit": "def", "dirty": True}).fingerprint == environment.fingerprint
    assert environment.model_copy(update={"threads": 1}).fingerprint != environment.fingerprint


def test_an_environment_describes_this_process() -> None:
    import torch

    environment = Environment.capture()
    assert environment.threads == torch.get_num_threads()
    assert environment.libraries["torch"] == torch.__version__.partition("+")[0]
    assert "libavcodec" in environment.ffmpeg
    assert Environment.model_validate_json(environment.model_dump_json()).fingerprint == environment.fingerprint
