"""All named protocols in one table, for the pages that tell which there are."""

from vidgauge.markdown import table
from vidgauge.metrics.protocols import PROTOCOLS, Protocol

_HEADINGS = (
    "protocol",
    "network and what is read of it",
    "frames to the network's size",
    "clips",
    "statistic",
    "videos",
)


def markdown_table() -> str:
    """A Markdown table of all protocols but those of the embedded world, which repeat them."""
    return table(_HEADINGS, (_row(PROTOCOLS[name]) for name in PROTOCOLS if PROTOCOLS[name].world == "open"))


def _row(protocol: Protocol) -> tuple[str, ...]:
    network = [protocol.network, *(_plain(value) for value in protocol.network_parameters.values())]
    rule = protocol.any_rule.model_dump(exclude={"output"}, exclude_defaults=True)
    statistic = [protocol.any_rule.measure.name, *(f"{key} {value}" for key, value in rule.items())]
    read = "" if protocol.any_rule.paired else f": {protocol.rule.output}"
    return (
        f"`{protocol.name}`",
        f"{' '.join(network)}{read}" if protocol.network else "none",
        f"`{protocol.resize}`" if protocol.resize else "as they are",
        _clips(protocol),
        ", ".join(statistic),
        _videos(protocol),
    )


def _clips(protocol: Protocol) -> str:
    real, generated = protocol.cuts
    offsets = real.offset if real == generated else f"{real.offset}, generated {generated.offset}"
    return f"{'at least ' if real.offset == 'whole' else ''}{real.frames} frames, {offsets}"


def _videos(protocol: Protocol) -> str:
    counts = protocol.samples.model_dump(include={"real", "generated"}, exclude_none=True)
    said = [f"{count:,} {side}" for side, count in counts.items()] or ["any number"]
    return ", ".join(said) + (f"; real ones: {protocol.task.data}" if protocol.task else "")


def _plain(value: object) -> str:
    return f"eps {value:g}" if isinstance(value, float) else str(value)
