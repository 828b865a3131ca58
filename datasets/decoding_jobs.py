"""What is done with one file, here or in a worker process: a job takes a path, and gives JSON values or arrays."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidgauge.datasets.errors import VideoError
from vidgauge.datasets.storages import storage_of

if TYPE_CHECKING:
    from array import array

Job = Callable[..., Iterator[Any]]


def describe(path: Path) -> Iterator[dict[str, Any]]:
    """The fields of the file's ``Description``."""
    yield asdict(storage_of(path).describe(path))


def look(path: Path) -> "Iterator[dict[str, Any] | array[float]]":
    """The fields of the file's ``Description``, then its timeline."""
    yield from describe(path)
    yield storage_of(path).timeline(path)


def pick(path: Path, indices: Sequence[int]) -> Iterator[memoryview]:
    """The frames of these indices, ascending."""
    return storage_of(path).frames_at(path, indices)


def whole(path: Path) -> Iterator[memoryview]:
    """All frames, with all that can be checked about their being complete."""
    return map(itemgetter(0), storage_of(path).frames(path))


def carefully(job: Job, path: Path, *arguments: Any) -> Iterator[Any]:  # noqa: ANN401 - the job's own
    """A job's items; whatever it raises becomes a VideoError, for damage takes decoders where nobody has been."""
    try:
        yield from job(path, *arguments)
    except VideoError:
        raise
    except MemoryError as error:
        raise VideoError(path, "takes more memory to decode than it may") from error
    except Exception as error:
        raise VideoError(path, f"cannot be decoded ({type(error).__name__}: {error})") from error


def memory_of(item: Any) -> memoryview | None:  # noqa: ANN401 - whatever a job gives
    """An array's memory, with its shape and data type; None where the item is a JSON value."""
    try:
        return memoryview(item)
    except TypeError:
        return None
