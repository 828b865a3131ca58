"""Records as CSV: nothing lost on the way out and back, and one line for whatever is wrong with a file made by hand."""

import csv
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vidgauge.csv_document import COLUMNS, read_csv, write_csv
from vidgauge.environment import Environment
from vidgauge.errors import UsageError
from vidgauge.record import Measure, ProtocolRef, Record, Subject

HERE = Environment(
    system="Linux", python="3.11", cpu="A, \"B\"", cpus=2, memory_bytes=None, threads=1, gpu=None, driver=None,
    libraries={"torch": "2"}, ffmpeg={}, variables={"é": "1\r\n2"},
)  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def record(**changes: Any) -> Record:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {
        "subject": Subject(kind="videos", name="mine", config={"real": ["a,b", "ü\n"], "n": 3}),
        "measure": Measure(name="fvd", unit="1", better="lower"),
        "protocol": ProtocolRef(name="fvd.shapes", fingerprint="00ff"),
        "environment": HERE.fingerprint,
        "run": "r",
        "value": 0.1 + 0.2,
        "no_interval": "few",
        "time": datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    }
    return Record(**fields | changes)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, TEXTS, TEXTS, NUMBERS, NUMBERS, st.recursive(st.none() | NUMBERS | TEXTS, st.lists, max_leaves=4))
def test_a_record_comes_back_as_it_was(
    tmp_path: Path, name: str, unit: str, reason: str, value: float, low: float, held: object
) -> None:
    first = record(
        subject=Subject(kind=unit, name=name, config={name: held}),
        measure=Measure(name=name, unit=unit, better="neither"),
        protocol=ProtocolRef(name=unit, fingerprint=name),
        value=value, low=low, high=value, level=0.95, no_interval="", details={"held": held, name: reason}, run=unit,
    )  # fmt: skip
    second = record(value=None, no_interval="", status="oom", reason=reason or "?", code=name, n=7, n_failed=2)
    path = tmp_path / "records.csv"
    assert write_csv(path, [first, second], {HERE.fingerprint: HERE}) == 2
    assert read_csv(path) == ([first, second], {HERE.fingerprint: HERE})


def test_raw_samples_are_kept_to_the_last_bit_and_may_be_many(tmp_path: Path) -> None:
    samples, limit = [math.pi * step for step in range(20_000)], csv.field_size_limit()
    write_csv(tmp_path / "records.csv", [record(details={"seconds": samples})], {HERE.fingerprint: HERE})
    ((found,), _) = read_csv(tmp_path / "records.csv")
    assert found.details == {"seconds": samples}
    assert csv.field_size_limit() == limit, "the limit of the whole process is as it was"


def read(tmp_path: Path, text: str) -> tuple[list[Record], dict[str, Environment]]:
    path = tmp_path / "mine.csv"
    path.write_bytes(text.encode("utf-8-sig"))
    return read_csv(path)


def test_a_file_made_by_hand_needs_little(tmp_path: Path) -> None:
    text = (
        "name,measure,value,unit,better,low,high,level\r\nours,fvd,12.5,1,lower,,,\r\n\r\ntheirs,fvd,13,,,12,14,0.9\r\n"
    )
    (ours, theirs), environments = read(tmp_path, text)
    assert (ours.subject.kind, ours.subject.name, ours.value, ours.measure.better) == ("other", "ours", 12.5, "lower")
    assert (ours.no_interval, theirs.low, theirs.level) == ("the CSV file gives none", 12, 0.9)
    assert ours.protocol == theirs.protocol
    assert ours.protocol.name == "fvd"
    assert ours.run == theirs.run == read(tmp_path, text)[0][0].run
    (environment,) = environments.values()
    assert environment.cpu == "not known"
    assert read(tmp_path, text + "\r\n")[0][0].environment != ours.environment  # what is not known may differ


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: no column name, measure, value; it needs"),
        ("name,value\na,1\n", "line 1: no column measure; it needs name, measure, value and takes kind, config"),
        ("name,measure,value,colour\na,fvd,1,red\n", "line 1: no such column 'colour'; there are kind"),
        ("name,measure,value,value\na,fvd,1,2\n", "line 1: a column stands there twice"),
        ("name,measure,value\n", "has no line below its header"),
        ("name,measure,value\na,fvd,1\nb,fvd,much\n", "line 3, column value: 'much' is not a number"),
        ("name,measure,value,n\na,fvd,1,2.5\n", "line 2, column n: '2.5' is not a whole number"),
        ("name,measure,value\na,fvd,inf\n", "line 2, column value: inf is not a finite number"),
        ("name,measure,value,n\na,fvd,1,-3\n", "line 2, column n: Input should be greater than"),
        ("name,measure,value\n,fvd,1\n", "line 2, column name: Field required"),
        ("name,measure,value\na,fvd,\n", "line 2: a record has a value exactly when its status is 'ok'"),
        ("name,measure,value,better\na,fvd,1,up\n", "line 2, column better: Input should be"),
        ("name,measure,value,config\na,fvd,1,{x\n", "line 2, column config: '{x' is not JSON"),
        ("name,measure,value,config\na,fvd,1,[1]\n", "line 2, column config: Input should be"),
        ("name,measure,value\na,fvd\n", "line 2: has 2 cells, and the header 3"),
        ('name,measure,value\n"a\nb",fvd,x\n', "line 3, column value: 'x' is not a number"),
        ('name,measure,value\n"a,fvd,1\n', "unexpected end of data"),
        ("name,measure,value,time\na,fvd,1,soon\n", "line 2, column time: Input should be a valid datetime"),
        ("name,measure,value,environment_description\na,fvd,1,{}\n", "column environment_description: system: Field"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_column(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        read(tmp_path, text)
    assert said in str(raised.value)


def test_no_text_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"name,measure,value\n\xff\xfe")
    with pytest.raises(UsageError, match="is not text in UTF-8"):
        read_csv(tmp_path / "binary.csv")
    with pytest.raises(UsageError, match="No such file"):
        read_csv(tmp_path / "none.csv")


def test_an_environment_under_a_false_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "records.csv"
    write_csv(path, [record()], {HERE.fingerprint: HERE})
    path.write_text(path.read_text("utf-8").replace(HERE.fingerprint, "0" * 16), "utf-8")
    with pytest.raises(UsageError, match="column environment: is not the fingerprint"):
        read_csv(path)


def test_columns_are_those_that_the_page_explains() -> None:
    page = (Path(__file__).parents[2] / "docs" / "exchange.md").read_text("utf-8")
    assert [column for column in COLUMNS if f"`{column}`" not in page] == []
