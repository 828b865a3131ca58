"""Pipelines of diffusers sampled into a folder: lossless videos, and ``manifest.jsonl``, as for our own systems."""

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vidgauge.datasets.writing import video_writer
from vidgauge.errors import UsageError, VidgaugeError, near_misses
from vidgauge.files import sha256
from vidgauge.reference_models.diffusers_parts import opened_diffusers
from vidgauge.reference_models.training.sampling import Row, claim_folder
from vidgauge.reference_models.training.seeds import seed_of

INDEX = "model_index.json"
_OURS: dict[str, Any] = {"seed": 0, "fps": 8.0, "dtype": "float32"}
"""Options beside those of the pipeline's call, and what they are unless told: of noise, files and weights."""
_TAKEN = ("prompt", "generator", "output_type", "return_dict")
_DTYPES = ("float32", "bfloat16", "float16")


def sample_pipeline(
    source: str,
    folder: Path,
    captions: Sequence[str],
    options: Mapping[str, Any],
    *,
    device: str = "cpu",
    advance: Callable[[int, int], object] = lambda done, total: None,  # noqa: ARG005 - silent unless asked
) -> int:
    """Make one video a caption, or go on with what an earlier call of the same options began in the folder.

    A video follows from the pipeline, the options, its number and its caption, whichever are there already.

    Args:
        source: a folder of ``save_pretrained``, which is read without a network, or a name that diffusers fetches.
        folder: where ``000000.mkv`` and so on are written, and the manifest.
        captions: what the videos are to show.
        options: of the pipeline's call, such as ``num_frames``; and ``seed``, ``dtype``, and ``fps`` of the files.
        device: where to compute.
        advance: told how many videos are done, of how many that are missing.

    Returns:
        How many of the videos were made by this call.

    Raises:
        UsageError: for no captions, options that the pipeline does not take, one that makes no videos, a folder with
            videos of other options.
        VidgaugeError: where diffusers is not installed, or cannot read the pipeline.
    """
    if not captions:
        raise UsageError("a pipeline needs prompts; give it a file of them with --captions")
    ours = {key: options.get(key, value) for key, value in _OURS.items()}
    if ours["dtype"] not in _DTYPES:
        raise UsageError(f"got dtype={ours['dtype']}; it is one of {', '.join(_DTYPES)}")
    rest = {key: value for key, value in options.items() if key not in _OURS}
    shared: Row = ours | {"pipeline": source, "weights": _digest(Path(source)), "options": rest}
    rows: list[Row] = [
        {"file": f"{i:06d}.mkv", "caption": caption, "number": i} | shared for i, caption in enumerate(captions)
    ]
    claim_folder(folder, rows)
    if more := {path.name for path in folder.glob("*.mkv")} - {row["file"] for row in rows}:
        raise UsageError(f"{folder}: has {len(more)} videos more than there are prompts; give another folder")
    missing = [row for row in rows if not (folder / row["file"]).exists()]
    if not missing:
        return 0
    pipeline = _opened(source, ours["dtype"]).to(device)
    _check(pipeline, rest)
    for done, row in enumerate(missing):
        advance(done, len(missing))
        _make(pipeline, row, folder / row["file"], rest)
    advance(len(missing), len(missing))
    return len(missing)


def _digest(source: Path) -> str:
    """Of all files in a folder; nothing of a name, which the library knows the revision of."""
    files = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else []
    text = "\n".join(f"{path.relative_to(source).as_posix()} {sha256(path)}" for path in files)
    return hashlib.sha256(text.encode()).hexdigest() if files else ""


def _opened(source: str, dtype: str) -> Any:  # noqa: ANN401 - a class of diffusers
    local = Path(source).is_dir()
    if local and not (Path(source) / INDEX).is_file():
        raise UsageError(f"{source} holds no {INDEX}; give a folder that a pipeline of diffusers was saved into")
    library = opened_diffusers()
    library.utils.logging.disable_progress_bar()  # there is ours
    try:
        pipeline = library.DiffusionPipeline.from_pretrained(
            source, local_files_only=local, torch_dtype=getattr(torch, dtype)
        )
    except (OSError, ValueError, ImportError, AttributeError) as error:
        raise VidgaugeError(f"diffusers cannot read the pipeline {source}: {error}") from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _check(pipeline: Any, options: Mapping[str, Any]) -> None:  # noqa: ANN401 - as above
    parameters = inspect.signature(pipeline.__call__).parameters
    known = [name for name in parameters if name not in _TAKEN]
    for key in options:
        if key not in known:
            allowed = [*known, *_OURS]
            raise UsageError(f"{type(pipeline).__name__} takes no option {key!r}; {near_misses(key, allowed)}")
    if lacking := [name for name in ("prompt", "generator", "output_type") if name not in parameters]:
        raise UsageError(f"{type(pipeline).__name__} takes no {', '.join(lacking)}: it makes no videos from texts")


def _make(pipeline: Any, row: Row, path: Path, options: Mapping[str, Any]) -> None:  # noqa: ANN401 - as above
    noise = torch.Generator().manual_seed(seed_of(row["seed"], row["number"]))  # the same on every device
    with torch.no_grad():
        made = pipeline(prompt=row["caption"], generator=noise, output_type="np", **options)
    if not hasattr(made, "frames"):
        raise UsageError(f"{type(pipeline).__name__} makes no videos, but {', '.join(vars(made)) or 'nothing'}")
    frames_thwc = np.asarray(made.frames[0], dtype=np.float32)
    if frames_thwc.ndim != 4 or frames_thwc.shape[3] != 3 or not np.isfinite(frames_thwc).all():
        raise UsageError(f"{type(pipeline).__name__} made frames {frames_thwc.shape}, not (time, height, width, 3)")
    levels = (frames_thwc.clip(0, 1) * 255).round().astype(np.uint8)
    with video_writer(path, float(row["fps"])) as video:
        video.write(torch.from_numpy(levels))
