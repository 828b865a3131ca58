"""Records as the other rooms make them, written by hand."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from vidgauge.environment import Environment
from vidgauge.record import Measure, ProtocolRef, Record, Subject

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

CHROMIUM = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--window-size=1280,900"),
)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Chrome]":
    """A headless Chromium for all tests, since starting one takes seconds."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no Chromium with chromedriver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*CHROMIUM, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


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


def swept_records(name: str, frames: int, seconds: float, verdict: str) -> list[Record]:
    """What a suite measures of one layer at one point along time, and what it predicts: 100 GFLOP/s, 50 GB/s."""
    config = layer_config("along time", layer=name, shape=[1, 32, frames, 16, 16])
    shared: dict[str, Any] = {"kind": "layer", "name": name, "config": config}
    flops, moved = 1e8 * frames, 1e6 * frames
    bound = {"flops": flops, "bytes": moved, "ridge": 2.0, "bytes_per_second": 5e10}
    ratio = {"verdict": verdict, "baseline": "conv3d", "sweep": {"axis": "T", "value": frames}}
    speedup = {"baseline": "conv3d", "predicted_speedup": 1.5, "achieved_speedup": 1 / seconds, "reasons": []}
    if verdict == "slower":
        speedup["reasons"] = [{"rule": "copies", "text": "copies: it moves 3 MB in permutes"}]
    other = {} if name == "conv3d" else speedup
    return [
        make_record("latency", seconds, half_width=0.01 * seconds, protocol=TIMING, **shared),
        make_record("ratio_to_baseline", 1.2, half_width=0.1, protocol=TIMING, details=ratio, **shared),
        make_record("peak_memory", 1e6 * frames, protocol=MEMORY, **shared),
        make_record("predicted_time", flops / 1e11, protocol=COST, details=bound, **shared | {"n": 0}),
        make_record("efficiency", flops / 1e11 / seconds, protocol=COST, details=other, **shared),
    ]


@pytest.fixture
def plotted_records() -> list[Record]:
    """A sweep with its crossover, a ladder of damage, a distance along N, and systems that were scored and timed."""
    records = []
    for frames, verdict in ((1, "slower"), (4, "undecided"), (16, "faster"), (64, "faster")):
        records += swept_records("conv3d", frames, 0.01 * frames, "equal")
        records += swept_records("axial_attention", frames, 0.02 * frames**0.5, verdict)
    where = {
        "suite": "layers-small",
        "case": "along time",
        "dtype": "float32",
        "device": "cpu",
        "axis": "T",
        "batch": 1,
    }
    crossing = {"between": [1, 16], "before": "slower", "after": "faster"}
    found = {"axis": "T", "baseline": "conv3d", "crossings": [crossing]}
    shared: dict[str, Any] = {"kind": "layer", "name": "axial_attention", "config": where, "details": found}
    records.append(make_record("crossover", 16.0, protocol=COST, **shared))
    for severity in (0.0, 0.25, 0.5, 1.0):
        config = {
            "real": ["data/real"],
            "generated": [f"noise-{severity}"],
            "distortion": "noise",
            "severity": severity,
        }
        records.append(make_record("fvd", 3 + 100 * severity, half_width=2.0, name=f"noise {severity}", config=config))
    curve = [
        {"n": n, "parts": 256 // n, "value": 3 + 640 / n, "low": 2 + 640 / n, "high": 4 + 640 / n} for n in (64, 256)
    ]
    extrapolated = {"value": 3.0, "low": 2.0, "high": 4.0, "curve": curve}
    records.append(make_record("kvd", 5.5, half_width=1.0, details={"extrapolated": extrapolated}))
    for index, name in enumerate(("vdm/tiny", "walt/tiny")):
        timed = layer_config("*/tiny", direction="sample", suite="systems", layer=None, system=name)
        records.append(
            make_record("fvd", 50.0 - 9 * index, half_width=4.0, kind="system", name=name, config={"clips": 256})
        )
        records.append(
            make_record("latency", 2.0 + index, half_width=0.1, kind="system", name=name, config=timed, protocol=TIMING)
        )
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


def write_clip(path: Path, level: int, frames: int = 8, fps: int = 8) -> None:
    """A lossless video of 16x12, grey, whose frames brighten by one each from ``level`` on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 16, 12, "bgr0"
        for number in range(frames):
            frame_hwc = np.full((12, 16, 3), level + number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame_hwc, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.fixture(name="write_clip")
def write_clip_fixture() -> Callable[..., None]:
    return write_clip


@pytest.fixture
def shown_videos(tmp_path: Path) -> list[Record]:
    """Two systems' videos of the same names beside real ones of others, with captions; one file is none."""
    for number in range(3):
        write_clip(tmp_path / "videos" / "real" / f"real-{number}.mkv", 10 * number)
        write_clip(tmp_path / "videos" / "a" / f"{number}<script>.mkv", 100 + 10 * number)
        write_clip(tmp_path / "videos" / "b" / f"{number}<script>.mkv", 200 + 10 * number)
    (tmp_path / "videos" / "b" / "1<script>.mkv").write_bytes(b"no video")
    rows = [{"file": f"{number}<script>.mkv", "caption": f"<b>shape</b> {number}"} for number in range(3)]
    (tmp_path / "videos" / "a" / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return [
        make_record("fvd", 9.0, name=name, config={"real": ["videos/real"], "generated": [f"videos/{name}"]})
        for name in "ab"
    ]
