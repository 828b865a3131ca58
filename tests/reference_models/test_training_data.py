"""Training data: the same for the same generator, at any size and stride, from Moving Shapes or from files."""

import json
from pathlib import Path

import pytest
import torch

from vidgauge.datasets import write_video
from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.datasets.moving_shapes.styles import sepia
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.reference_models.pipeline import Step, from_frames, to_frames
from vidgauge.reference_models.training import data
from vidgauge.reference_models.training.data import Shapes, Videos, open_data
from vidgauge.reference_models.training.seeds import seed_of


def step(number: int = 0, batch: int = 3) -> Step:
    return Step(number, 10, batch, torch.Generator().manual_seed(seed_of(0, "phase", number)), Shapes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Videos whose pixels say which frame of which video they are, and one that is too short."""
    rows = []
    for number, length in enumerate((9, 12, 2)):
        frames_thwc = torch.full((length, 12, 20, 3), 100 * number, dtype=torch.uint8)
        frames_thwc += torch.arange(length, dtype=torch.uint8)[:, None, None, None]
        write_video(tmp_path / "videos" / f"{number}.mkv", frames_thwc, 10)
        rows.append({"file": f"{number}.mkv", "caption": f"video {number}"})
    (tmp_path / "videos" / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path / "videos"


def test_a_step_draws_by_its_number_alone() -> None:
    first, again, next_ = (step(number).clips(frames=2, height=8, width=8) for number in (0, 0, 1))
    assert torch.equal(first.video_bcthw, again.video_bcthw)
    assert first.captions == again.captions != next_.captions
    here = step()
    drawn = [here.clips(1, frames=2, height=8, width=8).captions for _ in range(3)]
    assert len(set(drawn)) == 3, "each call draws anew"


def test_shapes_are_those_of_the_world_at_any_size_and_stride(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "MOST_INDICES", 1)  # so that scene 0 is drawn
    clips = step().clips(2, frames=3, height=16, width=24, stride=4)
    sample = MovingShapes(frames=9, height=16, width=24, seed=0)[0]
    assert torch.equal(to_frames(clips.video_bcthw)[1], sample.frames_thwc[::4])
    assert clips.captions == (sample.caption,) * 2
    assert clips.fps_b.tolist() == [2.0, 2.0]
    image = step().images(height=16, width=24)
    assert torch.equal(to_frames(image.video_bcthw)[0], sample.frames_thwc[:1])
    assert image.video_bcthw.shape == (3, 3, 1, 16, 24)


def test_levels_come_back_and_lie_between_minus_one_and_one() -> None:
    frames_bthwc = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16, 1).expand(1, 2, 16, 16, 3)
    video_bcthw = from_frames(frames_bthwc)
    assert (float(video_bcthw.min()), float(video_bcthw.max())) == (-1, 1)
    assert torch.equal(to_frames(video_bcthw), frames_bthwc)
    assert to_frames(torch.tensor([-9.0, 9.0]).reshape(1, 2, 1, 1, 1)).flatten().tolist() == [0, 255]


@pytest.mark.parametrize("way", ["folder", "table", "named", "root"])
def test_clips_of_files_are_cut_anywhere_with_their_captions(folder: Path, way: str) -> None:
    given = {"folder": str(folder), "table": str(folder / "manifest.jsonl"), "named": f"manifest@{folder}"}
    videos = open_data(given.get(way, "manifest"), folder if way == "root" else None)
    assert isinstance(videos, Videos)
    clips = videos.draw(12, 3, 6, 6, 3, torch.Generator().manual_seed(0))
    frames_btc = to_frames(clips.video_bcthw)[:, :, 3, 3].long()
    first_b = frames_btc[:, 0, 0]
    assert torch.equal(frames_btc, (first_b[:, None] + torch.tensor([0, 3, 6]))[..., None].expand(12, 3, 3))
    assert clips.captions == tuple(f"video {first // 100}" for first in first_b.tolist())
    assert {int(first) for first in first_b} >= {0, 1, 2} & {int(first) for first in first_b}
    assert len({int(first) for first in first_b}) > 4, "from several starts of both"
    torch.testing.assert_close(clips.fps_b, torch.full((12,), 10 / 3))
    assert videos.facts["captions"] is True
    assert videos.facts["videos"] == 3


def test_what_gives_no_clip_or_is_no_data_is_said_in_a_line(folder: Path) -> None:
    videos = open_data(str(folder))
    with pytest.raises(
        VidgaugeError, match=r"100 videos in a row gave no clip; .* has \d+ frames, but a clip spans 40"
    ):
        videos.draw(1, 40, 6, 6, 1, torch.Generator().manual_seed(0))
    with pytest.raises(UsageError, match="neither a file or folder nor a data set"):
        open_data("nothing-like-it")
    with pytest.raises(UsageError, match="leave out root"):
        open_data("moving-shapes", folder)


def test_shapes_in_another_style_are_the_same_scenes() -> None:
    plain, other = open_data("moving-shapes"), open_data("moving-shapes:sepia")
    drawn = [source.draw(2, 3, 16, 16, 1, torch.Generator().manual_seed(0)) for source in (plain, other)]
    assert drawn[0].captions == drawn[1].captions
    assert torch.equal(to_frames(drawn[1].video_bcthw), sepia(to_frames(drawn[0].video_bcthw)))
    assert other.facts == plain.facts | {"style": "sepia"}
    with pytest.raises(UsageError, match=r"no style 'sepai'.*sepia"):
        open_data("moving-shapes:sepai")
