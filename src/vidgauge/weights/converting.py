"""Published files as safetensors: converted once, so that no archive with code and no pickle is opened again."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

import vidgauge
from vidgauge.errors import VidgaugeError
from vidgauge.files import sha256, whole_file
from vidgauge.record import Frozen
from vidgauge.weights.card import Format, WeightsCard
from vidgauge.weights.folders import cache_folder

if TYPE_CHECKING:
    from torch import Tensor


class Conversion(Frozen):
    """The note beside a conversion: what it was made of."""

    card: str
    source: str
    """Name of the file it was made of."""
    source_sha256: str
    source_format: Format
    trusted: bool
    """Whether its user vouched for code in it, because no digest is stated."""
    file: str
    """The conversion, in the same folder as the note."""
    file_sha256: str
    vidgauge: str
    date: str

    @property
    def path(self) -> Path:
        """Where the conversion lies."""
        return _folder() / self.file


def conversion(card: WeightsCard) -> Conversion | None:
    """The note on a card's conversion; None where there is none, or it is of another file than the card's.

    Raises:
        VidgaugeError: if the note cannot be read.
    """
    path = note_path(card)
    try:
        note = Conversion.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise VidgaugeError(f"weights {card.name!r}: {path} is no note on a conversion; remove it") from error
    return None if card.sha256 not in ("", note.source_sha256) or not note.path.is_file() else note


def convert(
    card: WeightsCard, tensors: Mapping[str, "Tensor"], source: Path, source_sha256: str, form: Format
) -> Conversion:
    """Keep a card's tensors, under the names of our network, in the cache.

    Args:
        card: whose they are.
        tensors: what to keep; dtypes stay as they are.
        source: the published file they come from.
        source_sha256: its digest.
        form: how it stores them.

    Raises:
        VidgaugeError: if the cache cannot be written to.
    """
    from safetensors.torch import save_file

    # Named by its source, so that a note never stands beside the conversion of another file.
    target = _folder() / f"{card.name}-{source_sha256[:12]}.safetensors"
    with whole_file(target) as partial:
        save_file(_apart(tensors), partial, metadata={"source_sha256": source_sha256})
        file_sha256 = sha256(partial)
    note = Conversion(
        card=card.name,
        source=source.name,
        source_sha256=source_sha256,
        source_format=form,
        trusted=form == "torchscript" and not card.sha256,
        file=target.name,
        file_sha256=file_sha256,
        vidgauge=vidgauge.__version__,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    with whole_file(note_path(card)) as partial:
        partial.write_text(note.model_dump_json(indent=1) + "\n", "utf-8")
    return note


def note_path(card: WeightsCard) -> Path:
    """Where the note on a card's conversion lies, or would."""
    return _folder() / f"{card.name}.json"


def verified(note: Conversion) -> Path:
    """The conversion, whole.

    Raises:
        VidgaugeError: if it is not what was written.
    """
    if sha256(note.path) != note.file_sha256:
        raise VidgaugeError(
            f"weights {note.card!r}: {note.path} is damaged (its sha256 is not {note.file_sha256}); "
            f"remove it and fetch or add {note.source} again"
        )
    return note.path


def _folder() -> Path:
    return cache_folder() / "converted"


def _apart(tensors: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """Each tensor in memory of its own, as safetensors wants them; those that have it are not copied."""
    seen: set[int] = set()
    found = {}
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage()
        own = storage.nbytes() == tensor.nbytes and tensor.is_contiguous() and storage.data_ptr() not in seen
        found[name] = tensor if own else tensor.contiguous().clone()
        seen.add(storage.data_ptr())
    return found
