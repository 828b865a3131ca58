"""Decoders side by side, on small files and with decoders made for the purpose."""

import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from vidgauge.bench.contests import CONTESTS, LongContest, decoders
from vidgauge.bench.contests import decoding as contest
from vidgauge.bench.contests.decoders import DECODERS, Decoder
from vidgauge.bench.contests.decoding_files import Coding, scene, write, write_long
from vidgauge.bench.contests.decoding_job import CLIP, Job, Outcome, run
from vidgauge.bench.contests.decoding_memory import Streamed
from vidgauge.bench.contests.ffmpeg import with_ffmpeg_of_pyav
from vidgauge.datasets import reading
from vidgauge.environment import Environment

pytestmark = pytest.mark.long

SMALL = Coding("H.264 in MP4", "libx264", ".mp4", 64, 48)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("files"), SMALL, frames=40)


def test_files_hold_what_was_asked_for(file: Path) -> None:
    assert reading.count_frames(file) == 40
    described = reading.describe_video(file)
    assert (described.width, described.height, described.fps, described.codec) == (64, 48, 25, "h264")
    first, second = list(scene(64, 48, 2))
    assert first.std() > 20
    assert not np.array_equal(first, second)


def test_a_long_file_is_one_part_again_and_again(tmp_path: Path) -> None:
    path = write_long(tmp_path, 0.5, SMALL)
    times = reading.timeline(path)
    np.testing.assert_allclose(np.diff(times), 1 / 25, atol=1e-6)
    assert len(times) == 3 * 250
    frames = [frame_hwc for frame_hwc, _ in reading.decode_frames(path)]
    assert np.array_equal(frames[17], frames[517])
    assert [each.name for each in tmp_path.iterdir()] == ["long.mp4"]


def test_each_decoder_gives_the_same_frames_by_either_way(file: Path) -> None:
    for name, decoder in DECODERS.items():
        if decoders.version(name) is None:
            continue
        whole = np.concatenate(list(decoder.whole(file)))
        assert whole.shape == (40, 48, 64, 3)
        assert np.array_equal(decoder.clip(file, 20, CLIP), whole[20 : 20 + CLIP])


