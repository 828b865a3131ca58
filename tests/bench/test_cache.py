"""What is flushed, and how large the caches are said to be."""

from pathlib import Path

import numpy as np
import pytest

from vidgauge.bench.timing.cache import flusher, last_level_bytes


def test_warm_caches_are_left_alone() -> None:
    assert flusher("warm")() is None


def test_cold_writes_twice_the_last_level() -> None:
    write = flusher("cold")
    write()
    written = write()
    assert isinstance(written, np.ndarray)
    assert written.nbytes >= 2 * last_level_bytes()
    assert written.min() == written.max() == 2


@pytest.mark.parametrize(
    ("sizes", "largest"), [(["32K", "1024K", "32768K"], 2**25), (["48K", "2M"], 2**21), (["512"], 512), ([], 2**26)]
)
def test_the_last_level_is_the_largest(tmp_path: Path, sizes: list[str], largest: int) -> None:
    for index, size in enumerate(sizes):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        (folder / "size").write_text(size + "\n")
    assert last_level_bytes(tmp_path) == largest
