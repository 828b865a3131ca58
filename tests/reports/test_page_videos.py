import base64
import io
import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from vidgauge.errors import VidgaugeError
from vidgauge.record import Record
from vidgauge.reports.page import page
from vidgauge.reports.videos import gallery
from vidgauge.reports.videos.captions import caption_of, captions_beside
from vidgauge.reports.videos.gallery import galleries
from vidgauge.reports.videos.reading import is_video, read
from vidgauge.reports.videos.strips import strip

Make = Callable[..., Record]


def _greys(data: str, frames: int) -> list[int]:
    """The level of each frame of a strip, whose pixels are all alike."""
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert image.shape[0] % frames == 0
    return [int(frame_hwc[0, 0, 0]) for frame_hwc in np.split(image, frames)]


def test_videos_of_one_name_stand_side_by_side_with_their_caption(shown_videos: list[Record], tmp_path: Path) -> None:
    found = galleries(shown_videos, tmp_path, 2)
    assert [one.sets for one in found.shown] == [("real",), ("a", "b")]
    assert [one.totals for one in found.shown] == [(3,), (3, 3)]
    scenes = found.shown[1].scenes
    assert [scene.caption for scene in scenes] == ["<b>shape</b> 0", "<b>shape</b> 1"]
    assert [clip.file for scene in scenes for clip in scene.clips] == ["0<script>.mkv"] * 2 + ["1<script>.mkv"] * 2
    ours, theirs = (clip.strip for clip in scenes[0].clips)
    assert ours is not None
    assert theirs is not None
    assert _greys(ours.data, 8) == list(range(100, 108))  # every frame, and no value changed
    assert _greys(theirs.data, 8) == list(range(200, 208))
    assert (ours.fps, ours.width, ours.height, ours.note) == (8.0, 16, 12, "")
    assert found.seconds == 1.0


def test_what_cannot_be_read_is_named(shown_videos: list[Record], tmp_path: Path) -> None:
    broken = galleries(shown_videos, tmp_path).shown[1].scenes[1].clips[1]
    assert (broken.of, broken.file, broken.strip) == ("b", "1<script>.mkv", None)
    assert broken.reason == "cannot be shown: Invalid data found when processing input"


def test_sets_that_are_not_here_are_named(make_record: Make, tmp_path: Path) -> None:
    elsewhere = make_record(config={"real": ["ucf101@/data"], "generated": ["gone"]})
    assert galleries([elsewhere], tmp_path).remarks == (
        "real: no videos are shown, because none were found at ucf101@/data.",
        "samples: no videos are shown, because none were found at gone.",
    )
    assert galleries([elsewhere], tmp_path, 0) == gallery.NONE
    assert galleries([make_record(kind="layer", config={"layer": "conv3d"})], tmp_path) == gallery.NONE


def test_paths_count_from_the_store_or_around_it(shown_videos: list[Record], tmp_path: Path) -> None:
    assert len(galleries(shown_videos, tmp_path / "deep" / "er").shown) == 2
    assert galleries(shown_videos, tmp_path.parent).shown == ()


def test_what_exceeds_the_budget_is_named(
    shown_videos: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "_MOST_BYTES", 400)
    clips = galleries(shown_videos, tmp_path).clips
    assert sum(len(clip.strip.data) for clip in clips if clip.strip) <= 400
    assert "left out, so that the page stays small" in {clip.reason for clip in clips}
    assert len(clips) == 9


def test_progress_is_told(shown_videos: list[Record], tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    galleries(shown_videos, tmp_path, 2, lambda done, total: told.append((done, total)))
    assert told == [(done, 6) for done in range(1, 7)]


def test_arrays_and_folders_of_frames_are_videos_too(tmp_path: Path) -> None:
    frames_thwc = np.arange(3 * 4 * 4 * 3, dtype=np.uint8).reshape(3, 4, 4, 3)
    np.save(tmp_path / "a.npy", frames_thwc)
    (tmp_path / "frames").mkdir()
    for number, frame_hwc in enumerate(frames_thwc):
        Image.fromarray(frame_hwc).save(
            tmp_path / "frames" / f"{8 + number}.png"
        )  # 8, 9, 10: not in the letters' order
    for name in ("a.npy", "frames"):
        assert is_video(tmp_path / name)
        shown = read(tmp_path / name)
        assert [np.asarray(image).tobytes() for image in shown.images] == [each.tobytes() for each in frames_thwc]
        assert (shown.fps, shown.every, shown.whole) == (8.0, 1, True)


def test_long_fast_and_large_videos_are_cut_and_it_is_said(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = 512, 256, "yuv420p"
        for number in range(100):
            frame_hwc = np.full((256, 512, 3), number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame_hwc, format="rgb24")))
        container.mux(stream.encode(None))
    made = strip(read(tmp_path / "a.mp4"))
    assert (made.frames, made.fps, made.width, made.height) == (48, 12.0, 256, 128)
    assert made.note == "first 4.0 s, every other frame, made smaller from 512x256, with loss"
    greys = np.array(_greys(made.data, 48))
    assert np.abs(greys - 2 * np.arange(48)).max() <= 8  # two codings and a conversion with loss


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.npy", b"no array", "no array as NumPy"),
        ("a.mkv", b"", "Invalid data"),
        ("a.gif", b"GIF89a", "nvalid|End of file"),
    ],
)
def test_broken_files_have_a_reason_of_one_line(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VidgaugeError, match=reason) as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_arrays_of_something_else_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 4)))
    with pytest.raises(VidgaugeError, match=r"float64 \(3, 4\)"):
        read(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.zeros((0, 4, 4, 3), np.uint8))
    with pytest.raises(VidgaugeError, match="no frame"):
        read(tmp_path / "b.npy")
    (tmp_path / "c.mkv").symlink_to(tmp_path / "nowhere")
    assert is_video(tmp_path / "c.mkv")
    with pytest.raises(VidgaugeError, match="No such file"):
        read(tmp_path / "c.mkv")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("captions.csv", "video,prompt\nx/a.mkv,a cat\n"),
        ("captions.json", '{"x/a": "a cat"}'),
        ("captions.json", '[{"filename": "a.mkv", "text": "a cat"}]'),
        ("manifest.jsonl", json.dumps({"file": "a", "caption": " a cat ", "seed": 3})),
    ],
)
def test_captions_come_from_the_manifest_beside_or_around(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / name).write_text(text, "utf-8")
    captions = captions_beside(tmp_path / "videos")
    assert caption_of("x/a.mkv", captions) == "a cat"
    assert caption_of("b.mkv", captions) == ""
    (tmp_path / "videos" / name).write_text("{", "utf-8")  # broken: the one around it holds
    assert caption_of("x/a.mkv", captions_beside(tmp_path / "videos")) == ("" if name.endswith("csv") else "a cat")


def test_the_page_shows_them_as_text_and_pictures_alone(shown_videos: list[Record], tmp_path: Path) -> None:
    text = page(shown_videos, {}, "a", galleries(shown_videos, tmp_path))
    assert text.count("data:image/webp;base64,") == 8
    assert "<b>shape</b>" not in text
    assert "&lt;b&gt;shape&lt;/b&gt; 0" in text
    assert "0&lt;script&gt;.mkv" in text
    assert "3 of 3 videos each" in text
    assert text == page(shown_videos, {}, "a", galleries(shown_videos, tmp_path))
