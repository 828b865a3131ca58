"""Validation of the ruler: what is cut and damaged, what follows from scores, and that a run goes on."""

import json
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vidgauge.bench.studies.validate import scoring, sources
from vidgauge.bench.studies.validate.clips import Clips, work_folder
from vidgauge.bench.studies.validate.floors import Floor
from vidgauge.bench.studies.validate.ladders import Ladder
from vidgauge.bench.studies.validate.plan import SEVERITIES, UNDISTORTED
from vidgauge.bench.studies.validate.sources import RealVideos
from vidgauge.bench.studies.validate.validation import Validation
from vidgauge.cli import run
from vidgauge.datasets import read_video, write_video
from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.datasets.sample import Sample
from vidgauge.environment import Environment
from vidgauge.errors import VidgaugeError
from vidgauge.metrics.protocols import PROTOCOLS, Protocol
from vidgauge.record import Record, Subject
from vidgauge.store import Store, read_json

ENVIRONMENT = Environment.capture()


def silent(*_: object) -> None:
    """Nobody watches."""


def rung(severity: float, value: float, half: float = 0.5, rms: float = 1.0, protocol: str = "fvd.shapes") -> Record:
    known: Protocol = PROTOCOLS[protocol]
    config = {"distortion": "noise" if severity else UNDISTORTED, "severity": severity}
    return Record(
        subject=Subject(
            kind="distorted videos", name=f"noise {severity:g}" if severity else UNDISTORTED, config=config
        ),
        measure=known.any_rule.measure,
        protocol=known.ref,
        environment=ENVIRONMENT.fingerprint,
        run="run",
        value=value,
        low=value - half,
        high=value + half,
        level=0.95,
        details={"rms": rms},
    )


@pytest.mark.parametrize("protocol", ["frame-consistency.shapes", "fvd.shapes"])
def test_halves_of_one_pool_tell_how_a_fresh_set_scatters(protocol: str) -> None:
    generator, clips = np.random.default_rng(0), 50
    spreads = []
    for _ in range(20):
        pool = generator.normal(size=2 * clips)
        halves = [generator.permutation(pool) for _ in range(300)]
        of_one_set = protocol == "frame-consistency.shapes"
        values = [float(half[:clips].mean() - (0 if of_one_set else half[clips:].mean())) for half in halves]
        floor = Floor.of(protocol, values)
        assert floor is not None
        spreads.append(floor.spread)
        assert (floor.high - floor.low) / floor.spread == pytest.approx(2 * 1.96, rel=0.25)
    truth = np.sqrt((1 if protocol == "frame-consistency.shapes" else 2) / clips)
    assert np.mean(spreads) == pytest.approx(truth, rel=0.05)


def test_values_that_never_differ_are_no_floor() -> None:
    assert Floor.of("fvd.shapes", [1.0] * 5) is None


FLOOR = Floor(mean=1.0, low=0.0, high=2.0, spread=0.5, level=0.95, values=[])


def test_a_ladder_of_a_distance() -> None:
    ladder = Ladder([rung(0, 1.0, rms=0), rung(0.5, 1.5, rms=2), rung(1, 4.0, rms=4)], FLOOR)
    assert ladder.reactions() == [0.0, 1.0, 6.0]
    assert ladder.sensitivity() == pytest.approx((1 * 2 + 6 * 4) / (2**2 + 4**2))
    assert ladder.seen_from() == 1
    assert ladder.tau() == 1
    assert ladder.violations() == []


def test_a_ladder_that_turns_back_beyond_its_intervals() -> None:
    ladder = Ladder([rung(0, 1.0, rms=0), rung(0.5, 9.0), rung(0.75, 8.9), rung(1, 7.0)], FLOOR)
    assert ladder.tau() == pytest.approx(0.0), "three pairs rise, and three fall"
    assert ladder.violations() == [(0.5, 1), (0.75, 1)]
    assert ladder.seen_from() == 0.5
    assert Ladder([rung(0, 1.0, rms=0), rung(1, 1.9)], FLOOR).seen_from() is None


def test_a_higher_value_is_for_the_better_where_the_measure_says_so() -> None:
    name = "frame-consistency.shapes"
    ladder = Ladder([rung(0, 1.0, 0, 0, name), rung(0.5, 2.5, 0, 1, name), rung(1, 3.0, 0, 2, name)], FLOOR)
    assert ladder.reactions() == [0.0, -3.0, -4.0]
    assert ladder.tau() == -1
    assert len(ladder.violations()) == 3
    assert Ladder([rung(0.5, 1.0), rung(1, 1.0)], None).tau() is None
    assert Ladder([rung(0.5, 1.0, rms=0.0)], FLOOR).sensitivity() is None


