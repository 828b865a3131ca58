"""A registry finds what lies in its folder, and says clearly what does not."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import vidgauge.registry
from vidgauge.errors import UsageError
from vidgauge.registry import Registry


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package with one module that registers ``round`` and one TOML entry ``square``."""
    package = tmp_path / "shelf_of_shapes"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from vidgauge.registry import Registry\nSHAPES = Registry('shape', 'shelf_of_shapes', parse=dict)\n"
    )
    (package / "round.py").write_text("from shelf_of_shapes import SHAPES\nSHAPES.register('round')({'corners': 0})\n")
    (package / "square.toml").write_text("corners = 4\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield_name = package.name
    for name in [name for name in sys.modules if name.startswith(yield_name)]:
        monkeypatch.delitem(sys.modules, name)
    return yield_name


def shapes(folder: str) -> Registry[dict[str, object]]:
    import importlib

    registry: Registry[dict[str, object]] = importlib.import_module(folder).SHAPES
    return registry


def test_modules_and_toml_files_are_entries(folder: str) -> None:
    registry = shapes(folder)
    assert registry.names() == ["round", "square"]
    assert registry["square"] == {"name": "square", "corners": 4}
    assert registry["round"] == {"corners": 0}
    assert "round" in registry
    assert list(registry) == ["round", "square"]


def test_a_wrong_name_lists_near_misses(folder: str) -> None:
    with pytest.raises(UsageError, match=r"no shape 'sqare'; did you mean 'square'\? \(there are: round, square\)"):
        shapes(folder)["sqare"]


def test_a_name_is_given_once(folder: str) -> None:
    registry = shapes(folder)
    registry.names()
    with pytest.raises(UsageError, match="registered twice"):
        registry.register("round")({})


def test_other_packages_add_entries_through_entry_points(
    folder: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "other_package_of_shapes.py").write_text(
        "from shelf_of_shapes import SHAPES\nSHAPES.register('triangle')({'corners': 3})\n"
    )
    point = EntryPoint(name="triangle", value="other_package_of_shapes", group="vidgauge.shape")
    monkeypatch.setattr(vidgauge.registry, "entry_points", lambda group: [point] if group == "vidgauge.shape" else [])
    assert shapes(folder).names() == ["round", "square", "triangle"]
