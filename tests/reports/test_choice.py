from collections.abc import Callable

import pytest

from vidgauge.errors import UsageError
from vidgauge.record import ProtocolRef, Record
from vidgauge.reports.choice import Choice
from vidgauge.reports.comparison import compare

Make = Callable[..., Record]
MakeMany = Callable[..., list[Record]]


def test_every_field_narrows_what_is_shown(store_records: list[Record]) -> None:
    assert Choice.of().chosen(store_records) == store_records
    scores = Choice.of(measures=["fvd", "i*"], subjects="vdm-*").chosen(store_records)
    assert {(record.measure.name, record.subject.name) for record in scores} == {
        ("fvd", "vdm-tiny"),
        ("is", "vdm-tiny"),
    }
    layers = Choice.of(suites="layers-small").chosen(store_records)
    assert {record.subject.kind for record in layers} == {"layer"}
    timed = Choice.of(protocols="latency.*").chosen(store_records)
    assert {record.measure.name for record in timed} == {"latency", "ratio_to_baseline", "throughput"}


def test_columns_and_rows_come_as_they_were_asked_for(store_records: list[Record]) -> None:
    choice = Choice.of(measures=["is", "fvd"], subjects=["walt-tiny", "vdm-tiny"])
    (table,) = compare(store_records, choice)
    assert [column.title for column in table.columns] == ["is", "fvd"]
    assert [row.stub[0] for row in table.rows] == ["walt-tiny", "vdm-tiny"]


def test_protocols_order_the_columns_of_one_measure(make_record: Make) -> None:
    names = ["fvd.a", "fvd.b", "fvd.c"]
    records = [make_record("fvd", 1.0, protocol=ProtocolRef(name=name, fingerprint=name)) for name in names]
    (table,) = compare(records, Choice.of(protocols=["fvd.c", "fvd.*"]))
    assert [column.protocol for column in table.columns] == ["fvd.c", "fvd.a", "fvd.b"]


def test_a_name_with_brackets_is_itself_before_it_is_a_pattern(make_record: Make) -> None:
    names = ["fvd.tf[fps=8]", "fvd.tf"]
    records = [make_record("fvd", 1.0, protocol=ProtocolRef(name=name, fingerprint=name)) for name in names]
    for name in names:
        assert [record.protocol.name for record in Choice.of(protocols=name).chosen(records)] == [name]


def test_what_is_not_there_names_what_is(store_records: list[Record]) -> None:
    with pytest.raises(UsageError, match=r"no record has the measure 'fdv'; did you mean .*'fvd'"):
        Choice.of(measures="fdv").chosen(store_records)
    with pytest.raises(UsageError, match=r"no record has the suite 'conv'; .*there are: layers-small"):
        Choice.of(suites="conv").chosen(store_records)
    with pytest.raises(UsageError, match="no record is of measures latency, subjects vdm-tiny at once"):
        Choice.of(measures="latency", subjects="vdm-tiny").chosen(store_records)


def test_of_no_records_nothing_is_chosen() -> None:
    assert Choice.of(measures="fvd").chosen([]) == []
