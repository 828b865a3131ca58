"""The command line as Markdown: each command's arguments and options, from what ``--help`` is made of."""

import inspect
from collections.abc import Callable, Iterator
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from vidgauge.reports.reference.docstrings import markdown


def command_reference(app: Any) -> str:  # noqa: ANN401 - a typer.Typer, which this room need not import
    """Markdown about every command of an app and of the apps inside it."""
    return "\n".join(line for name, function in sorted(_commands(app, "vidgauge")) for line in _command(name, function))


def _commands(app: Any, prefix: str) -> Iterator[tuple[str, Callable[..., Any]]]:  # noqa: ANN401
    for one in app.registered_commands:
        yield f"{prefix} {one.name or one.callback.__name__.replace('_', '-')}", one.callback
    for group in app.registered_groups:
        yield from _commands(group.typer_instance, f"{prefix} {group.name}")


def _command(name: str, function: Callable[..., Any]) -> Iterator[str]:
    hints = get_type_hints(function, include_extras=True)
    parameters = [
        (one, *get_args(hints[one.name]))
        for one in inspect.signature(function).parameters.values()
        if one.name in hints
    ]
    words, options = [], []
    for parameter, kind, told in parameters:
        if hasattr(told, "prompt"):  # an option; an argument cannot ask
            options.append(_option(parameter, kind, told))
        else:
            words.append((_word(parameter), told.help))
    yield f"## {name}\n"
    yield f"```text\n{' '.join([name, *(word for word, _ in words), *(['[OPTIONS]'] if options else [])])}\n```\n"
    yield f"{markdown(function.__doc__ or '')}\n"
    yield from (f"- `{word}`: {_plain(text)}" for word, text in words)
    yield from options
    yield ""


def _word(parameter: inspect.Parameter) -> str:
    word = parameter.name.upper()
    return word if parameter.default is parameter.empty else f"[{word}]"


def _option(parameter: inspect.Parameter, kind: Any, told: Any) -> str:  # noqa: ANN401
    name = parameter.name.replace("_", "-")
    flag = kind is bool
    # Under Annotated the first name given to typer.Option stands where a default would.
    given = [one for one in (told.default, *(told.param_decls or ())) if str(one).startswith("-")]
    names = given or ([f"--{name}", f"--no-{name}"] if flag else [f"--{name}"])
    takes = "" if flag else f" {_kind(kind)}"
    return f"- `{', '.join(names)}{takes}`: {_plain(told.help)}{_unless_given(parameter)}"


def _unless_given(parameter: inspect.Parameter) -> str:
    if parameter.default is parameter.empty:
        return " Needed."
    return "" if parameter.default in (None, False) else f" [{parameter.default}]"


def _kind(kind: Any) -> str:  # noqa: ANN401
    """What an option takes: words to choose from, or the kind of thing."""
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    if get_origin(kind) in (list, Union, UnionType):
        return _kind(next(one for one in get_args(kind) if one is not NoneType))
    return str(getattr(kind, "__name__", kind)).upper().replace("STR", "TEXT").replace("INT", "NUMBER")


def _plain(text: str | None) -> str:
    return " ".join((text or "").split()).replace("<", "&lt;")
