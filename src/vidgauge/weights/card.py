"""The card of a weights file: everything about it that does not depend on the machine."""

from typing import Any, Literal

from pydantic import Field

from vidgauge.record import Frozen

Format = Literal["safetensors", "state-dict", "torchscript", "npz"]
"""How a file stores its tensors."""


class Training(Frozen):
    """How weights that ship with the package were made."""

    command: str
    """The command that trains them again."""
    commit: str
    """Commit of the code they were trained with."""
    data_seed: int
    device: str
    torch: str
    seconds: float
    scores: dict[str, float] = Field(default_factory=dict)
    """Held-out results by name, with the number of clips among them; elsewhere on cards that give them intervals."""


class WeightsCard(Frozen):
    """One weights file: its name, digest, licence, and where it comes from."""

    name: str
    file: str
    """File name, without folder."""
    format: Format = "safetensors"
    """How the published file stores its tensors."""
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    """Digest of the file; empty where none is stated, and then the first one seen is kept."""
    bytes: int | None = None
    """Size: exact where a digest is stated, else what the number of parameters comes to."""
    licence: str
    not_weights: tuple[str, ...] = ()
    """Entries of the file that are settings, not tensors of the network."""
    also: tuple[str, ...] = ()
    """Cards of further files without which this one is no whole network, such as the mean of its training data."""
    holds: tuple[str, ...] = ()
    """Tensors of the network, by its own names, that are in the file, where it is such a further file."""
    network: str = ""
    """Name of the network that it is for, where no protocol says so."""
    network_parameters: dict[str, Any] = Field(default_factory=dict)
    """That network's own choices."""
    url: str = ""
    """Public address; empty for weights that ship with the package."""
    mirrors: tuple[str, ...] = ()
    """Further addresses of the same file, tried in order."""
    training: Training | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it can be fetched, in order."""
        return (self.url, *self.mirrors) if self.url else ()

    @property
    def runs_unknown_code(self) -> bool:
        """Whether opening the published file runs code of which nobody says what it is."""
        return self.format == "torchscript" and not self.sha256
