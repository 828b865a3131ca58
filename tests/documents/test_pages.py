"""Pages of ``docs/`` that begin with ``<!-- run by the tests -->`` are followed, block by block, in an empty folder.

- ```sh and ```python blocks run in order; a page's Python blocks share their names.
- A ```text block right after one is its output, where ``...`` stands for anything.
- ``file=NAME`` after a block's language: what the page tells its reader to save under that name.
- ``exit=1``: the status that the block ends with.
- ``needs=gpu`` and the like: skipped, and said so, where that is not here.
"""

import contextlib
import doctest
import io
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from vidgauge.cli import run

DOCS = Path(__file__).parents[2] / "docs"
MARK = "<!-- run by the tests -->"
NEEDS: dict[str, Callable[[], bool]] = {
    "gpu": torch.cuda.is_available,
    "slurm": lambda: shutil.which("sbatch") is not None,
    "lightning": lambda: False,
    "network": lambda: False,
}
"""What a block may need, and whether it is here."""
_FENCED = re.compile(r"^```(?P<language>\w+)(?P<options>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_LIKE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_OF_A_SHELL = re.compile(r"[|<>&;$`(){}*?]")


@dataclass(frozen=True)
class Block:
    """What stands between two fences of a page."""

    page: Path
    line: int
    language: str
    code: str
    options: dict[str, str]
    expected: str | None
    before: str = field(repr=False)
    """The page's text up to it."""

    @property
    def place(self) -> str:
        return f"docs/{self.page.name}:{self.line}"

    @property
    def missing(self) -> str:
        """What it needs and is not here."""
        need = self.options.get("needs", "")
        return "" if not need or NEEDS[need]() else need


def blocks(page: Path) -> list[Block]:
    text, found = page.read_text("utf-8"), []
    fences = list(_FENCED.finditer(text))
    for fence, after in zip(fences, [*fences[1:], None], strict=True):
        shown = after is not None and after["language"] == "text" and not text[fence.end() : after.start()].strip()
        options = dict(option.split("=", 1) for option in shlex.split(fence["options"]))
        assert options.keys() <= {"file", "needs", "exit"}, f"{page.name}: {fence['options']}"
        found.append(
            Block(
                page=page,
                line=text.count("\n", 0, fence.start()) + 1,
                language=fence["language"],
                code=fence["code"],
                options=options,
                expected=after["code"] if after is not None and shown else None,
                before=text[: fence.start()],
            )
        )
    return found


class Follower:
    """A reader who does what a page says, in a folder of their own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._patch, self._installed = folder, monkeypatch, False
        self._names: dict[str, Any] = {"__name__": "__main__"}
        monkeypatch.chdir(folder)
        monkeypatch.syspath_prepend(folder)
        monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))

    def follow(self, block: Block) -> None:
        if "file" in block.options:
            assert block.options["file"] in block.before, f"{block.place} does not say: {block.options['file']}"
            path = self._folder / block.options["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code, "utf-8")
        elif block.language in ("sh", "python"):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(said := io.StringIO()):
                status = self._shell(block.code) if block.language == "sh" else self._python(block)
            told = f"{block.place}\n{block.code}\nstatus {status}\n{printed.getvalue()}\n{said.getvalue()}"
            assert status == int(block.options.get("exit", 0)), told
            if block.expected is not None:
                assert doctest.OutputChecker().check_output(block.expected, printed.getvalue(), _LIKE), told

    def _python(self, block: Block) -> int:
        exec(compile("\n" * block.line + block.code, str(block.page), "exec"), self._names)
        return 0

    def _shell(self, code: str) -> int:
        lines = code.replace("\\\n", " ").splitlines()
        commands = [words for line in lines if (words := shlex.split(line, comments=True))]
        if all(words == ["pip", "install", "-e", "."] for words in commands):
            return self._install()
        if not self._installed and all(map(_simple, lines, [shlex.split(line, comments=True) for line in lines])):
            return next(filter(None, map(self._in_this_process, commands)), 0)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", code], check=False, capture_output=True, text=True)
        sys.stdout.write(done.stdout)
        sys.stderr.write(done.stderr)
        return done.returncode

    def _in_this_process(self, words: list[str]) -> int:
        """As a command of its own would do, without importing torch once more."""
        if words[0] == "vidgauge":
            return run(words[1:])
        self._patch.setattr(sys, "argv", words[1:])
        try:
            runpy.run_path(words[1], run_name="__main__")
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    def _install(self) -> int:
        """What ``pip install -e .`` comes to for whoever runs Python here: modules and entry points are found."""
        project = tomllib.loads((self._folder / "pyproject.toml").read_text("utf-8"))["project"]
        facts = self._folder / f"{project['name']}-{project['version']}.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
        lines = []
        for group, points in project["entry-points"].items():
            lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
        (facts / "entry_points.txt").write_text("\n".join(lines))
        # From now on commands are processes of their own: what they register must not reach other tests.
        self._patch.setenv("PYTHONPATH", str(self._folder))
        self._installed = True
        return 0


def _simple(line: str, words: list[str]) -> bool:
    """Whether no shell is needed to understand it."""
    return not words or (words[0] in ("vidgauge", "python") and not _OF_A_SHELL.search(line.partition(" #")[0]))


def _pages() -> Iterator[Path]:
    for page in sorted(DOCS.glob("*.md")):
        if page.read_text("utf-8").startswith(MARK):
            yield page


PAGES = list(_pages())
SKIPPED = [block for page in PAGES for block in blocks(page) if "needs" in block.options]


@pytest.fixture
def follower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Follower]:
    folder = tmp_path / "reader"
    folder.mkdir()
    yield Follower(folder, monkeypatch)
    for name, module in list(sys.modules.items()):
        if Path(getattr(module, "__file__", None) or "/").is_relative_to(folder):
            del sys.modules[name]


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # a reader's are no errors
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_can_be_followed(page: Path, follower: Follower) -> None:
    for block in blocks(page):
        if not block.missing:
            follower.follow(block)


@pytest.mark.parametrize("block", SKIPPED, ids=lambda block: block.place)
def test_what_is_left_out_of_a_page(block: Block) -> None:
    if block.missing:
        pytest.skip(f"needs {block.missing}")


MADE = """<!-- run by the tests -->
Save as `one.py`:

```python file=one.py
number = 1
```

```python
from one import number
print(number + 1, 0.25)
```

```text
2 0...
```

```python
print(number)
```

```sh exit=2
vidgauge list nothing
```

```sh
echo "$((40 + 2))" | cat
```

```text
42
```
"""


def follow(follower: Follower, folder: Path, text: str) -> None:
    page = folder / "page.md"
    page.write_text(text, "utf-8")
    for block in blocks(page):
        follower.follow(block)


def test_a_page_that_says_what_happens(follower: Follower, tmp_path: Path) -> None:
    follow(follower, tmp_path, MADE)
    assert (tmp_path / "reader" / "one.py").read_text() == "number = 1\n"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("2 0...", "3 0...", "page.md:8"),
        ("exit=2", "exit=1", "there is no list of 'nothing'"),
        ("one.py`", "it`", "does not say: one.py"),
        ("file=one", "files=one", "files=one"),
        ("\n42\n", "\n41\n", "42"),
    ],
)
def test_a_page_that_says_something_else(
    before: str, after: str, said: str, follower: Follower, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match=re.escape(said)):
        follow(follower, tmp_path, MADE.replace(before, after))
