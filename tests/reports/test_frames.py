"""A reader of each format finds the values that the records hold."""

import csv
import io
import re
import sys
from collections.abc import Callable
from datetime import datetime

import pandas as pd
import pytest

from vidgauge.errors import VidgaugeError
from vidgauge.record import Record
from vidgauge.reports import table

Make = Callable[..., Record]


def _facts(records: list[Record]) -> set[tuple[object, ...]]:
    """What a reader must find again, without what newer records superseded."""
    newest = {(record.subject.model_dump_json(), record.measure.name, record.environment): record for record in records}
    return {
        (record.subject.name, record.measure.name, record.value, record.low, record.high, record.n, record.reason)
        for record in newest.values()
    }


def _number(text: str) -> float | None:
    return float(text) if text else None


def test_csv_reads_back(store_records: list[Record]) -> None:
    read = csv.DictReader(io.StringIO(table(store_records, "csv")))
    found = {
        (
            *(line["name"], line["measure"], _number(line["value"]), _number(line["low"]), _number(line["high"])),
            *(int(line["n"]), line["reason"]),
        )
        for line in read
    }
    assert found == _facts(store_records)


def test_parquet_reads_back_with_types(store_records: list[Record]) -> None:
    frame = pd.read_parquet(io.BytesIO(table(store_records, "parquet")))
    columns = ["name", "measure", "value", "low", "high", "n", "reason"]
    rows = frame[columns].astype(object).where(frame[columns].notna(), None).itertuples(index=False, name=None)
    assert set(rows) == _facts(store_records)
    assert isinstance(frame["time"][0], datetime)
    pd.testing.assert_frame_equal(frame, table(store_records, "dataframe"), check_dtype=False)


def test_a_frame_knows_places_and_missing_numbers(make_record: Make) -> None:
    records = [make_record("is", value, name=str(value)) for value in (1.0, 3.0, 2.0, None)]
    frame = table(records, "dataframe").set_index("name")
    assert frame["place"].dtype == "Int64"
    assert [frame["place"][name] for name in ("3.0", "2.0", "1.0")] == [1, 2, 3]
    assert frame["place"].isna()["None"]
    assert frame["value"].isna()["None"]
    assert frame["reason"]["None"] == "made to fail"


def test_hostile_names_read_back_as_they_are(hostile_records: list[Record]) -> None:
    expected = {record.subject.name for record in hostile_records}
    assert set(table(hostile_records, "dataframe")["name"]) == expected
    assert set(pd.read_parquet(io.BytesIO(table(hostile_records, "parquet")))["name"]) == expected


def test_without_pyarrow_one_line_says_what_to_install(make_record: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pyarrow", "fastparquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        VidgaugeError, match=r"Parquet needs pyarrow; install it with: pip install 'vidgauge\[parquet\]'"
    ):
        table([make_record()], "parquet")


def test_markdown_reads_back_to_the_digits_it_prints(make_record: Make) -> None:
    symmetric = make_record("fvd", 80.5, half_width=9.04, name="a")
    asymmetric = make_record("fvd", 90.5, name="b", low=88.0, high=99.25, level=0.95, no_interval="")
    missing = make_record("fvd", None, name="c")
    rows = [line.split(" | ") for line in table([symmetric, asymmetric, missing]).splitlines() if line[:2] == "| "]
    cells = {row[0].strip("| "): row[-1] for row in rows[2:]}
    value, margin = map(float, re.findall(r"[\d.]+", cells["a"])[:2])
    assert (value, margin) == (80.5, 9.0)
    assert list(map(float, re.findall(r"[\d.]+", cells["b"])[:3])) == [90.5, 88.0, 99.2]
    assert cells["c"].startswith("failed")
