"""Reference pages: what docstrings and signatures say, read from the source without running it."""

from vidgauge.reports.reference.entries import entry
from vidgauge.reports.reference.modules import Module, module_of, public_names

__all__ = ["reference"]


def reference(asked: str) -> str:
    """Markdown about the public names of a module, or about some of them.

    Args:
        asked: the dotted module, and after a colon the names, if not all: ``vidgauge.reference_models.cost: Cost``.

    Raises:
        UsageError: for a module or a name that is not there.
    """
    dotted, _, names = asked.partition(":")
    module = module_of(dotted.strip())
    return "\n".join(_entry(module, name) for name in names.split() or public_names(module))


def _entry(module: Module, name: str) -> str:
    return entry(*module.find(name), asked_of=module)
