"""Prompt sets as their makers publish them, and one line about each that cannot be used."""

import json
from pathlib import Path
from typing import Any

import pytest

from vidgauge.datasets import Prompt, read_prompts
from vidgauge.errors import UsageError


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_line_is_a_prompt_and_its_number_identifies_it(tmp_path: Path) -> None:
    text = '\ufeffa red star\r\n\r\n  two\u2028cats, "one" black \r\n2 dogs\r\n\r\n\r\n'
    assert read_prompts(write(tmp_path, "prompt700.txt", text)) == [
        Prompt("1", "a red star"),
        Prompt("3", 'two\u2028cats, "one" black'),
        Prompt("4", "2 dogs"),
    ]


def test_an_identifier_and_a_tab_may_stand_before_it(tmp_path: Path) -> None:
    text = "v_1\ta red star\nv_2 \t with\ta tab\n\n"
    assert read_prompts(write(tmp_path, "p.txt", text)) == [Prompt("v_1", "a red star"), Prompt("v_2", "with\ta tab")]


def test_drawbench(tmp_path: Path) -> None:
    rows = 'Prompts,Category\nA red car.,Colors\n"A sign that says ""no"", twice.",Text\nA red car.,Colors\n'
    assert read_prompts(write(tmp_path, "drawbench.csv", "\ufeff" + rows.replace("\n", "\r\n"))) == [
        Prompt("1", "A red car.", ("Colors",)),
        Prompt("2", 'A sign that says "no", twice.', ("Text",)),
        Prompt("3", "A red car.", ("Colors",)),  # benchmarks count it twice
    ]


def test_vbench(tmp_path: Path) -> None:
    rows = [
        {"prompt_en": "In a still frame, a stop sign", "dimension": ["temporal_flickering"]},
        {"prompt_en": "a bird", "dimension": ["object_class", "scene"], "auxiliary_info": {"scene": {"scene": "x"}}},
    ]
    assert read_prompts(write(tmp_path, "VBench_full_info.json", json.dumps(rows))) == [
        Prompt("1", "In a still frame, a stop sign", ("temporal_flickering",)),
        Prompt("2", "a bird", ("object_class", "scene")),
    ]


def test_objects_by_identifier_and_lists_of_texts(tmp_path: Path) -> None:
    by_id: dict[str, dict[str, Any]] = {"0000": {"prompt": "goldfish in glass", "attributes": {}}}
    by_id["0001"] = {"prompt": "two cats"}
    expected = [Prompt("0000", "goldfish in glass"), Prompt("0001", "two cats")]
    assert read_prompts(write(tmp_path, "a.json", json.dumps(by_id))) == expected
    plain = {id_: row["prompt"] for id_, row in by_id.items()}
    assert read_prompts(write(tmp_path, "b.json", json.dumps(plain))) == expected
    lines = '{"id": "0000", "text": "goldfish in glass"}\n{"id": "0001", "text": "two cats"}\n'
    assert read_prompts(write(tmp_path, "c.jsonl", lines)) == expected
    assert read_prompts(write(tmp_path, "d.json", '["x", "y"]')) == [Prompt("1", "x"), Prompt("2", "y")]


def test_msr_vtt(tmp_path: Path) -> None:
    sentences = [
        {"sen_id": 7, "video_id": "video1", "caption": "a"},
        {"sen_id": 8, "video_id": "video1", "caption": "b"},
    ]
    text = json.dumps({"videos": [{"video_id": "video1"}], "sentences": sentences})
    assert read_prompts(write(tmp_path, "test_videodatainfo.json", text)) == [Prompt("7", "a"), Prompt("8", "b")]
    text = "key,vid_key,video_id,sentence\nret0,msr9770,video9770,a person\n"
    assert read_prompts(write(tmp_path, "MSRVTT_JSFUSION_test.csv", text)) == [Prompt("video9770", "a person")]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("p.txt", "", "holds no prompts"),
        ("p.txt", "\n \n", "holds no prompts"),
        ("p.txt", "a\tone\ntwo\n", "line 2 has no identifier and tab"),
        ("p.txt", "a\tone\na\ttwo\n", "two prompts have the identifier 'a'"),
        ("p.txt", "a\tone\nb\t\n", "line 2 has no identifier and tab|prompt b has no text"),
        ("p.txt", b"\xff", "cannot be read as text"),
        ("p.csv", "Category\nColors\n", "prompt 1 has none of prompt_en, prompt"),
        ("p.csv", "id,prompt\n1,one\n1,two\n", "two prompts have the identifier '1'"),
        ("p.csv", "prompt,category\n,Colors\n", "prompt 1 has no text"),
        ("p.csv", 'prompt\n"one\n', "cannot be read as CSV"),
        ("p.json", "{", "cannot be read as JSON"),
        ("p.json", "3", "must hold a list of prompts"),
        ("p.json", "[3]", "prompt 1 is neither a text nor an object"),
        ("p.json", '[{"prompt": 3}]', "prompt 1 has no text"),
        ("p.jsonl", "[]", "an object for each"),
        ("p.yaml", "a: b", r"\.yaml is not \.txt"),
        ("p", "a", "no extension is not"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, text: str | bytes, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        read_prompts(write(tmp_path, name, text))
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for name in ("absent.txt", "absent.csv", "absent.json", "absent.jsonl"):
        with pytest.raises(UsageError, match=rf"{name}: cannot be read"):
            read_prompts(tmp_path / name)
