"""The contest of scoring's speed: every part in a tiny size, from its files to the table."""

import io
import json
import math
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from vidgauge.bench.contests import CONTESTS, Announce, LongContest, Sitting
from vidgauge.bench.contests import scoring_speed as contest
from vidgauge.bench.contests.agreement import comparison
from vidgauge.bench.contests.scoring_speed import command, job, layers, port, race, videos
from vidgauge.bench.contests.scoring_speed.clips import write_arrays, write_clips
from vidgauge.bench.contests.scoring_speed.command import Peaks, Scored
from vidgauge.bench.contests.scoring_speed.finding import SECONDS
from vidgauge.bench.contests.scoring_speed.plan import (
    AnyPart,
    Distances,
    Layers,
    Memory,
    Part,
    Rescoring,
    Rounds,
    StandardErrors,
    Videos,
    plan,
)
from vidgauge.bench.contests.scoring_speed.race import Entrant
from vidgauge.cli import run as run_command_line
from vidgauge.datasets import read_video
from vidgauge.environment import Environment
from vidgauge.record import Record
from vidgauge.reports.layouts import LAYOUTS

pytestmark = pytest.mark.long

ONCE = Rounds(fewest=1, seconds=1e-3)
FILES = {"clips": 2, "frames": 16, "height": 32, "width": 48}
LIGHT = {"protocol": "fvd.shapes", "random_weights": False}
COMMON = {"expected_seconds": 1.0, "threads": 1}
ALONE = Videos(title="videos", workers=0, peers=False, rounds=ONCE, **FILES, **LIGHT, **COMMON)
TINY: list[AnyPart] = [
    ALONE.model_copy(update={"peers": True}),
    ALONE.model_copy(update={"title": "more videos", "twice": False}),
    Layers(title="layers", clips=1, frames=16, most=3, largest_flops=10**8, rounds=ONCE, **COMMON),
    Distances(title="distances", dimension=8, samples=20, rounds=ONCE, **COMMON),
    StandardErrors(title="errors", dimension=4, samples=40, replicates=9, in_a_round=2, rounds=ONCE, **COMMON),
    Rescoring(title="rescoring", again=1, **FILES, **LIGHT, **COMMON),
    Memory(title="memory", protocols=("fvd.shapes",), few=2, many=3, frames=16, size=16, **COMMON),
]


@pytest.fixture
def without_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str | None:
        return None if package in ("cd-fvd", "pytorch-fid") else comparison.version(package)

    for module in (videos, race):
        monkeypatch.setattr(module, "version", version)


def score_here(arguments: list[str], threads: int) -> Scored:
    """Without a process of its own."""
    said = io.StringIO()
    store = Path(arguments[arguments.index("--cache") + 1]).with_name("records.sqlite")
    with redirect_stdout(said):
        line = ["score", *arguments, "--workers", "0", "--threads", str(threads), "--store", str(store), "--json"]
        assert run_command_line(line) == 0
    values = {record["protocol"]["name"]: record["value"] for record in json.loads(said.getvalue())}
    return Scored(1.0, values, Peaks(own_bytes=2**20, decoder_bytes=2**19))


def play_here(part: Part, tell: Announce) -> tuple[list[dict[str, object]], str]:
    found = job.run(part, tell)  # type: ignore[arg-type]  # one of them
    return json.loads(json.dumps([finding.model_dump() for finding in found])), ""


@pytest.mark.usefixtures("without_peers")
def test_every_part_from_its_files_to_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contest, "plan", lambda: TINY)
    monkeypatch.setattr(contest, "_in_a_process", play_here)
    monkeypatch.setattr(command, "score", score_here)
    monkeypatch.setattr(layers, "_PROTOCOL", "fvd.shapes")
    entered = CONTESTS["scoring-speed"]
    assert isinstance(entered, LongContest)
    environment, told = Environment.capture(), list[float]()
    parts = list(entered.play(environment, lambda done, _: told.append(done), Sitting()))
    assert [(part.subject.name, part.status, part.reason) for part in parts] == [(one.title, "ok", "") for one in TINY]
    assert told == sorted(told)
    assert told[-1] == 1.0
    records = entered.summarise(parts, environment)
    reasons = {record.subject.name: record.reason for record in records if record.value is None}
    absent = "cd-fvd is not installed"
    assert reasons == {
        "cd-fvd": absent,
        "VideoGPT's port": absent,
        "pytorch-fid": "pytorch-fid is not installed",
    }
    found = {(record.subject.config["part"], record.subject.config["what"]): record for record in records}
    replicates = [one.details["distances"] for one in records if one.measure.name == "replicates_per_second"]
    assert len(replicates) == 3
    np.testing.assert_allclose(replicates[1:], [replicates[0]] * 2, rtol=1e-6)
    assert found["rescoring", "score again"].details["values"].keys() == {"fvd.shapes"}
    assert found["memory", "decoder, 3 clips / 2 clips"].value == 1
    table = LAYOUTS["scoring-speed"](parts + records)
    for words in ("clips a second", "share of the ceiling", "All distances agree", "The scores are equal", "MiB"):
        assert words in table
    assert "| whole | cd-fvd | skipped: cd-fvd is not installed |  |" in table
    _goes_on_where_it_was(entered, parts, environment)


def _goes_on_where_it_was(entered: LongContest, parts: list[Record], environment: Environment) -> None:
    announce: Announce = lambda _done, _what: None  # noqa: E731
    assert not list(entered.play(environment, announce, Sitting(parts)))
    (last,) = entered.play(environment, announce, Sitting(parts[:3] + parts[4:]))
    assert last.subject.name == "distances"
    # Another commit is other code, so nothing of it counts.
    older = [part.model_copy(update={"code": "older"}) for part in parts]
    assert not entered.summarise(older, environment)
    first, *_ = entered.play(environment, announce, Sitting(older[:1] + parts[2:], minutes=1e-6))
    assert first.subject.name == "videos"


