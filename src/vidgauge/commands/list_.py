"""``vidgauge list WHAT``: what there is."""

import json as json_format
from collections.abc import Iterator
from importlib import import_module
from typing import Annotated, Any

import typer

from vidgauge.errors import UsageError, near_misses
from vidgauge.registry import Registry

# Each kind's registries, as module and attributes: a registry opens, and imports what it must, only when it is listed.
REGISTRIES = {
    "contests": ("vidgauge.bench.contests", "CONTESTS"),
    "datasets": ("vidgauge.datasets", "SOURCES"),
    "layers": ("vidgauge.reference_models.layers", "LAYERS"),
    "networks": ("vidgauge.metrics.networks", "NETWORKS"),
    "protocols": ("vidgauge.metrics.protocols", "PROTOCOLS"),
    "published": ("vidgauge.reports.published", "PUBLICATIONS"),
    "recipes": ("vidgauge.bench.studies.recipes", "RECIPES"),
    "suites": ("vidgauge.bench.suites", "SUITES"),
    "systems": ("vidgauge.reference_models.systems", "SYSTEMS", "PIPELINES"),
    "tables": ("vidgauge.reports.papers", "PAPERS"),
}
_TABLES = {
    "datasets": "vidgauge.datasets.catalogue",
    "protocols": "vidgauge.metrics.catalogue",
    "systems": "vidgauge.reference_models.systems_table",
}
"""Of which the documentation has a table."""
_COLUMNS = {  # fields of a cost, and how many of them make one of what is printed
    "parameters": ("parameters", 1, ",.0f"),
    "forward_flops": ("forward MFLOP", 1e6, ",.2f"),
    "useful_forward_flops": ("useful", 1e6, ",.2f"),
    "backward_flops": ("backward MFLOP", 1e6, ",.2f"),
    "min_bytes": ("least MiB moved", 2**20, ",.2f"),
    "activation_bytes": ("MiB kept", 2**20, ",.2f"),
}


def list_(
    what: Annotated[str, typer.Argument(help=f"One of: {', '.join(REGISTRIES)}.")],
    json: Annotated[bool, typer.Option("--json", help="Print a JSON list of objects with a name.")] = False,
    shape: Annotated[
        str | None, typer.Option(help="B,C,T,H,W: for layers, show parameters, FLOPs and bytes on that input.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE, such as window=[2,8,8]: an argument of the layers; with --shape."),
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="For datasets, protocols and systems: print a Markdown table.")
    ] = False,
) -> None:
    """List layers (with their costs), systems, networks, protocols, data sets, suites, recipes, papers and tables."""
    if what not in REGISTRIES:
        raise UsageError(f"there is no list of {what!r}; {near_misses(what, list(REGISTRIES))}")
    if shape is not None or settings:
        _list_costs(what, shape, settings or [], as_json=json)
        return
    if markdown:
        _print_table(what)
        return
    rows = sorted(_rows(what), key=lambda row: str(row["name"]))
    if what == "systems":
        rows = [row | {"weights": _weights(row)} for row in rows]
    if json:
        typer.echo(json_format.dumps(rows, indent=1, ensure_ascii=False))
    elif what == "systems":
        _print_systems(rows)
    else:
        width = max((len(row["name"]) for row in rows), default=0)
        for row in rows:
            typer.echo(f"{row['name']:<{width}}  {row['summary']}".rstrip())


def _rows(what: str) -> Iterator[dict[str, Any]]:
    module, *attributes = REGISTRIES[what]
    for attribute in attributes:
        registry: Registry[Any] = getattr(import_module(module), attribute)
        for name in registry:
            yield {"name": name, "summary": _summary(registry[name])} | _card(registry[name])


def _print_systems(rows: list[dict[str, Any]]) -> None:
    """Sizes beside what is said of them, and how certain that is."""
    from rich.table import Table

    from vidgauge.terminal import stdout_console

    table = Table(box=None, pad_edge=False)
    table.add_column("name", no_wrap=True)
    for heading in ("parameters", "stated"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("certainty", "weights", "takes (C, T, H, W) or gives (T, H, W)", "summary"):
        table.add_column(heading)
    for row in rows:
        stated = row.get("stated_parameters")
        extents = row["shape"][1:] if "shape" in row else row["gives"]
        shape = ("takes " if "shape" in row else "gives ") + _plain(extents)
        cells = (_millions(row["parameters"]), _millions(stated) if stated else "", row.get("certainty") or "")
        table.add_row(row["name"], *cells, row["weights"], shape, row["summary"])
    stdout_console().print(table, markup=False)


def _weights(row: dict[str, Any]) -> str:
    """Whether trained weights of a pipeline ship."""
    from vidgauge.reference_models.shipped import names

    return "ship" if row["kind"] == "pipeline" and row["name"] in names() else ""


def _millions(count: float) -> str:
    return f"{count / 1e6:,.3f} M" if count < 1e7 else f"{count / 1e6:,.1f} M"


def _print_table(what: str) -> None:
    if what not in _TABLES:
        raise UsageError(f"--markdown is for {', '.join(_TABLES)}, such as: vidgauge list datasets --markdown")
    typer.echo(import_module(_TABLES[what]).markdown_table(), nl=False)


def _list_costs(what: str, shape: str | None, settings: list[str], *, as_json: bool) -> None:
    if what != "layers" or shape is None:
        raise UsageError("--shape and --set are for layers: vidgauge list layers --shape B,C,T,H,W [--set KEY=VALUE]")
    from vidgauge.reference_models.catalogue import catalogue  # imports torch

    entries = list(catalogue(_numbers(shape), dict(map(_setting, settings))))
    if as_json:
        flat = [
            entry.model_dump(exclude={"cost"}) | (entry.cost.model_dump() if entry.cost else {}) for entry in entries
        ]
        typer.echo(json_format.dumps(flat, indent=1, ensure_ascii=False))
        return
    from rich.table import Table

    from vidgauge.terminal import stdout_console

    table = Table(box=None, pad_edge=False)
    table.add_column("layer")
    for heading, _, _ in _COLUMNS.values():
        table.add_column(heading, justify="right")
    table.add_column("arguments")
    for entry in entries:
        costs = entry.cost.model_dump() if entry.cost else {}
        cells = [format(costs[key] / unit, form) if costs else "-" for key, (_, unit, form) in _COLUMNS.items()]
        said = entry.reason or " ".join(f"{key}={_plain(value)}" for key, value in entry.config.items())
        table.add_row(entry.name, *cells, said)
    stdout_console().print(table, markup=False)


def _numbers(shape: str) -> list[int]:
    try:
        return [int(number) for number in shape.replace("x", ",").split(",")]
    except ValueError:
        raise UsageError(f"shape is {shape!r}; give B,C,T,H,W such as 1,64,8,32,32") from None


def _setting(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set got {text!r}; give KEY=VALUE such as window=[2,8,8]")
    try:
        return key, json_format.loads(value)
    except ValueError:
        return key, value  # a word, such as form=flex


def _plain(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _card(entry: object) -> dict[str, Any]:
    """What the entry itself wants to be told beside its name and summary."""
    card = getattr(entry, "card", None)
    return card() if callable(card) else {}


def _summary(entry: object) -> str:
    """The entry's own summary, or the first line of its docstring."""
    text = getattr(entry, "summary", None) or entry.__doc__ or ""
    return str(text).strip().partition("\n")[0]
