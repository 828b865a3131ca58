"""Precision is part of a protocol: another one is another name, another fingerprint and other numbers."""

from pathlib import Path

import numpy as np
import pytest
import torch

from vidgauge.datasets import write_video
from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.metrics import score
from vidgauge.metrics.extractor import Extractor, NetworkUse, computing_in
from vidgauge.metrics.protocols import PROTOCOLS


def test_scores_in_another_precision(tmp_path: Path) -> None:
    for sample in MovingShapes(frames=16, height=32, width=32, seed=3, count=3):
        write_video(tmp_path / "made" / f"{sample.id}.npy", sample.frames_thwc, sample.fps)
    records = [
        score(tmp_path / "made", tmp_path / "made", ["is.shapes"], precision=precision, workers=0)[0]
        for precision in ("float64", "float32", "bfloat16")
    ]
    assert [record.protocol.name for record in records] == [
        "is.shapes",
        "is.shapes[precision=float32]",
        "is.shapes[precision=bfloat16]",
    ]
    assert len({record.protocol.fingerprint for record in records}) == 3
    double, single, half = (record.value or 0.0 for record in records)
    assert single == pytest.approx(double, rel=1e-5)
    assert half == pytest.approx(double, rel=0.2)
    assert abs(half - double) > abs(single - double)


def test_full_precision_is_full_whatever_the_program_has_set() -> None:
    matmul, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, convolutions.allow_tf32
    matmul.allow_tf32 = convolutions.allow_tf32 = True
    seen = []
    try:
        for precision in ("float32", "tf32"):
            with computing_in(precision, torch.device("cuda")):
                seen.append((matmul.allow_tf32, convolutions.allow_tf32))
            seen.append((matmul.allow_tf32, convolutions.allow_tf32))
        with torch.autocast("cpu", torch.bfloat16), computing_in("float32", torch.device("cpu")):
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
        assert seen == [(False, False), (True, True), (True, True), (True, True)]
    finally:
        matmul.allow_tf32, convolutions.allow_tf32 = before


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_networks_give_the_same_on_a_gpu() -> None:
    clip_cthw = torch.rand(3, 16, 64, 64, generator=torch.Generator().manual_seed(0))
    use = NetworkUse.of(PROTOCOLS["fvd.shapes"].with_precision("float32"))
    here, there = (Extractor(use, device=device)([clip_cthw]) for device in ("cpu", "cuda"))
    for name, array in here.items():
        assert np.abs(array - there[name]).max() <= 1e-4 * np.abs(array).max()
