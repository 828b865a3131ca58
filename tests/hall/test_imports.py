"""Who may import whom, and what the top level must not offer."""

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import vidgauge

ROOMS = ("bench", "datasets", "metrics", "reference_models", "reports")
ALLOWED = {
    "hall": set(),
    "datasets": {"hall"},
    "metrics": {"hall", "datasets"},
    "reference_models": {"hall", "datasets"},
    "bench": {"hall", "datasets", "metrics", "reference_models"},
    "reports": {"hall"},
    "cli": {"hall", *ROOMS},
}


def room_of(module: str) -> str:
    parts = module.split(".")
    if len(parts) > 1 and parts[1] in ROOMS:
        return parts[1]
    return "cli" if parts[1:2] in (["cli"], ["commands"]) else "hall"


def folders() -> Iterator[tuple[str, Path]]:
    yield from (("vidgauge", Path(entry)) for entry in vidgauge.__path__)
    for room in ROOMS:
        spec = importlib.util.find_spec(f"vidgauge.{room}")
        assert spec is not None
        assert spec.submodule_search_locations is not None
        yield f"vidgauge.{room}", Path(spec.submodule_search_locations[0])


def modules() -> dict[str, Path]:
    found = {}
    for package, folder in folders():
        for path in folder.rglob("*.py"):
            found[".".join([package, *path.relative_to(folder).with_suffix("").parts]).removesuffix(".__init__")] = path
    return found


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", ALLOWED)
def test_import_directions(room: str) -> None:
    of_room = {name: path for name, path in modules().items() if room_of(name) == room}
    assert of_room
    for name, path in of_room.items():
        for imported in imports(path):
            if imported.split(".")[0] == "vidgauge" and imported != "vidgauge.__version__":
                target = room_of(imported)
                assert target == room or target in ALLOWED[room], f"{name} imports {imported}"


@pytest.mark.parametrize("name", ROOMS)
def test_no_folder_is_importable_by_its_bare_name(name: str) -> None:
    """A second road to a module would make a second copy of each of its classes."""
    assert importlib.util.find_spec(name) is None


@pytest.mark.parametrize(
    "statement",
    [
        "import vidgauge.cli as c; c.run(['--help'])",
        "import vidgauge.cli as c; c.run(['list', 'protocols'])",
        *(f"import vidgauge.{room}" for room in ROOMS),
    ],
)
def test_help_lists_and_rooms_do_not_import_torch(statement: str) -> None:
    code = f"import sys; {statement}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False, stdout=subprocess.DEVNULL).returncode == 0
