"""What lists tell of the systems, and the page's table of them."""

import json
from pathlib import Path

import pytest

from vidgauge.cli import run
from vidgauge.reference_models.shipped import names
from vidgauge.reference_models.systems_table import markdown_table

pytestmark = pytest.mark.long  # builds every network of every paper
PAGE = Path(__file__).parents[2] / "docs" / "systems.md"
SYSTEMS = ("gentron", "imagen-video", "make-a-video", "vdm", "video-ldm", "walt")


@pytest.mark.skipif(not PAGE.exists(), reason="no page with the table")
def test_the_page_has_the_present_table() -> None:
    _, _, rest = PAGE.read_text("utf-8").partition("<!-- networks -->\n")
    listed, _, _ = rest.partition("<!-- end of networks -->")
    assert listed == markdown_table(), "replace it with: vidgauge list systems --markdown"


def test_lists_tell_sizes_beside_what_is_stated(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "systems", "--json"]) == 0
    rows = {(row["name"], row["kind"]): row for row in json.loads(capsys.readouterr().out)}
    base = rows["imagen-video/base", "network"]
    assert (base["stated_parameters"], base["certainty"], base["shape"]) == (5.6e9, "secondary", [1, 3, 16, 24, 40])
    for system in SYSTEMS:
        tiny = rows[f"{system}/tiny", "pipeline"]
        assert tiny["weights"] == ("ship" if f"{system}/tiny" in names() else "")
        assert tiny["parameters"] <= 800_000
        assert tiny["gives"] == [16, 32, 32]
