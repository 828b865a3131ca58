from collections.abc import Callable
from datetime import timedelta

from vidgauge.environment import Environment
from vidgauge.record import ProtocolRef, Record
from vidgauge.reports.comparison import Table, compare
from vidgauge.reports.wording import marks

Make = Callable[..., Record]
TIMES = "\N{MULTIPLICATION SIGN}"
MakeMany = Callable[..., list[Record]]


def _only(tables: tuple[Table, ...]) -> Table:
    assert len(tables) == 1
    return tables[0]


def test_every_record_is_in_exactly_one_cell(store_records: list[Record]) -> None:
    tables = compare(store_records)
    cells = [cell for table in tables for cell in table.cells]
    assert len(cells) + sum(table.superseded for table in tables) == len(store_records)
    assert [table.title for table in tables] == ["Generated videos", "Layers: layers-small", "Machine"]


def test_what_a_budget_skipped_gives_way_to_what_was_measured_later(make_record: Make) -> None:
    case = {"suite": "s", "case": "c", "backend": None}
    skipped = make_record("latency", None, kind="layer", name="conv", config=case, status="skipped", reason="budget")
    later = skipped.time + timedelta(hours=1)
    config = case | {"backend": "Mkldnn"}
    measured = make_record("latency", 0.1, kind="layer", name="conv", config=config, time=later)
    for records in ([skipped, measured], [measured, skipped]):
        (table,) = compare(records)
        assert [cell.record.status for cell in table.cells] == ["ok"]


def test_the_latest_of_the_same_thing_stands_whatever_the_order(make_record: Make) -> None:
    old, new = make_record("fvd", 1.0), make_record("fvd", 2.0)
    new = new.model_copy(update={"time": old.time + timedelta(seconds=1)})
    for records in ([old, new], [new, old]):
        table = _only(compare(records))
        assert [cell.record.value for cell in table.cells] == [2.0]
        assert (table.superseded, table.cells[0].older) == (1, 1)


def test_a_second_environment_is_a_row_of_its_own(make_record: Make, other_environment: Environment) -> None:
    table = _only(compare([make_record(), make_record(environment=other_environment.fingerprint)]))
    assert table.superseded == 0
    assert table.stub[-1] == "environment"
    assert [row.stub[-1] for row in table.rows] == [table.rows[0].environment, other_environment.fingerprint]


def test_scores_under_unlike_fingerprints_never_share_a_column(make_record: Make) -> None:
    other = ProtocolRef(name="fvd.shapes", fingerprint="bbbbbbbbbbbbbbbb")
    table = _only(compare([make_record(name="a"), make_record("fvd", 1.0, name="b", protocol=other)]))
    assert [column.fingerprints for column in table.columns] == [("aaaaaaaaaaaaaaaa",), ("bbbbbbbbbbbbbbbb",)]
    assert not any(cell.rank for cell in table.cells)


def test_a_layer_timed_under_two_protocols_has_two_rows_which_say_so(layer_records: MakeMany) -> None:
    first, second = layer_records("conv3d", 1.0, 1.0)[0], layer_records("conv3d", 1.0, 0.5)[0]
    changed = ProtocolRef(name=first.protocol.name, fingerprint="ffffffffffffffff")
    table = _only(compare([first, second.model_copy(update={"protocol": changed})]))
    assert len(table.columns) == 1
    assert len({row.anchor for row in table.rows}) == 2
    notes = [[table.footnotes[number - 1] for number in cell.footnotes] for cell in table.cells]
    assert "1111111111111111" in notes[0][0]
    assert "ffffffffffffffff" in notes[1][0]
    assert not any(cell.rank for cell in table.cells)


def test_forward_and_backward_are_told_apart_without_a_footnote(layer_records: MakeMany) -> None:
    forward = layer_records("conv3d", 1.0, 1.0)[0]
    backward = layer_records("conv3d", 1.0, 2.0, direction="backward")[0]
    changed = ProtocolRef(name=forward.protocol.name, fingerprint="ffffffffffffffff")
    table = _only(compare([forward, backward.model_copy(update={"protocol": changed})]))
    assert table.stub == ("layer", "case", "direction", "batch", "backend")
    assert table.footnotes == ()


def test_an_unknown_kind_and_measure_appear_with_what_tells_their_rows_apart(make_record: Make) -> None:
    records = [
        make_record(
            "wonder", value, kind="gizmo", name="g", config={"size": [1, 2, value], "colour": "red", "on": True}
        )
        for value in (3, 4)
    ]
    table = _only(compare(records))
    assert (table.title, table.stub) == ("Gizmo", ("gizmo", "size"))
    assert [row.stub for row in table.rows] == [("g", f"1{TIMES}2{TIMES}{value}") for value in (3, 4)]
    assert table.common == {"colour": "red", "on": "yes"}
    assert [column.title for column in table.columns] == ["wonder"]


def test_folders_of_one_name_are_told_apart_by_their_paths(make_record: Make) -> None:
    paths = [{"real": ["r"], "generated": [f"{where}/samples"]} for where in "ab"]
    table = _only(compare([make_record(config=config) for config in paths]))
    assert [row.stub for row in table.rows] == [("samples", "a/samples"), ("samples", "b/samples")]
    assert _only(compare([make_record(config=paths[0])])).stub == ("videos",)


def test_what_has_no_value_is_a_cell_with_its_status_and_reason(make_record: Make) -> None:
    for status in ("failed", "oom", "timeout", "skipped"):
        table = _only(compare([make_record("fvd", None, status=status, reason="because")]))
        (cell,) = table.cells
        assert cell.value == status
        assert [table.footnotes[number - 1] for number in cell.footnotes] == [f"{status}: because"]


def test_footnotes_say_all_that_a_reader_must_know(make_record: Make) -> None:
    details = {
        "notes": ["upscaled"],
        "small_n": True,
        "failed": [{"file": f"{i}.mp4", "reason": "cut"} for i in range(7)],
    }
    table = _only(compare([make_record(n=3, n_failed=7, no_interval="two videos", details=details)]))
    files = ", ".join(f"{index}.mp4 (cut)" for index in range(5))
    assert table.footnotes == (
        "no interval: two videos",
        f"7 samples could not be used: {files} and 2 more",
        "upscaled",
        "n = 3 is small: read the interval, not the value",
    )


def test_what_holds_for_all_cells_is_said_once_at_the_column(make_record: Make) -> None:
    table = _only(compare([make_record("fvd", value, name=f"set-{value}") for value in (1.0, 2.0)]))
    assert table.columns[0].footnotes == (1,)
    assert [cell.footnotes for cell in table.cells] == [(), ()]


def test_unlike_n_is_flagged_for_scores(make_record: Make) -> None:
    table = _only(compare([make_record("fvd", float(n), name=f"set-{n}", n=n) for n in (16, 2048)]))
    assert any("n differs" in text for text in table.footnotes)
    assert "n = 16 to 2048" in table.columns[0].legend


def test_the_embedded_world_is_named(store_records: list[Record]) -> None:
    scores, layers, machine = compare(store_records)
    assert set(scores.embedded) == {"fvd.shapes", "kvd.shapes", "is.shapes", "clipsim.shapes"}
    assert layers.embedded == machine.embedded == ()


def test_footnote_marks_are_letters_that_never_run_out() -> None:
    assert marks([1, 2]) == "a,b"
    assert marks([26, 27, 53]) == "z,aa,ba"
