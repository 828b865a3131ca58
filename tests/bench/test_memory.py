"""Peak memory against allocations of known size."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vidgauge.bench import memory
from vidgauge.bench.memory import NotMeasurableError, peak_bytes
from vidgauge.reference_models.layers import build

MEBIBYTE = 2**20


def resident_peaks(call: object, runs: int = 1) -> list[int]:
    assert callable(call)
    try:
        return peak_bytes(call, "cpu", runs)
    except NotMeasurableError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("mebibytes", [8, 64])
def test_peak_is_what_was_allocated_at_once(mebibytes: int) -> None:
    peaks = resident_peaks(lambda: torch.ones(mebibytes * MEBIBYTE // 4), runs=2)
    assert peaks == pytest.approx([mebibytes * MEBIBYTE] * 2, abs=1.5 * MEBIBYTE)


def test_temporaries_count_and_what_is_freed_before_does_not() -> None:
    """In a process of its own, as in a worker: holes that other tests left in the heap would serve temporaries."""
    script = """
import torch
from vidgauge.bench.memory import NotMeasurableError, peak_bytes

def call():
    for _ in range(3):
        torch.ones(4 * 2**20)  # 16 MiB, one at a time
    return torch.ones(1)

try:
    print(*peak_bytes(call, "cpu", 2))
except NotMeasurableError:
    pass
"""
    said = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True).stdout
    if not said.strip():
        pytest.skip("this system does not tell a process its peak memory")
    assert [int(peak) for peak in said.split()] == pytest.approx([16 * MEBIBYTE] * 2, abs=1.5 * MEBIBYTE)


def test_inputs_do_not_count() -> None:
    inputs = torch.ones(64 * MEBIBYTE // 4)
    assert resident_peaks(lambda: inputs.sum())[0] < 1.5 * MEBIBYTE


def test_a_convolution_through_im2col_needs_its_columns() -> None:
    layer = build("conv3d", in_channels=32, out_channels=32).double()  # in double precision there is no other way
    x = torch.randn(1, 32, 8, 16, 16, dtype=torch.float64)
    positions = 8 * 16 * 16
    columns, output = 8 * 32 * 27 * positions, 8 * 32 * positions
    with torch.no_grad():
        peaks = resident_peaks(lambda: layer(x))
    assert peaks == pytest.approx([columns + output], abs=1.5 * MEBIBYTE)


def test_systems_without_the_figure_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_CLEAR_REFS", tmp_path / "missing" / "clear_refs")
    with pytest.raises(NotMeasurableError, match="no resettable peak"):
        peak_bytes(lambda: None, "cpu", 1)
    reset = tmp_path / "clear_refs"
    monkeypatch.setattr(memory, "_CLEAR_REFS", reset)
    status = tmp_path / "status"
    monkeypatch.setattr(memory, "_STATUS", status)
    with pytest.raises(NotMeasurableError, match="no figures"):
        peak_bytes(lambda: None, "cpu", 1)
    status.write_text("VmRSS:\t 1000 kB\n")
    with pytest.raises(NotMeasurableError, match="no field VmHWM"):
        peak_bytes(lambda: None, "cpu", 1)
    status.write_text("VmRSS:\t 1000 kB\nVmHWM:\t 90000 kB\n")  # a kernel that takes the reset and ignores it
    with pytest.raises(NotMeasurableError, match="does not reset"):
        peak_bytes(lambda: None, "cpu", 1)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_peak_is_what_the_allocator_gave() -> None:
    peaks = peak_bytes(lambda: torch.ones(16 * MEBIBYTE // 4, device="cuda"), "cuda", 2)
    assert peaks == [16 * MEBIBYTE] * 2
