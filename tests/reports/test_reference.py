"""Reference pages are what the source says, read without running it."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer

from vidgauge.errors import UsageError
from vidgauge.reports.reference import reference
from vidgauge.reports.reference.commands import command_reference
from vidgauge.reports.reference.docstrings import markdown
from vidgauge.reports.reference.entries import entry
from vidgauge.reports.reference.modules import Module, module_of, public_names


def written(tmp_path: Path, source: str, name: str) -> str:
    path = tmp_path / "made.py"
    path.write_text(source, "utf-8")
    module = Module("vidgauge.metrics.made", path)
    return entry(*module.find(name), asked_of=module)


def test_a_docstring_becomes_markdown() -> None:
    text = """Do ``this`` to <that>.

    More of it.

        a = b + c

    Args:
        one: the first, which
            goes on.
        two, three: others.

    Returns:
        a number,
        or two.

    Raises:
        ValueError: for `nothing`.

    .. math::
        x^2

    Example:
        >>> 1 + 1
        2

        >>> 3
        3
    """
    assert markdown(text).split("\n\n") == [
        "Do `this` to &lt;that>.",
        "More of it.",
        "```text\na = b + c\n```",
        "**Arguments:**",
        "- `one`: the first, which goes on.\n- `two, three`: others.",
        "**Returns:** a number,\nor two.",
        "**Raises:**",
        "- `ValueError`: for `nothing`.",
        "```math\nx^2\n```",
        "**Example:**",
        "```pycon\n>>> 1 + 1\n2\n>>> 3\n3\n```",
    ]
    assert markdown("") == ""


def test_a_function_has_its_signature_and_its_source(tmp_path: Path) -> None:
    source = 'def f(a: int, /, b: "str" = "x", *rest: int, c: float | None = None, **more: int) -> "list[int]": ...\n'
    text = written(tmp_path, source, "f")
    assert text.startswith("## f\n\n`from vidgauge.metrics.made import f`, [source](../../metrics/made.py)\n")
    assert "def f(a: int, /, b: str = 'x', *rest: int, c: float | None = None, **more: int) -> list[int]\n" in text
    long = "def g(*, " + ", ".join(f"number_{i}: int = {i}" for i in range(9)) + ") -> None: ...\n"
    assert "def g(\n    *,\n    number_0: int = 0,\n" in written(tmp_path, long, "g")


def test_a_class_has_fields_methods_and_those_of_its_bases(tmp_path: Path) -> None:
    source = '''
class Base:
    def said(self) -> int:
        """Of the base."""
    def hidden(self) -> int: ...
    def over(self) -> int:
        """Of the base too."""

class Child(Base, dict):
    """A child."""
    size: int = 3
    """How large."""
    made: list[int] = Field(default_factory=list)
    _own: int = 1
    @property
    def name(self) -> str:
        """Its name."""
    def over(self, other: int) -> int:
        """Its own."""
    @staticmethod
    def plain(value: int) -> int:
        """Of no object."""

class Colour(StrEnum):
    RED = "red"
    """Of roses."""
'''
    text = written(tmp_path, source, "Child")
    assert "class Child(Base, dict)\n" in text
    assert "- `size: int = 3`: How large.\n- `made: list[int]`\n" in text
    assert "_own" not in text
    assert [line for line in text.splitlines() if line.startswith("### ")] == [
        "### Child.name",
        "### Child.over",
        "### Child.plain",
        "### Child.said",
    ]
    assert "name: str\n" in text
    assert "def over(other: int) -> int" in text
    assert "def plain(value: int) -> int" in text
    assert "- `RED = 'red'`: Of roses." in written(tmp_path, source, "Colour")


def test_public_names_are_those_that_a_package_gives_on_or_a_module_describes(tmp_path: Path) -> None:
    assert {"frechet_distance", "score", "CLIPSIM"} <= set(public_names(module_of("vidgauge.metrics")))
    assert "lazy_names" not in set(public_names(module_of("vidgauge.metrics")))
    path = tmp_path / "made.py"
    path.write_text('A = 1\n"""Told of."""\nB = 2\ndef _c(): ...\ndef d(): ...\n')
    assert list(public_names(Module("vidgauge.made", path))) == ["A", "d"]
    assert Module("vidgauge.made", path).repository_path == "src/vidgauge/made.py"
    assert module_of("vidgauge.metrics").repository_path == "metrics/__init__.py"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("vidgauge.nothing", "there is no module 'vidgauge.nothing'"),
        ("numpy", "there is no module 'numpy'"),
        ("vidgauge.metrics: scores", "vidgauge.metrics has no 'scores'; did you mean 'score'"),
    ],
)
def test_what_is_not_there(asked: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        reference(asked)


def test_no_room_is_imported_for_it() -> None:
    code = "import sys; from vidgauge.reports.reference import reference; reference('vidgauge.metrics'); "
    code += "sys.exit('vidgauge.metrics' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0


def test_commands_are_told_of_as_help_tells() -> None:
    app, inner = typer.Typer(), typer.Typer()

    @app.command()
    def make(
        what: Annotated[Path, typer.Argument(help="A <thing>.")],
        how: Annotated[Literal["fast", "well"] | None, typer.Option(help="In which way.")] = None,
        many: Annotated[list[str] | None, typer.Option("--each", help="Several.")] = None,
        count: Annotated[int, typer.Option(help="How often.")] = 3,
        quietly: Annotated[bool, typer.Option("--quietly", help="No word.")] = False,
    ) -> None:
        """Make it."""

    inner.command("list")(make)
    app.add_typer(inner, name="group")
    text = command_reference(app)
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## vidgauge group list",
        "## vidgauge make",
    ]
    assert "```text\nvidgauge make WHAT [OPTIONS]\n```\n\nMake it.\n" in text
    for line in (
        "- `WHAT`: A &lt;thing>.",
        "- `--how fast|well`: In which way.",
        "- `--each TEXT`: Several.",
        "- `--count NUMBER`: How often. [3]",
        "- `--quietly`: No word.",
    ):
        assert line in text.splitlines()


def test_every_public_function_and_class_has_a_docstring() -> None:
    for room in ("datasets", "metrics", "bench", "reports", "reference_models"):
        module = module_of(f"vidgauge.{room}")
        for name in public_names(module):
            _, node = module.find(name)
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                assert ast.get_docstring(node), f"vidgauge.{room}.{name} says nothing"