class Numbers:
    """Videos whose every frame has its number for a colour; one of them has no rate, and all of them a caption."""

    name, failed = "numbers", list[str]()

    def __init__(self, videos: int) -> None:
        self.videos = videos

    def clips(self, frames: int, count: int) -> Iterator[Sample]:
        for number in range(min(count, self.videos)):
            frames_thwc = torch.arange(frames, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 8, 8, 3) + 10 * number
            yield Sample(str(number), frames_thwc, float("nan") if number == 1 else 8.0, caption=f"number {number}")


def shown(path: Path) -> list[int]:
    return list(read_video(path).frames_thwc[:, 0, 0, 0].tolist())


def test_clips_are_cut_in_two_halves_and_damaged_without_end_in_sight(tmp_path: Path) -> None:
    clips = Clips(tmp_path, 4, ["speed", "reverse"])
    clips.cut(Numbers(5), 3, silent)
    assert len(clips) == 2, "the fifth has no partner"
    assert [shown(path)[0] for path in clips.real] == [0, 20]
    assert [path.name for path in clips.other] == ["000001.npy", "000003.mkv"]
    assert [shown(path) for path in clips.other] == [[10, 11, 12, 13], [30, 31, 32, 33]]
    fast, rms = clips.distorted("speed", 1.0)
    assert [shown(path) for path in fast] == [[10, 12, 14, 16], [30, 32, 34, 36]], "there are frames enough"
    assert rms == pytest.approx(np.sqrt((0 + 1 + 4 + 9) / 4))
    slower, _ = clips.distorted("speed", 0.5)
    assert [shown(path) for path in slower] == [[10, 11, 13, 14], [30, 31, 33, 34]]
    assert clips.captions is not None
    assert "000003.mkv,number 3" in clips.captions.read_text()
    again = Clips(tmp_path / "again", 4, ["speed"])
    again.cut(Numbers(4), 3, silent)
    assert again.digest != clips.digest


def test_too_few_videos_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VidgaugeError, match="numbers gives 3 clips of 4 frames, and at least 4 are needed"):
        Clips(tmp_path, 4, []).cut(Numbers(3), 3, silent)


def test_real_videos_come_in_random_order_and_short_ones_are_named(tmp_path: Path) -> None:
    for number in range(8):
        frames_thwc = torch.full((3 if number == 2 else 5, 8, 8, 3), number, dtype=torch.uint8)
        write_video(tmp_path / "videos" / f"{number}.mkv", frames_thwc, 8.0)
    (tmp_path / "captions.csv").write_text("file,caption\n" + "".join(f"{n}.mkv,number {n}\n" for n in range(8)))
    videos = RealVideos(str(tmp_path / "videos"), str(tmp_path / "captions.csv"))
    found = [int(sample.frames_thwc[0, 0, 0, 0]) for sample in videos.clips(5, 100)]
    assert sorted(found) == [0, 1, 3, 4, 5, 6, 7] != found
    assert videos.failed == ["2.mkv: has 3 frames, but a clip spans 5"]
    assert [sample.caption for sample in videos.clips(5, 2)] == [f"number {number}" for number in found[:2]]


def test_the_folder_of_a_process_that_was_killed_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    host, parent = socket.gethostname(), tmp_path / "vidgauge" / "validate"
    dead, alive = parent / f"{host}-{2**22 + 1}", parent / f"{host}-{os.getppid()}"
    for folder in (dead, alive):
        folder.mkdir(parents=True)
    with work_folder() as folder:
        assert folder.is_dir()
        assert not dead.exists()
    assert sorted(parent.iterdir()) == [alive]


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], int]:
    """Instead of networks: how far the mean of one set is from that of the other; returns how often it was asked."""
    monkeypatch.setattr(sources, "_SIDE", 8)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    asked = []

    def distance(real: Sequence[Path], other: Sequence[Path]) -> float:
        means = [torch.stack([read_video(path).frames_thwc.float() for path in side]).mean(0) for side in (real, other)]
        return float((means[0] - means[1]).square().mean())

    def score(real: list[Path], other: list[Path], names: list[str], **how: Any) -> list[Record]:  # noqa: ANN401
        asked.append(other[0].parent.name)
        sets = [other] if how["versus"] is None else [other, how["versus"]]
        values = [distance(real, one) for one in sets]
        found = [rung(0.5, value, protocol=name) for value in values for name in names]
        if len(sets) == 2:
            for name in names:
                measure = PROTOCOLS[name].any_rule.measure.model_copy(update={"name": "difference"})
                ref = PROTOCOLS[name].ref.model_copy(update={"name": f"{name}.difference"})
                one = rung(0.5, values[0] - values[1])
                found.append(one.model_copy(update={"measure": measure, "protocol": ref}))
        how["advance"](1, 1)
        return found

    monkeypatch.setattr(scoring, "score", score)
    monkeypatch.setattr(
        scoring,
        "values_of_halves",
        lambda clips, protocols, **_: ((one, [10.0, 11.0, 12.0, len(clips)]) for one in protocols),
    )
    return lambda: len(asked)


