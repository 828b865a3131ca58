"""Models out of TOML tables, and one line where a key or a value is wrong."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from vidgauge.errors import UsageError, near_misses
from vidgauge.record import Frozen

Model = TypeVar("Model", bound=Frozen)
Nested = Mapping[tuple[str, ...], type[Frozen]]
"""What stands at each path of a table, by the names of keys: for those that a wrong one may have meant."""


def parsed(model: type[Model], table: dict[str, Any], kind: str, nested: Nested) -> Model:
    """A model from a table.

    Args:
        model: of the whole table.
        table: as TOML has it, with a name.
        kind: what errors call it, such as "suite".
        nested: the models below it.

    Raises:
        UsageError: naming the first key that is wrong.
    """
    try:
        return model.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        *path, last = first["loc"] or ("the whole",)
        place = ".".join(map(str, (*path, last)))
        said = first["msg"]
        if first["type"] == "extra_forbidden":
            names = tuple(key for key in path if isinstance(key, str))
            at: type[Frozen] = model if not names else nested[names if names in nested else names[:1]]
            said = f"there is no such key; {near_misses(str(last), list(at.model_fields))}"
        raise UsageError(f"{kind} {table.get('name')!r}: {place}: {said}") from None


def read_table(path: Path, kind: str) -> dict[str, Any]:
    """The table of a TOML file of one's own; its name is the file's unless the file says otherwise.

    Raises:
        UsageError: where it is no such file.
    """
    try:
        return {"name": path.stem} | tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"cannot read the {kind} {path}: {error}") from error
