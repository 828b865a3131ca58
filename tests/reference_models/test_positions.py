"""Relative positions: tables, indices and what is added, against other libraries and by hand."""

import pytest
import torch
from torchvision.models.swin_transformer import ShiftedWindowAttention
from torchvision.models.video.swin_transformer import ShiftedWindowAttention3d

from vidgauge.errors import UsageError
from vidgauge.reference_models.positions import RelativeBias, RelativeKeys, places

CPU = torch.device("cpu")


def test_places_count_row_by_row() -> None:
    time, height, width = places((2, 1, 3), CPU)
    assert list(zip(time.tolist(), height.tolist(), width.tolist(), strict=True)) == [
        (0, 0, 0),
        (0, 0, 1),
        (0, 0, 2),
        (1, 0, 0),
        (1, 0, 1),
        (1, 0, 2),
    ]


def test_the_index_of_a_window_is_swins_read_backwards() -> None:
    """Swin counts offsets from key to query, we from query to key."""
    theirs = ShiftedWindowAttention(8, [3, 4], [0, 0], 2).relative_position_index.view(12, 12)
    ours = RelativeBias(2, (1, 3, 4)).table_index((1, 3, 4), CPU)
    assert torch.equal(ours, 5 * 7 - 1 - theirs)
    video = ShiftedWindowAttention3d(8, [2, 3, 4], [0, 0, 0], 2).relative_position_index
    assert torch.equal(RelativeBias(2, (2, 3, 4)).table_index((2, 3, 4), CPU), 3 * 5 * 7 - 1 - video)


def test_offsets_beyond_the_reach_count_as_the_farthest() -> None:
    bias = RelativeBias(1, (1, 1, 2))
    assert bias.offsets == 3
    assert bias.table_index((1, 1, 4), CPU)[0].tolist() == [1, 2, 2, 2]
    assert bias.table_index((1, 1, 4), CPU)[3].tolist() == [0, 0, 0, 1]


def test_relative_keys_are_keys_plus_vectors() -> None:
    """Shaw et al., arXiv 1803.02155, eq. 4: q (k + r) / sqrt(d) less q k / sqrt(d)."""
    keys = RelativeKeys(3, 4, 5).double()
    query = torch.randn(2, 5, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    added = keys.at(keys.scores(query), keys.table_index((5, 1, 1), CPU))
    for i in range(5):
        for j in range(5):
            expected = (query[:, i] * keys.vectors[j - i + 4]).sum(-1) / 2  # sqrt(4)
            torch.testing.assert_close(added[:, :, i, j], expected)


def test_a_mask_takes_out_what_is_added() -> None:
    bias, query = RelativeBias(2, (1, 1, 3)), torch.zeros(1, 3, 2, 4)
    mask = torch.eye(3, dtype=torch.bool)
    added = bias.add_to(mask, query, bias.table_index((1, 1, 3), CPU))
    assert added.shape == (1, 2, 3, 3)
    assert torch.equal(added.isinf(), ~mask.expand_as(added))
    assert torch.equal(added.diagonal(dim1=-2, dim2=-1), bias.table[:, 2:3].expand(2, 3)[None])


def test_clips_longer_than_the_table_are_refused() -> None:
    keys = RelativeKeys(2, 4, 8)
    keys.check_frames(8)
    with pytest.raises(UsageError, match="9 frames, but the relative positions were made for at most 8"):
        keys.check_frames(9)