def test_decoders_are_timed_and_their_frames_compared(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = DECODERS["vidgauge"]

    def a_frame_late(path: Path) -> Iterator[NDArray[np.uint8]]:
        return (batch for index, batch in enumerate(ours.whole(path)) if index)

    def brighter(path: Path) -> Iterator[NDArray[np.uint8]]:
        return (np.clip(batch, 0, 253) + np.uint8(2) for batch in ours.whole(path))

    def broken(_: Path) -> Iterator[NDArray[np.uint8]]:
        raise RuntimeError("no such\ncodec")

    def without_ffmpeg(_: Path) -> Iterator[NDArray[np.uint8]]:
        raise RuntimeError("Could not load libtorchcodec")

    made = {"late": a_frame_late, "brighter": brighter, "broken": broken, "without": without_ffmpeg}
    ways = {name: Decoder("numpy", way, ours.clip) for name, way in made.items()}
    absent = {"absent": Decoder("no-such-package", ours.whole, ours.clip)}
    monkeypatch.setattr("vidgauge.bench.contests.decoding_job.DECODERS", {"vidgauge": ours} | ways | absent)
    monkeypatch.setattr(decoders, "DECODERS", {"vidgauge": ours} | ways | absent)
    outcome = run(Job(path=file, task="whole", budget_seconds=0.01))
    assert outcome.missing == {
        "absent": "no-such-package is not installed",
        "without": "RuntimeError: Could not load libtorchcodec",
    }
    assert outcome.failed == {"broken": "RuntimeError: no such codec"}
    assert set(outcome.timed) == {"vidgauge", "late", "brighter"}
    agreements = {name: timed.agreement for name, timed in outcome.timed.items()}
    assert (agreements["vidgauge"].frames, agreements["vidgauge"].largest) == (40, 0)
    assert (agreements["late"].frames, agreements["late"].largest) == (39, 255)
    assert 1 <= agreements["brighter"].largest <= 255
    assert agreements["brighter"].mean == pytest.approx(2, abs=0.5)
    assert outcome.timed["late"].ratio.n == len(outcome.timed["late"].samples) >= 9


def test_clips_begin_where_the_job_says(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    ours = DECODERS["vidgauge"]

    def clip(path: Path, first: int, count: int) -> NDArray[np.uint8]:
        asked.append((first, count))
        return ours.clip(path, first, count)

    monkeypatch.setattr(
        "vidgauge.bench.contests.decoding_job.DECODERS", {"vidgauge": Decoder("vidgauge", ours.whole, clip)}
    )
    outcome = run(Job(path=file, task="clips", firsts=(3, 24), budget_seconds=0.01))
    assert set(asked) == {(3, CLIP), (24, CLIP)}
    assert outcome.timed["vidgauge"].agreement.frames == 2 * CLIP


def test_the_contest_gives_records_of_all_decoders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contest, "CODINGS", (SMALL,))
    monkeypatch.setattr(contest, "LONG", SMALL)
    monkeypatch.setattr(contest, "_MINUTES", 0.5)
    monkeypatch.setattr(contest, "_BUDGET_SECONDS", 0.01)
    in_a_process = contest._run

    def here(module: str, argument: str, variables: dict[str, str]) -> str | None:
        """Only memory needs a process of its own."""
        if module == "decoding_memory":
            return in_a_process(module, argument, variables)
        return run(Job.model_validate_json(argument)).model_dump_json()

    monkeypatch.setattr(contest, "_run", here)
    entered = CONTESTS["decoding"]
    assert not isinstance(entered, LongContest)
    told: list[float] = []
    records = list(entered(Environment.capture(), lambda fraction, _: told.append(fraction)))
    assert told == sorted(told)
    assert told[-1] == 1.0
    speeds = [record for record in records if record.measure.name == "frames_per_second"]
    assert [(record.subject.config["task"], record.subject.name) for record in speeds] == [
        (task, tool) for task in ("whole", "clips") for tool in DECODERS
    ]
    for record in speeds:
        installed = decoders.version(record.subject.name) is not None
        assert installed or record.status == "skipped"
        assert record.subject.name != "vidgauge" or record.value
    ours = [record for record in records if record.subject.name == "vidgauge"]
    assert [record.value for record in ours if record.measure.name == "largest_difference"] == [0, 0]
    assert records[-1].measure.name == "added_memory"
    if sys.platform == "linux":
        streamed = Streamed.model_validate(records[-1].details)
        assert streamed.clips == 3 * 250 // CLIP
        assert streamed.added_bytes == records[-1].value


def test_torchcodec_finds_the_ffmpeg_of_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "av" / "__init__.py"
    bundled = tmp_path / "site" / "av.libs"
    bundled.mkdir(parents=True)
    for name in ("libavcodec-5e6b81c2.so.62.28.102", "libx264-d6533a8d.so.165"):
        (bundled / name).write_bytes(b"")
    monkeypatch.setattr(av, "__file__", str(package))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/mine")
    variables = with_ffmpeg_of_pyav(tmp_path / "links")
    assert variables["LD_LIBRARY_PATH"] == f"{tmp_path / 'links'}:/mine"
    assert {link.name for link in (tmp_path / "links").iterdir()} == {
        "libavcodec-5e6b81c2.so.62.28.102",
        "libavcodec.so.62",
        "libx264-d6533a8d.so.165",
    }


def test_a_process_that_dies_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    sitting = contest._Sitting(Environment.capture(), "run")
    records = list(contest._records(sitting, SMALL, "whole", None))
    assert [record.status for record in records] == ["failed"] * 3
    assert contest._streaming(sitting, None).status == "failed"
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert contest._run("decoding_job", "{}", {}) is None


def test_what_a_job_prints_can_be_read(file: Path) -> None:
    outcome = run(Job(path=file, task="clips", firsts=(0,), budget_seconds=0.01))
    assert Outcome.model_validate_json(outcome.model_dump_json()) == outcome
