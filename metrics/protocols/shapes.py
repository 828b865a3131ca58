"""Published protocols in the embedded world: ``fvd.tats.shapes`` is ``fvd.tats`` under a network of Moving Shapes.

All but the network stays: clip rule, resizing up to the network's size, sample counts, statistic. So conventions can be
compared on a machine that has no weights.
"""

from typing import Any

from vidgauge.metrics.protocols import PROTOCOLS, Protocol

_COUNTERPARTS = {
    "i3d": "shapes-classifier",
    "videomae-g": "shapes-classifier",
    "c3d": "shapes-classifier",
    "clip": "shapes-clip",
    "inception": "shapes-clip",
}
"""Of the networks that judge sets of videos."""


def in_shapes(protocol: Protocol) -> Protocol:
    """The protocol under its network's counterpart."""
    network = _COUNTERPARTS[protocol.network]
    changes: dict[str, Any] = {
        "name": f"{protocol.name}.shapes",
        "summary": f"{protocol.name} under a network of the embedded world",
        "parameters": {key: value for key, value in protocol.parameters.items() if key != "output"},
        "network": network,
        "network_parameters": {},
        "weights": network,
        "dtype": "float64",  # so that scores do not depend on batch size or thread count
        "world": "embedded",
    }
    return protocol.model_copy(update=changes)


for _protocol in [PROTOCOLS[name] for name in PROTOCOLS]:  # those of the files, which are read before modules
    if _protocol.network in _COUNTERPARTS and _protocol.task is None:  # a task is about other videos
        PROTOCOLS.register(f"{_protocol.name}.shapes")(in_shapes(_protocol))
