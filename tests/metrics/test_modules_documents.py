"""What the docstrings show is what comes out."""

import doctest
import importlib

import pytest

pytestmark = pytest.mark.filterwarnings("ignore:.*(biased upwards|does not know):UserWarning")

MODULES = [
    "clipsim",
    "frame_consistency",
    "frechet_video_distance",
    "kernel_video_distance",
    "video_inception_score",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_docstrings(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"vidgauge.metrics.modules.{name}"))
    assert results.attempted > 5
    assert results.failed == 0
