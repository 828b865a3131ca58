"""What the hall's tests share."""

import pytest

from vidgauge.environment import Environment


@pytest.fixture
def environment() -> Environment:
    """A made-up machine."""
    return Environment(
        system="Linux 6", python="3.12", cpu="a CPU", cpus=2, memory_bytes=None, threads=2, gpu=None, driver=None,
        libraries={"torch": "2.11"}, ffmpeg={}, commit="abc", dirty=False,
    )  # fmt: skip
