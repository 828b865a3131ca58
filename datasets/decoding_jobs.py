"""What is done with one file, here or in a worker process: a job takes a path, and gives JSON values or arrays."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgauge.datasets import reading
from vidgauge.datasets.errors import VideoError

Job = Callable[..., Iterator[Any]]


def describe(path: Path) -> Iterator[dict[str, Any]]:
    """The fields of the file's ``Description``."""
    yield asdict(reading.describe_video(path))


def look(path: Path) -> Iterator[dict[str, Any] | NDArray[np.float64]]:
    """The fields of the file's ``Description``, then its timeline."""
    yield from describe(path)
    yield reading.timeline(path)


def pick(path: Path, indices: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    """The frames of these indices, ascending."""
    return reading.frames_at(path, indices)


def whole(path: Path) -> Iterator[NDArray[np.uint8]]:
    """All frames, with all that can be checked about their being complete."""
    return (frame_hwc for frame_hwc, _ in reading.decode_frames(path))


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
