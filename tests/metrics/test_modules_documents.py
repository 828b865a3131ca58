"""What the docstrings and docs/torchmetrics.md show is what comes out."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.filterwarnings("ignore:.*(biased upwards|does not know):UserWarning")

PAGE = Path(__file__).parents[2] / "docs" / "torchmetrics.md"
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


def test_examples_of_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = [
        block
        for block in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        if "LightningModule" not in block  # which is not installed
    ]
    assert len(blocks) == 3
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)  # one after another, as a reader would
    printed = capsys.readouterr().out
    assert printed.count("tensor(") == 2 + 5 + 1