def test_the_command_goes_on_and_ends_in_the_same_numbers(
    stand_ins: Callable[[], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--protocol", "fvd.shapes", "--protocol", "kvd.shapes", "--clips", "3"]
    for name in ("warp", "wobble", "shuffle"):
        arguments += ["--distortion", name]
    whole = ["validate", *arguments, "--store", str(tmp_path / "a.sqlite"), "--out", str(tmp_path / "out" / "a.json")]
    assert run(whole) == 0
    text = capsys.readouterr().out
    units = stand_ins()
    assert units == 1 + 3 * len(SEVERITIES)

    validation = Validation(["fvd.shapes", "kvd.shapes"], clips=3, distortions=["warp", "wobble", "shuffle"])
    with Store(tmp_path / "b.sqlite") as store:
        for number, record in enumerate(validation.run([], ENVIRONMENT, silent)):
            store.add(record, ENVIRONMENT)
            if number == 21:  # the difference and one of the two scores of a unit: killed between two records
                break
    assert record.subject.name.startswith("wobble")
    assert run([*whole[:-4], "--store", str(tmp_path / "b.sqlite"), "--out", str(tmp_path / "b.json")]) == 0
    assert capsys.readouterr().out == text
    assert stand_ins() == 2 * units + 1, "the unit in which it was cut off was begun anew, and no other"
    assert run([*whole, "--json"]) == 0
    records = [Record.model_validate(body) for body in json.loads(capsys.readouterr().out)]
    assert records == read_json(tmp_path / "out" / "a.json")[0]
    assert not list((tmp_path / "cache" / "vidgauge" / "validate").iterdir())
    values = {(one.protocol.name, one.subject.name, one.subject.config.get("severity")): one.value for one in records}
    assert values["fvd.shapes.floor", UNDISTORTED, None] == pytest.approx(9.0)
    difference = values["fvd.shapes.difference", "wobble 1", 1.0]
    assert difference == pytest.approx(
        values["fvd.shapes", "wobble 1", 1.0] - values["fvd.shapes", "warp 1", 1.0]  # type: ignore[operator]
    )
    spread = np.std([10, 11, 12, 3], ddof=1)
    assert values["fvd.shapes.added-by-time", "wobble", 1.0] == pytest.approx(difference / spread)  # type: ignore[operator]
    bias = next(one for one in records if one.protocol.name == "fvd.shapes.content-bias")
    assert bias.value == pytest.approx(bias.details["spatial"] / bias.details["temporal"])
    assert str(tmp_path) not in (tmp_path / "out" / "a.json").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--distortion", "shufle"], "there is no distortion 'shufle'; did you mean 'shuffle'?"),
        (["--protocol", "fvd.shape"], "did you mean 'fvd.shapes'"),
        (["--clips", "1"], "got --clips 1; it takes 2 or more"),
        (["--frames", "0"], "got --frames 0; it takes 2 or more"),
        (["--frames", "8"], "protocol 'clipsim.shapes' needs 16 frames, and clips have 8; give --frames 16 or more"),
        (["--captions", "a.csv"], "--captions are those of --real videos"),
        (["--real", "nowhere"], "nowhere: does not exist"),
        (["--out", "."], "--out . is a folder; give a file"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["validate", "--store", str(tmp_path / "a.sqlite"), *options]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "a.sqlite").exists()


@pytest.mark.long
def test_real_networks_and_pairs_at_the_smallest_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for sample in MovingShapes(height=24, width=24, seed=5, count=4):
        write_video(tmp_path / "videos" / f"{sample.id}.mkv", sample.frames_thwc, sample.fps)
    arguments = ["--real", str(tmp_path / "videos"), "--distortion", "freeze", "--store", str(tmp_path / "a.sqlite")]
    for name in ("frame-consistency.shapes", "kvd.shapes", "ssim.torchmetrics", "clipsim.shapes"):
        arguments += ["--protocol", name]
    assert run(["validate", *arguments, "--json"]) == 0
    records = [Record.model_validate(body) for body in json.loads(capsys.readouterr().out)]
    found = {(one.protocol.name, one.subject.name): one for one in records}
    assert found["clipsim.shapes", UNDISTORTED].status == "skipped"
    assert found["frame-consistency.shapes", "freeze 1"].value == pytest.approx(1.0, abs=1e-3)
    assert found["frame-consistency.shapes.sensitivity", "freeze"].value is not None
    assert ("ssim.torchmetrics", UNDISTORTED) not in found, "equal videos say nothing"
    assert found["ssim.torchmetrics.monotonicity", "freeze"].value == pytest.approx(1.0)
    assert ("ssim.torchmetrics.sensitivity", "freeze") not in found, "pairs have no floor"
    assert len(found["kvd.shapes.floor", UNDISTORTED].details["values"]) == 100
