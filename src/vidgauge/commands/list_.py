"""``vidgauge list WHAT``: what there is."""

import json as json_format
from importlib import import_module
from typing import Annotated, Any

import typer

from vidgauge.errors import UsageError, near_misses
from vidgauge.registry import Registry

# Each kind's registry, as module and attribute: a registry opens, and imports what it must, only when it is listed.
REGISTRIES = {
    "datasets": ("vidgauge.datasets", "SOURCES"),
    "layers": ("vidgauge.reference_models.layers", "LAYERS"),
    "networks": ("vidgauge.metrics.networks", "NETWORKS"),
    "protocols": ("vidgauge.metrics.protocols", "PROTOCOLS"),
    "suites": ("vidgauge.bench.suites", "SUITES"),
}


def list_(
    what: Annotated[str, typer.Argument(help=f"One of: {', '.join(REGISTRIES)}.")],
    json: Annotated[bool, typer.Option("--json", help="Print a JSON list of objects with a name.")] = False,
) -> None:
    """List layers, networks, protocols, data sets or suites."""
    if what not in REGISTRIES:
        raise UsageError(f"there is no list of {what!r}; {near_misses(what, list(REGISTRIES))}")
    module, attribute = REGISTRIES[what]
    registry: Registry[Any] = getattr(import_module(module), attribute)
    rows = [{"name": name, "summary": _summary(registry[name])} for name in registry]
    if json:
        typer.echo(json_format.dumps(rows, indent=1, ensure_ascii=False))
    else:
        width = max((len(row["name"]) for row in rows), default=0)
        for row in rows:
            typer.echo(f"{row['name']:<{width}}  {row['summary']}".rstrip())


def _summary(entry: object) -> str:
    """The entry's own summary, or the first line of its docstring."""
    text = getattr(entry, "summary", None) or entry.__doc__ or ""
    return str(text).strip().partition("\n")[0]
