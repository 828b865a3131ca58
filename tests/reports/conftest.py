"""Records as the other rooms make them, written by hand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vidgauge.environment import Environment
from vidgauge.record import Measure, ProtocolRef, Record, Subject

MEASURES = {
    "latency": Measure(name="latency", unit="s", better="lower"),
    "throughput": Measure(name="throughput", unit="clips/s", better="higher"),
    "peak_memory": Measure(name="peak_memory", unit="B", better="lower"),
    "flops": Measure(name="flops", unit="FLOP", better="neither"),
    "parameters": Measure(name="parameters", unit="1", better="neither"),
    "ratio_to_baseline": Measure(name="ratio_to_baseline", unit="1", better="lower"),
    "fvd": Measure(name="fvd", unit="1", better="lower"),
    "kvd": Measure(name="kvd", unit="1", better="lower"),
    "is": Measure(name="is", unit="1", better="higher"),
    "clipsim": Measure(name="clipsim", unit="1", better="higher"),
}
TIMING = ProtocolRef(name="latency.interleaved", fingerprint="1111111111111111")
COST = ProtocolRef(name="cost.analytic", fingerprint="2222222222222222")
MEMORY = ProtocolRef(name="memory.peak", fingerprint="3333333333333333")
FIRST_TIME = datetime(2026, 3, 1, 12, tzinfo=UTC)


def make_environment(**changes: Any) -> Environment:  # noqa: ANN401 - fields of every type
    fields: dict[str, Any] = {
        "system": "Linux 6.1",
        "python": "3.11.9",
        "cpu": "Example CPU @ 2.0 GHz",
        "cpus": 8,
        "memory_bytes": 16 * 1024**3,
        "threads": 2,
        "gpu": None,
        "driver": None,
        "libraries": {"torch": "2.15.0", "numpy": "2.4.0"},
        "ffmpeg": {"libavcodec": "61.3.100"},
        "variables": {"OMP_NUM_THREADS": "2"},
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "dirty": False,
    }
    return Environment(**(fields | changes))


ENVIRONMENT = make_environment()
Make = Callable[..., Record]
MakeMany = Callable[..., list[Record]]


def make_record(measure: str = "fvd", value: float | None = 10.0, **changes: Any) -> Record:  # noqa: ANN401
    """A record of a folder of videos, unless ``kind``, ``name``, ``config`` and the fields of Record say otherwise."""
    half_width = changes.pop("half_width", None)
    if half_width is not None and value is not None:
        changes |= {"low": value - half_width, "high": value + half_width, "level": 0.95}
    elif value is not None:
        changes.setdefault("no_interval", "made by hand")
    else:
        changes = {"status": "failed", "reason": "made to fail"} | changes
    name = changes.pop("name", "samples")
    kind = changes.pop("kind", "videos")
    config = changes.pop("config", {"real": ["data/real"], "generated": [name]})
    fields: dict[str, Any] = {
        "subject": Subject(kind=kind, name=name, config=config),
        "measure": MEASURES.get(measure) or Measure(name=measure, unit="1", better="higher"),
        "protocol": ProtocolRef(name=f"{measure}.shapes", fingerprint="aaaaaaaaaaaaaaaa"),
        "environment": ENVIRONMENT.fingerprint,
        "code": ENVIRONMENT.code,
        "run": "run-1",
        "value": value,
        "n": 64,
        "time": FIRST_TIME,
    }
    return Record(**(fields | changes))


def layer_config(case: str = "unet-mid", **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    config: dict[str, Any] = {"suite": "layers-small", "case": case, "batch": 1, "shape": [1, 32, 8, 16, 16]}
    config |= {"dtype": "float32", "device": "cpu", "direction": "forward", "threads": 2}
    config |= {"layout": "contiguous", "backend": "mkldnn", "layer": "conv3d", "layer_config": {"channels": 32}}
    return config | changes


def layer_records(name: str, size: float, ratio: float, *, verdict: str = "equal", **config: Any) -> list[Record]:  # noqa: ANN401
    """All measures of one layer in one case of some size, ``ratio`` times as slow as the baseline."""
    scale = size * ratio
    shared: dict[str, Any] = {"kind": "layer", "name": name, "config": layer_config(layer=name, **config), "n": 40}
    samples = [0.004 * scale * (1 + 0.001 * step) for step in range(40)]
    exact = {"no_interval": "exact: counted, not sampled", "protocol": COST} | shared | {"n": 1}
    ratio_details = {"verdict": verdict, "baseline": "conv3d"}
    if name == "conv3d":
        ratio_details["note"] = "the baseline's second run over its first: the noise floor"
    return [
        make_record(
            "latency", 0.004 * scale, half_width=0.0001 * size, protocol=TIMING, details={"samples": samples}, **shared
        ),
        make_record("ratio_to_baseline", ratio, half_width=0.02, protocol=TIMING, details=ratio_details, **shared),
        make_record("throughput", 250 / scale, half_width=6 / size, protocol=TIMING, **shared),
        make_record(
            "peak_memory", 3.5e6 * scale, protocol=MEMORY, no_interval="one allocation trace", **shared | {"n": 1}
        ),
        make_record("flops", 4.53e8 * scale, **exact),
        make_record("parameters", 27680.0, **exact),
    ]


@pytest.fixture(name="make_record")
def make_record_fixture() -> Make:
    return make_record


@pytest.fixture(name="layer_records")
def layer_records_fixture() -> MakeMany:
    return layer_records


@pytest.fixture
def environment() -> Environment:
    return ENVIRONMENT


@pytest.fixture
def other_environment() -> Environment:
    return make_environment(cpu="Other CPU", threads=8)


@pytest.fixture
def store_records() -> list[Record]:
    """What a store holds after a few evenings: layers, scores in the embedded world, failures, a second measurement."""
    records: list[Record] = []
    for case, size in (("unet-mid", 1.0), ("unet-low", 30.0)):
        for batch in (1, 2):
            shared: dict[str, Any] = {"case": case, "batch": batch}
            records += layer_records("conv3d", size, 1.0, **shared)
            records += layer_records("conv2plus1d", size, 0.8, verdict="faster", **shared)
            records += layer_records("axial_attention", size, 1.5, verdict="slower", backend="flash", **shared)
            records += layer_records("causal_conv3d", size, 1.01, verdict="undecided", **shared)
    oom = {"kind": "layer", "name": "full_attention", "config": layer_config("unet-high", backend=None)}
    for measure, protocol in (("latency", TIMING), ("throughput", TIMING), ("peak_memory", MEMORY)):
        reason = "asked for 34.36 GB of 16 GB"
        records.append(make_record(measure, None, status="oom", reason=reason, n=0, protocol=protocol, **oom))
    for index, name in enumerate(("vdm-tiny", "walt-tiny", "latte-tiny")):
        world = {"world": "embedded", "notes": ["features have 64 dimensions"], "small_n": index == 2}
        lost = {"failed": [{"file": "0003.mp4", "reason": "truncated"}, {"file": "a|b.mp4", "reason": "no frames"}]}
        details = world | (lost if index == 1 else {})
        shared_fields = {"name": name, "details": details, "n": 64 - 2 * (index == 1), "n_failed": 2 * (index == 1)}
        records.append(make_record("fvd", 120.5 - 20 * index, half_width=9.0, **shared_fields))
        records.append(make_record("kvd", 0.000231 + 0.0001 * index, half_width=0.00002, **shared_fields))
        records.append(make_record("is", 4.2 + 0.2 * index, half_width=0.31, **shared_fields))
        records.append(make_record("clipsim", 0.281 + 0.01 * index, half_width=0.004, **shared_fields))
    records.append(
        make_record("fvd", 99.0, half_width=9.0, name="vdm-tiny", time=FIRST_TIME + timedelta(hours=1), run="run-2")
    )
    records.append(make_record("copy_bandwidth", 1.1e10, kind="machine", name="this machine", config={"threads": 2}))
    return records


HOSTILE = "<script>alert(1)</script> a|b_%&$#{}~^\\\n'\"`[x](y) ``` \x1b[31m é 😀 </table>"


@pytest.fixture
def hostile_records() -> list[Record]:
    """Every text that comes from files or users holds what some format takes as its own."""
    details = {
        "notes": [HOSTILE],
        "failed": [{"file": HOSTILE, "reason": HOSTILE}],
        "verdict": HOSTILE,
        HOSTILE: HOSTILE,
    }
    shared: dict[str, Any] = {"kind": HOSTILE, "run": HOSTILE, "details": details, "n_failed": 1}
    protocol = ProtocolRef(name=HOSTILE, fingerprint=HOSTILE)
    config = {"common" + HOSTILE: HOSTILE}
    return [
        make_record("latency", 1.0, half_width=0.1, name=HOSTILE, protocol=protocol, config=config, **shared),
        make_record(HOSTILE, 2.0, name="b", no_interval=HOSTILE, config=config | {HOSTILE: HOSTILE}, **shared),
        make_record(HOSTILE, None, name="c", reason=HOSTILE, config=config | {HOSTILE: "x"}, **shared),
    ]


@pytest.fixture
def hostile_text() -> str:
    return HOSTILE
