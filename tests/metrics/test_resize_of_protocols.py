"""What protocols say about sizes can be done, and what cannot is refused before any video is read."""

import dataclasses

import pytest
import torch

from vidgauge.datasets.spatial.rule import SpatialRule
from vidgauge.errors import UsageError
from vidgauge.metrics.extractor import Extractor, NetworkUse
from vidgauge.metrics.protocols import PROTOCOLS


@pytest.mark.parametrize("name", [name for name in PROTOCOLS.names() if PROTOCOLS[name].resize])
def test_every_protocols_rule_brings_frames_to_any_size(name: str) -> None:
    protocol = PROTOCOLS[name]
    dtype = getattr(torch, protocol.dtype)
    frames = torch.randint(0, 256, (2, 40, 56, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    video = SpatialRule.parse(protocol.resize)(frames, 32, 32, dtype)
    assert video.shape == (2, 3, 32, 32)
    assert video.dtype == dtype


def test_an_unknown_rule_is_refused_where_the_network_is_made() -> None:
    use = NetworkUse.of(PROTOCOLS["fvd.shapes"])
    with pytest.raises(UsageError, match="no kernel 'torch-bilinear-antialiased'; did you mean"):
        Extractor(dataclasses.replace(use, resize="squash/torch-bilinear-antialiased"))


def test_clips_are_prepared_by_the_rule() -> None:
    frames = torch.randint(0, 256, (16, 80, 96, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    use = dataclasses.replace(NetworkUse.of(PROTOCOLS["fvd.shapes"]), resize="crop-floor/cv2-area")
    expected = SpatialRule.parse("crop-floor/cv2-area")(frames, 64, 64, torch.float64)
    assert torch.equal(Extractor(use).prepare(frames), expected.transpose(0, 1))
