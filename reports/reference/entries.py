"""One entry of a reference page: signature, text, fields and methods of a function, a class or a constant."""

import ast
import os
from collections.abc import Iterator

from vidgauge.errors import UsageError
from vidgauge.reports.reference.docstrings import markdown
from vidgauge.reports.reference.modules import Definition, Module, assigned, docstring_after

_WIDTH = 100
_PAGES = "docs/reference"
"""Where pages lie, for links to the source."""
_Function = ast.FunctionDef


def entry(home: Module, node: Definition, *, asked_of: Module) -> str:
    """Markdown about a definition.

    Args:
        home: where it stands.
        node: what it is.
        asked_of: the module that it is imported from.
    """
    name = assigned(node) if isinstance(node, ast.Assign | ast.AnnAssign) else node.name
    source = os.path.relpath(home.repository_path, _PAGES)
    lines = [f"## {name}\n", f"`from {asked_of.name} import {name}`, [source]({source})\n"]
    if isinstance(node, _Function):
        lines += _function(node)
    elif isinstance(node, ast.ClassDef):
        lines += _class(home, node)
    else:
        text = home.docstring_after(node)
        lines += [_code(ast.unparse(node)), f"{markdown(text)}\n"] if text else [_code(ast.unparse(node))]
    return "\n".join(lines)


def _function(node: _Function) -> list[str]:
    return [_code(_signature(node)), f"{markdown(ast.get_docstring(node) or '')}\n"]


def _class(home: Module, node: ast.ClassDef) -> Iterator[str]:
    constructor = next((one for one in _functions(node) if one.name == "__init__"), None)
    bases = [ast.unparse(base) for base in node.bases if not _is_generic(base)]
    title = f"class {node.name}({', '.join(bases)})" if bases else f"class {node.name}"
    yield _code(title if constructor is None else _signature(constructor, name=f"class {node.name}", method=True))
    yield f"{markdown(ast.get_docstring(node) or '')}\n"
    if fields := list(_fields(node)):
        yield "**Fields:**\n"
        yield from fields
        yield ""
    for method in _methods(home, node, seen=set()):
        property_ = any(ast.unparse(one).endswith("property") for one in method.decorator_list)
        returns = f": {_annotation(method.returns)}" if method.returns else ""
        yield f"### {node.name}.{method.name}\n"
        yield _code(f"{method.name}{returns}" if property_ else _signature(method, method=True))
        yield f"{markdown(ast.get_docstring(method) or '')}\n"


def _fields(node: ast.ClassDef) -> Iterator[str]:
    """Annotated names of the body, and the members of an enumeration, in order, with the text under each."""
    enumeration = any(ast.unparse(base).endswith("Enum") for base in node.bases)
    for one in node.body:
        name = assigned(one)
        if name is None or name.startswith("_"):
            continue
        text = " ".join(markdown(docstring_after(node.body, one)).split())
        said = f": {text}" if text else ""
        if isinstance(one, ast.AnnAssign):
            default = f" = {ast.unparse(one.value)}" if one.value is not None and _is_plain(one.value) else ""
            yield f"- `{name}: {_annotation(one.annotation)}{default}`{said}"
        elif enumeration:
            yield f"- `{ast.unparse(one)}`{said}"


def _methods(home: Module, node: ast.ClassDef, seen: set[str]) -> Iterator[_Function]:
    """Public methods with a docstring, then those of its bases in this package."""
    for one in _functions(node):
        if one.name not in seen:
            seen.add(one.name)
            if not one.name.startswith("_") and ast.get_docstring(one):
                yield one
    for base in node.bases:
        name = ast.unparse(base).partition("[")[0]
        try:
            where, definition = home.find(name)
        except UsageError:  # another package's
            continue
        if isinstance(definition, ast.ClassDef):
            yield from _methods(where, definition, seen)


def _functions(node: ast.ClassDef) -> Iterator[_Function]:
    return (one for one in node.body if isinstance(one, _Function))


def _signature(node: _Function, name: str = "", *, method: bool = False) -> str:
    """With a parameter a line where it is long; ``self`` left out."""
    parameters = _parameters(node.args)[1 if method and not _is_static(node) else 0 :]
    returns = f" -> {_annotation(node.returns)}" if node.returns and not name else ""
    name = name or f"def {node.name}"
    line = f"{name}({', '.join(parameters)}){returns}"
    if len(line) <= _WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"    {one}," for one in parameters), f"){returns}"])


def _parameters(arguments: ast.arguments) -> list[str]:
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    found = [_parameter(one, default) for one, default in zip(positional, defaults, strict=True)]
    if arguments.posonlyargs:
        found.insert(len(arguments.posonlyargs), "/")
    if arguments.vararg:
        found.append("*" + _parameter(arguments.vararg, None))
    elif arguments.kwonlyargs:
        found.append("*")
    found += [
        _parameter(one, default) for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    return found + (["**" + _parameter(arguments.kwarg, None)] if arguments.kwarg else [])


def _parameter(one: ast.arg, default: ast.expr | None) -> str:
    typed = f"{one.arg}: {_annotation(one.annotation)}" if one.annotation else one.arg
    if default is None:
        return typed
    return f"{typed} = {ast.unparse(default)}" if one.annotation else f"{typed}={ast.unparse(default)}"


def _annotation(node: ast.expr) -> str:
    """As text, without the quotes of a name that is not imported at run time."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ast.unparse(node)


def _is_plain(value: ast.expr) -> bool:
    """Whether a default says something to people: ``Field(ge=1)`` does not."""
    return not (isinstance(value, ast.Call) and ast.unparse(value.func) in ("Field", "field"))


def _is_static(node: _Function) -> bool:
    return any(ast.unparse(one) == "staticmethod" for one in node.decorator_list)


def _is_generic(base: ast.expr) -> bool:
    return ast.unparse(base).startswith("Generic")


def _code(text: str) -> str:
    return f"```python\n{text}\n```\n"
