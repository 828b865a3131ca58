"""Modules of this package as their source says they are: no room is imported, and nothing runs."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path

from vidgauge.errors import UsageError, near_misses

Definition = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
_ROOT = "vidgauge"
_ROOMS = frozenset({"bench", "datasets", "metrics", "reference_models", "reports"})
"""Folders at the top of the repository, which setup.py maps into the package."""


@dataclass(frozen=True)
class Module:
    """One file of source."""

    name: str
    """Dotted."""
    path: Path

    @cached_property
    def body(self) -> list[ast.stmt]:
        """Its statements, those that only type checkers run among them."""
        return list(_flat(ast.parse(self.path.read_text("utf-8")).body))

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """What it defines itself."""
        found: dict[str, Definition] = {}
        for node in self.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found[node.name] = node
            elif (name := assigned(node)) is not None and isinstance(node, ast.Assign | ast.AnnAssign):
                found[name] = node
        return found

    @cached_property
    def imported(self) -> dict[str, tuple[str, str]]:
        """Names that it has from other modules of the package: which module, and what it is called there."""
        return {
            alias.asname or alias.name: (node.module, alias.name)
            for node in self.body
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == _ROOT
            for alias in node.names
        }

    @property
    def repository_path(self) -> str:
        """Where the file lies in the repository, whose folders at the top are mapped into the package."""
        parts = self.name.split(".")[1:]
        folders = parts if self.path.name == "__init__.py" else parts[:-1]
        top = [] if parts and parts[0] in _ROOMS else ["src", _ROOT]
        return "/".join([*top, *folders, self.path.name])

    def find(self, name: str) -> tuple["Module", Definition]:
        """The definition of a name, and the module that it stands in.

        Raises:
            UsageError: where there is none.
        """
        if name in self.definitions:
            return self, self.definitions[name]
        if name not in self.imported:
            raise UsageError(f"{self.name} has no {name!r}; {near_misses(name, list(public_names(self)))}")
        home, there = self.imported[name]
        return module_of(home).find(there)

    def docstring_after(self, definition: ast.stmt) -> str:
        """Of a constant, the text under it."""
        return docstring_after(self.body, definition)


@cache
def module_of(dotted: str) -> Module:
    """The module of that name.

    Raises:
        UsageError: where there is none.
    """
    root, *parts = dotted.split(".")
    if root == _ROOT:
        # Rooms are packages whose own __init__ is light; what is below them is found by its path and not imported.
        depth = 1 if parts and parts[0] in _ROOMS else 0
        spec = find_spec(".".join([_ROOT, *parts[:depth]]))
        for folder in (spec.submodule_search_locations or []) if spec else []:
            base = Path(folder).joinpath(*parts[depth:])
            for path in (base / "__init__.py", base.with_suffix(".py")):
                if path.is_file():
                    return Module(dotted, path)
    raise UsageError(f"there is no module {dotted!r} in this package")


def public_names(module: Module) -> Iterator[str]:
    """What a package offers, or what a module defines and describes."""
    if offered := _offered(module):
        yield from sorted(offered, key=str.casefold)
        return
    for name, node in module.definitions.items():
        described = isinstance(node, ast.FunctionDef | ast.ClassDef) or module.docstring_after(node)
        if not name.startswith("_") and described:
            yield name


def docstring_after(body: list[ast.stmt], definition: ast.stmt) -> str:
    """The text that stands under an assignment, as a module's constants and a class's fields have it."""
    for node, after in zip(body, [*body[1:], None], strict=True):
        if node is definition and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            return str(after.value.value)
    return ""


def assigned(node: ast.stmt) -> str | None:
    """The one name that a statement gives a value or a type."""
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return None


def _flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield from _flat(node.body) if isinstance(node, ast.If) else [node]


def _offered(module: Module) -> list[str]:
    """What a package gives on: names in ``__all__``, or imported under their own names on purpose."""
    node = module.definitions.get("__all__")
    if isinstance(node, ast.Assign):
        return [str(name) for name in ast.literal_eval(node.value)]
    froms = [node for node in module.body if isinstance(node, ast.ImportFrom)]
    return [alias.name for node in froms for alias in node.names if alias.asname == alias.name]
