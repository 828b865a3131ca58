"""Docstrings of Google's style as Markdown."""

import inspect
import re
import textwrap
from collections.abc import Iterator

_SECTIONS = {"Args": "Arguments", "Returns": "Returns", "Yields": "Yields", "Raises": "Raises"}
_ITEM = re.compile(r"(?P<names>[\w*]+(?:, [\w*]+)*): (?P<text>.*)", re.DOTALL)
_EXAMPLE = ">>> "
_MATH = ".. math::"


def markdown(docstring: str) -> str:
    """The text with its sections as lists, its names as code and its examples as blocks."""
    return "\n\n".join(_blocks(inspect.cleandoc(docstring)))


def _blocks(text: str) -> Iterator[str]:
    paragraphs = text.split("\n\n") if text else []
    while paragraphs:
        paragraph = paragraphs.pop(0)
        heading, _, rest = paragraph.partition("\n")
        if (name := heading.rstrip(":")) in _SECTIONS and heading.endswith(":"):
            yield _section(_SECTIONS[name], textwrap.dedent(rest))
        elif heading in ("Example:", "Examples:") and rest:
            yield "**Example:**"
            paragraphs.insert(0, rest)
        elif paragraph.lstrip().startswith(_EXAMPLE):
            while paragraphs and paragraphs[0].lstrip().startswith(_EXAMPLE):
                paragraph += "\n" + paragraphs.pop(0)
            yield _fenced("pycon", paragraph)
        elif heading == _MATH:
            yield _fenced("math", rest)
        elif all(line.startswith("    ") for line in paragraph.splitlines()):
            yield _fenced("text", paragraph)
        else:
            yield _inline(paragraph)


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{textwrap.dedent(text)}\n```"


def _section(heading: str, body: str) -> str:
    """``name: text`` each, with its further lines indented; or a text."""
    items: list[str] = []
    for line in body.splitlines():
        if items and line.startswith(" "):
            items[-1] += " " + line.strip()
        else:
            items.append(line)
    found = [_ITEM.fullmatch(item) for item in items]
    if heading in ("Returns", "Yields") or not all(found):
        return f"**{heading}:** {_inline(body)}"
    lines = [f"- `{match['names']}`: {_inline(match['text'])}" for match in found if match]
    return "\n".join([f"**{heading}:**\n", *lines])


def _inline(text: str) -> str:
    """Code has one backtick in Markdown; what could be a tag stays text."""
    parts = re.split(r"(``.+?``|`.+?`)", text, flags=re.DOTALL)
    return "".join(
        f"`{part.strip('`')}`" if place % 2 else part.replace("<", "&lt;") for place, part in enumerate(parts)
    )
