"""Prompt sets: texts to generate from, each with an identifier, out of the files that benchmarks publish."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from vidgauge.datasets.tables import csv_rows, json_rows, read_json
from vidgauge.errors import UsageError

_TEXT = ("prompt_en", "prompt", "prompts", "caption", "sentence", "text")
_ID = ("id", "prompt_id", "sen_id", "video_id", "key")
_GROUPS = ("dimension", "dimensions", "category", "categories")


@dataclass(frozen=True)
class Prompt:
    """A text to generate from."""

    id: str
    """Unique within its set."""
    text: str
    """What to generate."""
    groups: tuple[str, ...] = ()
    """What it is there to test: its category in DrawBench, its dimensions in VBench."""


def read_prompts(path: str | PathLike[str]) -> list[Prompt]:
    """The prompts in a file, in its order.

    A text that stands there twice is two prompts, as benchmarks count them.

    Args:
        path: ``.txt`` with one prompt a line, where the line's number from 1 is the identifier and empty lines are
            passed over, or with an identifier and a tab before each; ``.csv``, ``.jsonl`` or ``.json`` with a list of
            objects or texts, an object from identifiers to either, or the ``sentences`` of MSR-VTT. The text is in
            ``prompt_en``, ``prompt``, ``prompts``, ``caption``, ``sentence`` or ``text``, the identifier in ``id``,
            ``prompt_id``, ``sen_id``, ``video_id`` or ``key`` (else it is the number from 1), groups in ``dimension``
            or ``category``, in upper or lower case; of several the first of these counts.

    Raises:
        UsageError: the file cannot be read or holds no prompts, one has no text, or two have one identifier.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".txt", ".csv", ".json", ".jsonl"):
        raise UsageError(f"{path}: {suffix or 'no extension'} is not .txt, .csv, .json or .jsonl")
    found = _lines(path) if suffix == ".txt" else map(_prompt, _rows(path, suffix))
    prompts: dict[str, Prompt] = {}
    for prompt in found:
        if not prompt.text:
            raise UsageError(f"{path}: prompt {prompt.id} has no text; give it one, or leave it out")
        if prompt.id in prompts:
            raise UsageError(f"{path}: two prompts have the identifier {prompt.id!r}; give each its own")
        prompts[prompt.id] = prompt
    if not prompts:
        raise UsageError(f"{path}: holds no prompts")
    return list(prompts.values())


def class_prompts(classes: Iterable[str]) -> list[Prompt]:
    """A prompt for each class, out of its name: ``ApplyEyeMakeup`` is "apply eye makeup".

    A name with blanks in it stays as it is. Sentences made around the names are a matter of protocols.
    """
    return [Prompt(name, name if " " in name else _words(name)) for name in classes]


def _words(name: str) -> str:
    return " ".join(re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z_]+", name)).lower()


def _lines(path: Path) -> Iterator[Prompt]:
    try:
        # Lines end where editors end them: str.splitlines would also cut at characters that occur inside of texts.
        lines = path.read_text("utf-8-sig").split("\n")
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read as text ({error})") from error
    numbered = [(number, line.strip(" \r")) for number, line in enumerate(lines, 1) if line.strip()]
    named = any("\t" in line.strip() for _, line in numbered)
    for number, line in numbered:
        id_, tab, text = line.partition("\t")
        if named and not (tab and id_.strip()):
            raise UsageError(f"{path}: line {number} has no identifier and tab before its prompt, but others have")
        yield Prompt(id_.strip(), text.strip()) if named else Prompt(str(number), line.strip())


def _rows(path: Path, suffix: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each prompt's number from 1 and its fields by their names in small letters."""
    rows: Iterable[Any]
    if suffix == ".csv":
        rows = csv_rows(path)
    elif suffix == ".jsonl":
        rows = json_rows(path)
    else:
        rows = _json(path, read_json(path))
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict | str):
            raise UsageError(f"{path}: prompt {number} is neither a text nor an object with one")
        fields = {"text": row} if isinstance(row, str) else {str(k).strip().lower(): v for k, v in row.items()}
        if not any(name in fields for name in _TEXT):
            raise UsageError(f"{path}: prompt {number} has none of {', '.join(_TEXT)} (it has: {', '.join(fields)})")
        yield number, fields


def _json(path: Path, loaded: Any) -> list[Any]:  # noqa: ANN401 - JSON is anything
    if isinstance(loaded, dict) and isinstance(loaded.get("sentences"), list):
        return list(loaded["sentences"])
    if isinstance(loaded, dict):
        return [{"id": id_} | (row if isinstance(row, dict) else {"text": row}) for id_, row in loaded.items()]
    if isinstance(loaded, list):
        return loaded
    raise UsageError(f"{path}: must hold a list of prompts, or an object from identifiers to prompts")


def _prompt(numbered: tuple[int, dict[str, Any]]) -> Prompt:
    number, fields = numbered
    given = [fields[name] for name in _ID if fields.get(name) not in (None, "")]
    text = next(fields[name] for name in _TEXT if name in fields)
    groups = next((fields[name] for name in _GROUPS if fields.get(name)), ())
    return Prompt(
        str(given[0]).strip() if given else str(number),
        text.strip() if isinstance(text, str) else "",
        tuple(map(str, groups)) if isinstance(groups, list | tuple) else (str(groups).strip(),),
    )
