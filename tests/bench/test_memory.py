"""Peak memory against allocations of known size."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from vidgauge.bench import memory
from vidgauge.bench.memory import NotMeasurableError, Peak, allocated_peak, peak, peak_bytes
from vidgauge.reference_models.layers import build

MEBIBYTE = 2**20
SLACK = 1.5 * MEBIBYTE


def resident_peaks(call: object, runs: int = 1) -> list[int]:
    assert callable(call)
    try:
        return peak_bytes(call, "cpu", runs)
    except NotMeasurableError as error:
        pytest.skip(str(error))


def floats(mebibytes: int) -> torch.Tensor:
    return torch.ones(mebibytes * MEBIBYTE // 4)


@pytest.mark.parametrize("mebibytes", [8, 64])
def test_peak_is_what_was_allocated_at_once(mebibytes: int) -> None:
    peaks = resident_peaks(lambda: floats(mebibytes), runs=2)
    assert peaks == pytest.approx([mebibytes * MEBIBYTE] * 2, abs=SLACK)


def test_holes_in_the_heap_do_not_make_temporaries_look_as_if_they_lived_at_once() -> None:
    """Each temporary finds a hole of its own size, left by earlier work. A process of its own: so the heap is known."""
    script = """
import torch
from vidgauge.bench.memory import NotMeasurableError, peak_bytes

def floats(mebibytes):
    return torch.ones(mebibytes * 2**20 // 4)

floats(30)  # once a block is freed, glibc serves its like from the heap
earlier = [(floats(size), floats(2)) for size in range(11, 17)]
keep = [second for _, second in earlier]  # so that the holes do not grow together
del earlier

def call():
    for size in range(11, 17):
        floats(size)
    return torch.ones(1)

try:
    print(*peak_bytes(call, "cpu", 2))
except NotMeasurableError:
    pass
"""
    said = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True).stdout
    if not said.strip():
        pytest.skip("this system does not tell a process its peak memory")
    assert [int(one) for one in said.split()] == pytest.approx([16 * MEBIBYTE] * 2, abs=SLACK)


def test_inputs_do_not_count() -> None:
    inputs = floats(64)
    assert resident_peaks(lambda: inputs.sum())[0] < SLACK


def test_a_convolution_through_im2col_needs_its_columns() -> None:
    layer = build("conv3d", in_channels=32, out_channels=32).double()  # in double precision there is no other way
    x = torch.randn(1, 32, 8, 16, 16, dtype=torch.float64)
    positions = 8 * 16 * 16
    columns, output = 8 * 32 * 27 * positions, 8 * 32 * positions
    with torch.no_grad():
        assert allocated_peak(lambda: layer(x)) == columns + output
        peaks = resident_peaks(lambda: layer(x))
    assert peaks == pytest.approx([columns + output], abs=SLACK)


def test_allocator_events_are_exact() -> None:
    held = [torch.ones(4096)]

    def call() -> None:
        first = torch.ones(1000)
        held.clear()  # was there before: that it goes makes no room for the others
        second = torch.ones(500)
        del first
        torch.ones(700)
        del second

    assert allocated_peak(call) == 4 * 1500
    assert allocated_peak(lambda: None) == 0


def test_the_headline_sees_what_the_cross_check_does_not() -> None:
    """A buffer that does not come from torch's allocator, as libraries have them."""
    resident_peaks(lambda: None)  # or skip
    found = peak(lambda: (np.ones(8 * MEBIBYTE), floats(16)), "cpu", 2)
    assert found.technique == "resident"
    assert not found.is_estimate
    assert found.runs == pytest.approx([80 * MEBIBYTE] * 2, abs=SLACK)
    assert found.bytes == max(found.runs)
    assert found.cross_check == 16 * MEBIBYTE
    assert found.disagreement == pytest.approx(-0.8, abs=0.02)


def test_elsewhere_the_events_make_a_marked_estimate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_CLEAR_REFS", tmp_path / "missing" / "clear_refs")
    found = peak(lambda: floats(4), "cpu", 3)
    assert found == Peak(bytes=4 * MEBIBYTE, technique="allocator events", runs=[4 * MEBIBYTE] * 3)
    assert found.is_estimate
    assert found.disagreement is None


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
    found = peak(lambda: torch.ones(16 * MEBIBYTE // 4, device="cuda"), "cuda", 2)
    assert found == Peak(bytes=16 * MEBIBYTE, technique="cuda allocator", runs=[16 * MEBIBYTE] * 2)