def test_a_part_in_its_process_and_one_that_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    played = contest._played(ALONE, lambda _, what: told.append(what))
    assert played["value"] > 0
    assert {finding["tool"] for finding in played["details"]["findings"]} == {"vidgauge"}
    assert "vidgauge, whole (again)" in told
    monkeypatch.setattr(sys, "executable", "/bin/false")
    dead = contest._played(ALONE, lambda *_: None)
    assert (dead["status"], dead["reason"]) == ("failed", "its process ended with status 1: ")
    environment = Environment.capture()
    failed, whole = (contest._record(ALONE, environment, "run", result) for result in (dead, played))
    assert "videos: its process ended with status 1" in LAYOUTS["scoring-speed"](
        contest.summarise([failed], environment)
    )
    assert contest.summarise([whole, failed], environment) == contest.summarise([whole], environment)


def test_one_that_fails_leaves_the_others_their_times() -> None:
    calls: list[str] = []

    def broken() -> None:
        calls.append("broken")
        raise RuntimeError("no\nluck")

    entrants = [
        Entrant("vidgauge", "it", lambda: calls.append("ours"), rehearsal=lambda: calls.append("rehearsed")),
        Entrant("b", "it", broken),
        Entrant("c", "it", lambda: 3, "no-such-package"),
    ]
    found = race.race(entrants, SECONDS, Rounds(fewest=3, seconds=1e-9), lambda *_: None)
    assert [(one.tool, one.result) for one in found.lost] == [
        ("c", {"status": "skipped", "reason": "no-such-package is not installed"}),
        ("b", {"status": "failed", "reason": "RuntimeError: no luck"}),
    ]
    assert calls.count("broken") == 1
    assert (calls.count("rehearsed"), calls.count("ours")) == (2, 6)  # the baseline runs twice in each round
    assert found.seconds(entrants[0]).result["n"] == 3
    assert not found.ran(entrants[1])
    with pytest.raises(RuntimeError, match="b, it failed: RuntimeError: no luck"):
        race.race(entrants[1:2], SECONDS, ONCE, lambda *_: None)


def test_clips_are_files_none_like_another(tmp_path: Path) -> None:
    folders = write_clips(tmp_path, 2, 4, 32, 48)
    clips = [read_video(path).frames_thwc for folder in folders.values() for path in sorted(folder.iterdir())]
    assert [clip.shape for clip in clips] == [torch.Size((4, 32, 48, 3))] * 4
    assert all(not torch.equal(clips[0], clip) for clip in clips[1:])


def test_the_port_goes_the_way_that_it_restates(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    videos_bcthw = torch.rand(12, 3, 2, 30, 40, generator=generator)
    prepared = port.prepare(videos_bcthw)
    assert prepared.shape == (12, 3, 2, 224, 224)
    assert prepared.min() >= -1
    assert prepared.max() <= 1
    truncated = (255 * videos_bcthw[5, 1, 1]).floor() / 255
    wide = torch.nn.functional.interpolate(truncated[None, None], size=(224, math.ceil(40 * 224 / 30)), mode="bilinear")
    torch.testing.assert_close(prepared[5, 1, 1], 2 * wide[0, 0, :, 37 : 37 + 224] - 1)
    batches: list[int] = []

    def network(batch: Tensor) -> Tensor:
        batches.append(len(batch))
        return batch.mean(dim=(2, 3, 4))

    class Theirs:
        @staticmethod
        def frechet_distance(a: Tensor, b: Tensor) -> Tensor:
            return (a.mean(dim=0) - b.mean(dim=0)).square().sum()

    monkeypatch.setattr(port, "peer", lambda _: Theirs)
    assert port.distance(network, videos_bcthw, videos_bcthw) == 0
    assert batches == [10, 2, 10, 2]


def test_the_command_is_timed_and_its_memory_told(tmp_path: Path) -> None:
    folder = write_arrays(tmp_path / "videos", 2, 16, 16, seed=0)
    arguments = ["--real", str(folder), "--generated", str(folder), "--cache", str(tmp_path / "cache")]
    scored = command.score([*arguments, "--protocol", "fvd.shapes", "--workers", "1"], threads=1)
    assert scored.values.keys() == {"fvd.shapes"}
    assert scored.seconds > 0
    if sys.platform == "linux":
        assert scored.peaks is not None
        assert scored.peaks.own_bytes > scored.peaks.decoder_bytes > 2**20


def test_the_whole_plan_fits_in_less_than_an_hour_and_has_what_is_claimed() -> None:
    parts = plan()
    assert len({part.title for part in parts}) == len(parts)
    assert sum(part.expected_seconds for part in parts) < 3600
    assert {one.dimension for one in parts if isinstance(one, Distances)} == {400, 1408, 2048}
    assert {2 * one.clips for one in parts if isinstance(one, Videos)} == {12, 48, 128}
    (again,) = (one for one in parts if isinstance(one, Rescoring))
    assert again.clips == 256
    (memory,) = (one for one in parts if isinstance(one, Memory))
    assert (memory.few, memory.many) == (200, 20_000)
    (errors,) = (one for one in parts if isinstance(one, StandardErrors))
    assert (errors.dimension, errors.samples, errors.replicates) == (400, 2048, 1000)


def test_the_contest_is_found_without_torch() -> None:
    script = "import vidgauge.bench.contests.scoring_speed, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", script], check=False).returncode == 0
