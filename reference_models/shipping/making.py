"""A trained system's weights and card, as they ship."""

from pathlib import Path

from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.files import sha256, whole_file
from vidgauge.reference_models.pipeline import Advance
from vidgauge.reference_models.shipped import TOY_SCALE, Halving, SystemCard, SystemTraining
from vidgauge.reference_models.shipping.halving import differences, halve
from vidgauge.reference_models.shipping.quality import quality_of
from vidgauge.reference_models.training.data import SHAPES
from vidgauge.reference_models.training.request import Request
from vidgauge.reference_models.training.sampling import captions_for, find_weights
from vidgauge.reference_models.training.weights import Facts, read_facts
from vidgauge.toml_text import toml_text

LICENCE = "Apache-2.0"
MOST_BYTES = 1_700_000
"""Of a file."""
VIDEOS = 4
"""Sampled before and after, to compare."""
MOST_DIFFERENCE = 1.0
"""Mean over their pixels, in levels of 255: what was measured before must still be true."""


def ship(run: Path, records: Path, folder: Path, advance: Advance) -> SystemCard:
    """Write a trained system's weights in float16, and then their card.

    Args:
        run: folder that 'vidgauge train' wrote, or the weights file in it.
        records: file of what 'vidgauge contest learning' recorded of these weights.
        folder: where files such as ``vdm-tiny.safetensors`` and ``vdm-tiny.toml`` are written.
        advance: told about the denoising steps of the comparison.

    Raises:
        UsageError: where there are no weights, they were not trained on Moving Shapes from new ones, or the records
            say nothing of them.
        VidgaugeError: where they are too large to ship.
    """
    weights = find_weights(run)
    facts, trained = read_facts(weights), sha256(weights)
    name, training, quality = facts.request.system, _training(facts, weights), quality_of(trained, records)
    file = folder / f"{name.replace('/', '-')}.safetensors"
    with whole_file(file) as partial:
        kept = halve(weights, partial)
        if (size := partial.stat().st_size) > MOST_BYTES:
            raise VidgaugeError(f"{weights}: takes {size:,} bytes in float16; what ships takes {MOST_BYTES:,} at most")
        largest, mean = differences(weights, partial, captions_for(facts, VIDEOS), advance)
        if mean > MOST_DIFFERENCE:
            raise VidgaugeError(
                f"{weights}: in float16 it makes other videos, {mean:.1f} of 255 levels away on average"
            )
    card = SystemCard(
        name=name,
        file=file.name,
        sha256=sha256(file),
        bytes=size,
        licence=LICENCE,
        network=name,
        scale=TOY_SCALE,
        parameters=facts.parameters,
        gives=facts.gives,
        training=training,
        halving=Halving(
            trained_sha256=trained,
            kept_in_float32=kept,
            videos=VIDEOS,
            largest_pixel_difference=largest,
            mean_pixel_difference=round(mean, 4),
        ),
        quality=quality,
    )
    with whole_file(file.with_suffix(".toml")) as partial:
        partial.write_text(toml_text(card.model_dump(mode="json", exclude_defaults=True)), "utf-8")
    return card


def _training(facts: Facts, weights: Path) -> SystemTraining:
    data, request = facts.request.data, facts.request
    where = "from other weights" if request.begin else f"on {data['name']}" if data["name"] != SHAPES else ""
    if where:
        raise UsageError(f"{weights}: was trained {where}; what ships is trained on {SHAPES}, from new weights")
    world = ":".join([SHAPES, *filter(None, [data.get("style")])])
    return SystemTraining(
        command=command_of(request, world),
        data=world,
        data_seed=data["seed"],
        seed=request.seed,
        **facts.model_dump(include={"commit", "device", "torch", "seconds", "steps", "losses"}),
    )


def command_of(request: Request, data: str) -> str:
    """What trains the same again.

    Args:
        request: what was asked for; new weights to begin from.
        data: as ``--data`` takes it.
    """
    given = request.model_dump(exclude_defaults=True, exclude={"system", "data"})
    given |= {"phases": ",".join(request.phases)} if request.phases else {}
    given |= {"data": data} if data != SHAPES else {}
    options = (f" --{key.replace('_', '-')} {value}" for key, value in given.items())
    return f"vidgauge train {request.system} --out runs/{request.system.replace('/', '-')}" + "".join(options)
