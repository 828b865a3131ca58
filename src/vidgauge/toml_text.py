"""TOML out of what JSON can hold: Python reads it, and does not write it."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(table: Mapping[str, Any]) -> str:
    """The document: values first, then tables and lists of tables; None, which TOML has not, is left out.

    Args:
        table: text, finite numbers, truth values, lists of these, tables, and lists of tables.
    """
    return "\n".join(_lines(table, ())).strip() + "\n"


def _lines(table: Mapping[str, Any], place: tuple[str, ...]) -> Iterator[str]:
    tables = {key: value for key, value in table.items() if _holds_tables(value)}
    for key, value in table.items():
        if key not in tables and value is not None:
            yield f"{_key(key)} = {json.dumps(value, ensure_ascii=False)}"  # written alike in TOML
    for key, value in tables.items():
        where = (*place, key)
        title = ".".join(map(_key, where))
        for one, heading in (
            [(value, f"[{title}]")] if isinstance(value, Mapping) else [(v, f"[[{title}]]") for v in value]
        ):
            yield from ("", heading, *_lines(one, where))


def _holds_tables(value: object) -> bool:
    several = isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)
    return several or isinstance(value, Mapping)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)
