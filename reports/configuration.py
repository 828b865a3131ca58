"""Which of a subject's configuration a table shows beside its name, and how."""

from collections.abc import Sequence
from typing import Any

from vidgauge.record import Record, Subject
from vidgauge.reports.ranking import canonical, is_case, is_published, task

NOT_SAID = "\N{EN DASH}"  # of a configuration key that other rows have

_FIRST_KEYS = ("case", "direction", "batch", "shape", "dtype", "device", "layout", "backend", "threads")
_KEYS_OF_EVERY_CASE = frozenset({"case", "batch", "backend"})  # columns even where all rows agree
_NAMED_BY_ROW = frozenset(
    {"generated", "layer", "layer_config", "system"}
)  # a column only where the name is not enough
_STATED = ("setting", "task", "against", "resolution", "source")  # by papers: columns; footnotes have the rest
_LONGEST_TEXT = 60
_TIMES = "\N{MULTIPLICATION SIGN}"


def split_keys(records: Sequence[Record]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Configuration keys that deserve a column, and what all subjects share."""
    configs = [record.subject.config for record in records]
    found = sorted({key for config in configs for key in config})
    if is_published(records[0].subject):
        found = [key for key in found if key in (*_STATED, "dataset")]
    ordered = sorted(found, key=lambda key: _FIRST_KEYS.index(key) if key in _FIRST_KEYS else len(_FIRST_KEYS))
    shown: list[str] = []
    common: dict[str, str] = {}
    for key in ordered:
        texts = {config_text(config.get(key)) for config in configs}
        if key in _NAMED_BY_ROW and not _tells_namesakes_apart(key, records):
            continue
        if len(texts) > 1 or (key in _KEYS_OF_EVERY_CASE and is_case(records[0].subject)):
            shown.append(key)
        elif key != "suite":  # which the title names
            common[key] = texts.pop()
    return tuple(shown), common


def stated(subject: Subject) -> list[str]:
    """What a paper states of its protocol and no column shows, as a footnote if there is any."""
    facts = {key: fact for key, fact in subject.config.items() if key not in (*_STATED, "dataset", "work")}
    said = [f"of {subject.config['work']}"] if "work" in subject.config else []
    said += [str(fact) if key == "how" else f"{key} {config_text(fact)}" for key, fact in facts.items()]
    return [f"stated: {', '.join(said)}"] if said else []


def config_text(value: Any) -> str:  # noqa: ANN401 - whatever a subject's configuration holds
    """A configuration value as a short text: shapes as ``1×3×16×32×32``, nested ones as JSON, cut at 60 characters."""
    if value is None:
        return NOT_SAID
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, int) for item in value):
        text = _TIMES.join(map(str, value))
    elif isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        text = ", ".join(value)
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    else:
        text = value if isinstance(value, str) else canonical(value)
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def _tells_namesakes_apart(key: str, records: Sequence[Record]) -> bool:
    """Whether two rows of one name and task differ in this key."""
    found: dict[tuple[str, str], set[str]] = {}
    for record in records:
        values = found.setdefault((record.subject.name, task(record.subject)), set())
        values.add(canonical(record.subject.config.get(key)))
    return any(len(values) > 1 for values in found.values())
