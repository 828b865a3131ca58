"""Anchors: published numbers that weights must give again, one TOML file each.

An anchor fixes network, weights, inputs and statistic, so that nothing but the weights and our code for them is tested.
What passed is remembered in the cache, with the digests of the weights, and protocols say so.
"""

from datetime import UTC, datetime
from inspect import signature
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

import vidgauge
from vidgauge.files import whole_file
from vidgauge.metrics.anchors._inputs import Advance, Cifar10Train, Constants, Noise, NotHereError
from vidgauge.metrics.weights import CARDS, FOLDER
from vidgauge.record import Frozen
from vidgauge.registry import Registry
from vidgauge.weights import cache_folder, digest, look


class Anchor(Frozen):
    """A published number, and how to come to it."""

    name: str
    summary: str
    network: str
    network_parameters: dict[str, Any] = Field(default_factory=dict)
    weights: str
    """Name of a weights card."""
    inputs: Constants | Noise | Cifar10Train | None = Field(default=None, discriminator="kind")
    """What the network is shown; None where that cannot be had, and ``obstacle`` says why."""
    obstacle: str = ""
    resize: str = ""
    """How frames are brought to the network's size, where the inputs do not have it."""
    output: str = ""
    """Which output of the network is read."""
    statistic: Literal["frechet", "inception-score"]
    convention: str
    """Of that statistic, as `vidgauge.metrics.frechet` and `vidgauge.metrics.inception` name them."""
    expected: float
    tolerance: float
    """Largest difference that is not held against the weights; the file says why."""
    source: str
    """Who published the number, and where."""

    @property
    def needed(self) -> list[str]:
        """The cards of all files that it takes."""
        return [self.weights, *CARDS[self.weights].also]


ANCHORS: Registry[Anchor] = Registry("anchor", "vidgauge.metrics.anchors", parse=Anchor.model_validate)


class Outcome(Frozen):
    """What became of an anchor."""

    anchor: str
    weights: str
    status: Literal["passed", "failed", "skipped"]
    value: float | None = None
    expected: float
    tolerance: float
    reason: str = ""
    """Why it was skipped."""


class Passed(Frozen):
    """The note on an anchor that passed."""

    anchor: Anchor
    """As it was then."""
    value: float
    sha256: list[str]
    """Of the published files, in the order of `Anchor.needed`."""
    vidgauge: str
    date: str


def outcome_of(anchor: Anchor, data: Path | None, advance: Advance) -> Outcome:
    """Compute an anchor, and remember it if it passes; one that does not is forgotten.

    Args:
        anchor: which.
        data: folder of data sets that some anchors are shown.
        advance: told how many inputs of how many are through the network.

    Raises:
        VidgaugeError: if weights that are here are broken or do not fit, or the cache cannot be written to.
    """
    told = {
        "anchor": anchor.name,
        "weights": anchor.weights,
        "expected": anchor.expected,
        "tolerance": anchor.tolerance,
    }
    if anchor.inputs is None:
        return Outcome(status="skipped", reason=anchor.obstacle, **told)
    missing = [name for name in anchor.needed if look(CARDS[name], FOLDER) is None]
    if missing:
        return Outcome(status="skipped", reason=f"needs weights: vidgauge weights fetch {' '.join(missing)}", **told)
    from vidgauge.metrics.anchors._computing import compute

    try:
        value = compute(anchor, anchor.inputs, data, advance)
    except NotHereError as error:
        return Outcome(status="skipped", reason=str(error), **told)
    if abs(value - anchor.expected) > anchor.tolerance:
        _note(anchor).unlink(missing_ok=True)
        return Outcome(status="failed", value=value, **told)
    _remember(anchor, value)
    return Outcome(status="passed", value=value, **told)


def has_passed(anchor: Anchor) -> bool:
    """Whether it passed here, as it is now, with the weights and the version of vidgauge that are here now."""
    try:
        note = Passed.model_validate_json(_note(anchor).read_bytes())
    except (OSError, ValidationError):
        return False
    return note.anchor == anchor and note.sha256 == _digests(anchor) and note.vidgauge == vidgauge.__version__


def passed(network: str, weights: str, parameters: dict[str, Any]) -> list[str]:
    """Published numbers that these weights gave again, in this network with these parameters; empty where none.

    Args:
        network: its name.
        weights: the name of a card.
        parameters: the network's own choices; those that are not named are its defaults.

    Returns:
        One text a number: the anchor's name and value, to stand behind "verified against".
    """
    found = [ANCHORS[name] for name in ANCHORS]
    found = [one for one in found if (one.network, one.weights) == (network, weights) and has_passed(one)]
    return [
        f"{one.name} ({one.expected:g})"
        for one in found
        if _whole(network, one.network_parameters) == _whole(network, parameters)
    ]


def _whole(network: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters with the network's defaults."""
    from vidgauge.metrics.networks import NETWORKS

    defaults = {
        name: one.default
        for name, one in signature(NETWORKS[network]).parameters.items()
        if one.default is not one.empty
    }
    return defaults | parameters


def _remember(anchor: Anchor, value: float) -> None:
    note = Passed(
        anchor=anchor,
        value=value,
        sha256=_digests(anchor),
        vidgauge=vidgauge.__version__,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    with whole_file(_note(anchor)) as partial:
        partial.write_text(note.model_dump_json(indent=1) + "\n", "utf-8")


def _digests(anchor: Anchor) -> list[str]:
    return [digest(CARDS[name]) for name in anchor.needed]


def _note(anchor: Anchor) -> Path:
    return cache_folder() / "verified" / f"{anchor.name}.json"
