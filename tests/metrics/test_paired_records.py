"""Paired protocols from files to records."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vidgauge.cli import run
from vidgauge.datasets import write_video
from vidgauge.errors import VidgaugeError
from vidgauge.metrics import build_network, score
from vidgauge.metrics.paired.measures.lpips import LPIPS
from vidgauge.metrics.paired.measures.ssim import SSIM
from vidgauge.metrics.protocols import PROTOCOLS, Protocol, select
from vidgauge.metrics.video_set import Paths
from vidgauge.record import Record

PAIRED_PROTOCOLS = [protocol.name for protocol in select(["psnr.*", "ssim.*", "lpips.*"])]


def noise(seed: int, frames: int = 5, height: int = 33, width: int = 35) -> Tensor:
    return torch.randint(0, 256, (frames, height, width, 3), generator=torch.Generator().manual_seed(seed)).byte()


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Twelve pairs, of other extensions, and one more real video."""
    for number in range(12):
        write_video(tmp_path / "real" / f"{number}.mkv", noise(number), 8)
        write_video(tmp_path / "made" / f"{number}.npy", noise(100 + number), 8)
    write_video(tmp_path / "real" / "alone.mkv", noise(1), 8)
    return tmp_path


def scored(real: Paths, generated: Paths, protocols: list[str], **how: Any) -> list[Record]:  # noqa: ANN401
    return score(real, generated, protocols, workers=0, **how)


def tchw(seed: int) -> Tensor:
    return noise(seed).permute(0, 3, 1, 2)


def test_a_record_for_each_with_its_interval_and_failures(videos: Path) -> None:
    steps: list[tuple[int, int]] = []
    records = scored(
        videos / "real",
        videos / "made",
        ["psnr.*", "ssim.*", "lpips.alex*"],
        random_weights=3,
        advance=lambda *step: steps.append(step),
    )
    assert len(records) == 7
    assert steps == [(step, 50) for step in range(1, 51)]  # one protocol looks at whole videos, the others at frames
    found = {record.protocol.name: record for record in records}
    for record in records:
        assert record.status == "ok", record.reason
        assert record.value is not None
        assert record.low is not None
        assert record.high is not None
        assert record.low < record.value < record.high
        assert record.n_failed == 1
        assert record.details["failed"][0] == {
            "file": "alone.mkv",
            "reason": "has no partner: no generated video is called 'alone'",
            "set": "real",
        }
        clips = 1 if record.protocol.name == "psnr.torchmetrics" else 5  # of a video: all of it, or each frame
        assert record.n == 12 * clips
        assert record.details["videos_generated"] == 12
    errors = np.array(
        [[((tchw(n) / 255 - tchw(100 + n) / 255) ** 2).mean((1, 2, 3)).double().numpy()] for n in range(12)]
    )
    assert found["psnr.frame-mean"].value == pytest.approx(np.mean(-10 * np.log10(errors)), rel=1e-6)
    assert found["psnr.torchmetrics"].value == pytest.approx(np.mean(-10 * np.log10(errors.mean(axis=2))), rel=1e-6)
    assert found["psnr.frame-mean"].measure.unit == "dB"
    expected = np.mean([SSIM().frames(tchw(n), tchw(100 + n)) for n in range(12)])
    assert found["ssim.valid"].value == pytest.approx(expected, rel=1e-9)
    network = build_network("lpips", seed=3)
    expected = np.mean([LPIPS().frames(tchw(n), tchw(100 + n), network) for n in range(12)])
    assert found["lpips.alex[random=3]"].value == pytest.approx(expected, rel=1e-4)
    assert any("random weights" in note for note in found["lpips.alex[random=3]"].details["notes"])
    assert not any("random weights" in note for note in found["ssim.valid"].details["notes"])


def test_beside_other_protocols_from_the_command_line(
    videos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = [
        "score",
        "--real",
        str(videos / "real"),
        "--generated",
        str(videos / "made"),
        "--frames",
        "4",
        "--workers",
        "0",
        "--json",
    ]
    assert run([*arguments, "--protocol", "fvd.shapes", "--protocol", "ssim.valid"]) == 0
    fvd, ssim = json.loads(capsys.readouterr().out)
    assert (fvd["protocol"]["name"], fvd["status"], fvd["n_failed"]) == ("fvd.shapes[frames=4]", "ok", 0)
    assert (ssim["protocol"]["name"], ssim["status"], ssim["n"]) == ("ssim.valid[frames=4]", "ok", 12)


def test_missing_weights_leave_the_others(videos: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIDGAUGE_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    sides = videos / "real" / "0.mkv", videos / "made" / "3.npy"
    lpips, psnr = scored(*sides, ["lpips.alex", "psnr.frame-mean"])
    assert lpips.status == "failed"
    assert "alexnet-owt-7be5be79.pth" in lpips.reason
    assert psnr.status == "ok"
    assert psnr.no_interval.startswith("1 independent videos")
    fvd, psnr = scored(*sides, ["fvd.tats", "psnr.frame-mean"])
    assert (fvd.status, psnr.status) == ("failed", "ok")


def test_what_cannot_be_paired_fails_alone(videos: Path) -> None:
    twice = [videos / "made", videos / "made"]
    psnr, fvd = scored(videos / "real", twice, ["psnr.frame-mean", "fvd.shapes"], clips={"frames": 5})
    assert fvd.status == "ok"
    assert psnr.status == "failed"
    assert "are both called '0'" in psnr.reason
    (itself,) = scored(videos / "real", videos / "real", ["psnr.torchmetrics"])
    assert (itself.status, itself.n) == ("failed", 13)
    assert "equal videos have no finite PSNR" in itself.reason
    (capped,) = scored(videos / "real", videos / "real", ["psnr.frame-mean"])
    assert capped.value == 100
    (none,) = scored(videos / "real" / "0.mkv", [videos / "made" / "1.npy", videos / "made" / "2.npy"], ["ssim.valid"])
    assert (none.status, none.n, none.n_failed) == ("failed", 0, 3)
    assert "no real video is called '1'" in none.reason
    with pytest.raises(VidgaugeError, match=r"real alone\.mkv: has no partner"):
        scored(videos / "real", videos / "made", ["ssim.valid"], strict=True)


@pytest.mark.parametrize("name", PAIRED_PROTOCOLS)
def test_protocols_hold_together(name: str) -> None:
    protocol = PROTOCOLS[name]
    assert protocol.any_rule.paired
    assert bool(protocol.network) == name.startswith("lpips")
    assert protocol.clip.short == "skip"
    assert protocol.with_random_weights(1) is protocol or protocol.network


def test_fingerprints_tell_them_apart() -> None:
    assert len({PROTOCOLS[name].ref.fingerprint for name in PAIRED_PROTOCOLS}) == len(PAIRED_PROTOCOLS)


def test_a_protocol_without_a_network_has_no_weights() -> None:
    table = PROTOCOLS["psnr.frame-mean"].model_dump()
    for given in ({"weights": "alexnet-imagenet"}, {"random_weights": 1}):
        with pytest.raises(ValueError, match="and none without one"):
            Protocol.model_validate(table | given)
    assert math.isfinite(PROTOCOLS["psnr.frame-mean"].interval.level)
