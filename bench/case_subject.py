"""Who a record of a suite is about: a variant, and all that it takes to run it again."""

from collections.abc import Sequence

from vidgauge.bench.messages import Job
from vidgauge.bench.parts import Part
from vidgauge.bench.suite import Suite, Variant
from vidgauge.record import Subject


def case_subject(suite: Suite, part: Part, job: Job, variant: Variant, backends: Sequence[str] | None) -> Subject:
    """A variant at a part of a suite.

    Args:
        suite: whose part it is.
        part: whose variant it is.
        job: by which the part is measured.
        variant: with extents in the place of their names.
        backends: through which it ran, where it did.
    """
    config = {
        "suite": suite.name,
        "case": part.case.name,
        "batch": job.shape[0],
        "shape": list(job.shape),
        "dtype": job.dtype,
        "device": job.device,
        "direction": job.direction,
        "threads": job.threads,
        "layout": variant.layout,
        "compile": variant.compile,
        "backend": None if backends is None else " + ".join(dict.fromkeys(backends)),
    }
    if variant.kind == "layer":
        config |= {"layer": variant.layer, "layer_config": variant.config}
    else:
        config |= {"system": variant.system} | ({"steps": variant.steps} if variant.steps else {})
    return Subject(kind=variant.kind, name=variant.name, config=config)
