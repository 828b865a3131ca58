import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from vidgauge.datasets.moving_shapes import STYLES, MovingShapes, class_names, render_batch, scene_at
from vidgauge.datasets.moving_shapes.motion import trajectories
from vidgauge.datasets.moving_shapes.scene import MOTIONS, SHAPES, TEXTURES, Scene
from vidgauge.datasets.moving_shapes.shapes import OUTLINES
from vidgauge.errors import UsageError

SCENE = dataclasses.replace(
    scene_at(0, 0),
    motion="drifts right",
    shape="cross",
    texture="gradient",
    centre=(0.5, 0.5),
    angle=0.0,
    radius=0.2,
    flicker=0.0,
    colour_rgb=(1.0, 0.0, 0.0),
    background_rgb=(0.0, 0.0, 0.5),
    ground_rgb=(0.0, 0.0, 0.5),
)


def object_pixels(scene: Scene, frames: int = 16, height: int = 64, width: int = 64) -> Tensor:
    """The part of each pixel that the object covers, seen in the red channel alone: (T, H, W) in [0, 1]."""
    return render_batch([scene], frames, height, width)[0, ..., 0].double() / 255


def centres(pixels_thw: Tensor) -> np.ndarray:
    """The object's centre of mass on the torus, in pixels: (T, 2), x first."""
    found = []
    for axis in (1, 2):  # summed over y leaves x, and the other way round
        mass = pixels_thw.sum(dim=axis).numpy()
        turn = 2j * np.pi * (np.arange(mass.shape[1]) + 0.5) / mass.shape[1]
        found.append(np.angle(mass @ np.exp(turn)) / (2 * np.pi) % 1 * mass.shape[1])
    return np.stack(found, axis=1)


def test_an_item_follows_from_seed_and_index_alone() -> None:
    few, many = MovingShapes(seed=3, count=5), MovingShapes(seed=3, count=50)
    backwards = [many[index].frames_thwc for index in (4, 3, 2, 1, 0)]
    assert all(torch.equal(a.frames_thwc, b) for a, b in zip(few, reversed(backwards), strict=True))
    assert not torch.equal(few[0].frames_thwc, MovingShapes(seed=4, count=1)[0].frames_thwc)
    assert len({sample.id for sample in many}) == 50


@pytest.mark.parametrize(("frames", "height", "width"), [(16, 64, 64), (3, 20, 36), (1, 33, 17)])
def test_a_batch_has_the_pixels_of_its_items(frames: int, height: int, width: int) -> None:
    world = MovingShapes(frames, height, width, seed=5, count=40)
    batch = render_batch([scene_at(5, index) for index in range(40)], frames, height, width)
    assert batch.shape == (40, frames, height, width, 3)
    assert all(torch.equal(sample.frames_thwc, frames_thwc) for sample, frames_thwc in zip(world, batch, strict=True))


def test_a_longer_clip_starts_like_the_shorter_one() -> None:
    scenes = [scene_at(6, index) for index in range(8)]
    assert torch.equal(render_batch(scenes, 16, 32, 32)[:, :5], render_batch(scenes, 5, 32, 32))


@pytest.mark.parametrize("wrong", [{"frames": 0}, {"height": 4}, {"width": 4}, {"seed": -1}, {"count": -1}])
def test_sizes_that_cannot_be_drawn_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        MovingShapes(**wrong)


def test_an_index_beyond_the_count_ends_the_sequence() -> None:
    with pytest.raises(IndexError):
        MovingShapes(count=2)[2]


def test_labels_and_captions_say_what_the_scene_is() -> None:
    assert len(class_names()) == len(set(class_names())) == len(MOTIONS) * len(SHAPES) >= 40
    for sample, index in zip(MovingShapes(frames=1, count=100), range(100), strict=True):
        scene = scene_at(0, index)
        assert sample.label is not None
        assert class_names()[sample.label] == f"{scene.shape} {scene.motion}"
        assert sample.caption == scene.caption
        assert scene.colour != scene.background
    said = dataclasses.replace(SCENE, colour="orange", motion="orbits clockwise", background="blue")
    assert said.caption == "an orange cross orbits clockwise over a blue gradient"
    assert dataclasses.replace(said, texture="stripes").caption == "an orange cross orbits clockwise over blue stripes"


def test_all_classes_and_textures_occur() -> None:
    scenes = [scene_at(1, index) for index in range(1500)]
    assert len({scene.label for scene in scenes}) == len(class_names())
    assert {scene.texture for scene in scenes} == set(TEXTURES)


@pytest.mark.parametrize(
    ("motion", "way"),
    [("drifts left", (-1, 0)), ("drifts right", (1, 0)), ("drifts up", (0, -1)), ("drifts down", (0, 1))],
)
def test_a_drift_goes_where_it_says_and_through_the_edge(motion: str, way: tuple[int, int]) -> None:
    scene = dataclasses.replace(SCENE, motion=motion, pace=1.0)
    path = centres(object_pixels(scene, frames=16, height=48, width=80))
    step = np.diff(path, axis=0)
    step -= np.array([80, 48]) * np.round(step / [80, 48])  # the short way round the torus
    np.testing.assert_allclose(step, np.tile(np.multiply(way, 0.045 * 48), (15, 1)), atol=0.1)


@pytest.mark.parametrize(("motion", "sign"), [("orbits clockwise", 1), ("orbits counter-clockwise", -1)])
def test_an_orbit_turns_as_it_says(motion: str, sign: int) -> None:
    scene = dataclasses.replace(SCENE, motion=motion, orbit=0.2, phase=0.3, pace=0.5)
    x, y = (centres(object_pixels(scene)) - 32).T
    np.testing.assert_allclose(np.hypot(x, y), 0.2 * 64, atol=0.1)
    turned = np.diff(np.unwrap(np.arctan2(y, x)))  # y points down, so that growing angles go clockwise
    np.testing.assert_allclose(turned, sign * np.radians(16), atol=0.02)


@pytest.mark.parametrize(("motion", "sign"), [("spins clockwise", 1), ("spins counter-clockwise", -1)])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_spin_turns_every_shape_visibly(motion: str, sign: int, shape: str) -> None:
    scene = dataclasses.replace(SCENE, motion=motion, shape=shape, radius=0.24, pace=1.0)
    moving = object_pixels(scene)
    turned = [dataclasses.replace(scene, angle=sign * np.radians(20) * frame) for frame in range(16)]
    still = torch.cat([object_pixels(item, frames=1) for item in turned])
    torch.testing.assert_close(moving, still, rtol=0, atol=1.5 / 255)
    assert (moving[1:] - moving[:-1]).abs().sum(dim=(1, 2)).min() > 30  # pixels' worth of change per frame
    # Turning the other way must look different: no frame-to-frame turn reaches half a period of the symmetry.
    other = object_pixels(dataclasses.replace(scene, angle=-sign * np.radians(20)), frames=1)
    assert (moving[1] - other[0]).abs().sum() > 30


def test_one_frame_has_the_same_law_for_all_motions() -> None:
    """Position and orientation at the first, middle and last frame: each uniform, whatever the motion."""
    scenes = [scene_at(2, index) for index in range(5000)]
    x, y, angle = trajectories(scenes, 16)
    centre = torch.tensor([scene.centre for scene in scenes], dtype=torch.float64)
    places = {"x": (x + centre[:, :1]) % 1, "y": (y + centre[:, 1:]) % 1, "angle": angle / (2 * np.pi) % 1}
    motion = np.array([scene.motion for scene in scenes])
    p_values = [
        stats.kstest(values[motion == name, frame].numpy(), "uniform").pvalue
        for values in places.values()
        for name in MOTIONS
        for frame in (0, 8, 15)
    ]
    assert len(p_values) == 72
    assert min(p_values) > 0.05 / 72  # Bonferroni
    for name in MOTIONS:  # and independent of each other, at the last frame
        last = [values[motion == name, 15].numpy() for values in places.values()]
        cells = np.histogramdd(np.stack(last, axis=1), bins=4, range=[(0, 1)] * 3)[0]
        assert stats.chisquare(cells.ravel()).pvalue > 0.05 / len(MOTIONS)


def test_nothing_else_depends_on_the_motion() -> None:
    scenes = [scene_at(7, index) for index in range(4000)]
    motion = np.array([scene.motion for scene in scenes])
    for field in ("radius", "texture_frequency", "flicker", "orbit", "pace"):
        values = np.array([getattr(scene, field) for scene in scenes])
        assert stats.kruskal(*(values[motion == name] for name in MOTIONS)).pvalue > 0.05 / 9, field
    for field in ("shape", "colour", "texture", "background"):
        words = [getattr(scene, field) for scene in scenes]
        table = stats.contingency.crosstab(motion, words).count
        assert stats.chi2_contingency(table).pvalue > 0.05 / 9, field


def test_pixels_have_the_same_law_for_all_motions() -> None:
    """The same scenes under every motion: mean brightness where the object is cannot tell them apart."""
    for frame in (0, 8, 15):
        groups = []
        for number, motion in enumerate(MOTIONS):
            scenes = [dataclasses.replace(scene_at(11 + number, i), motion=motion) for i in range(100)]
            groups.append(render_batch(scenes, frame + 1, 16, 16)[:, frame].double().mean(dim=(1, 2)).numpy())
        for channel in range(3):
            assert stats.kruskal(*(group[:, channel] for group in groups)).pvalue > 0.05 / 9


@pytest.mark.parametrize("shape", SHAPES)
def test_outlines_fill_their_circle_and_none_beyond_it(shape: str) -> None:
    grid = torch.linspace(-1.5, 1.5, 301, dtype=torch.float64)
    v, u = torch.meshgrid(grid, grid, indexing="ij")
    inside = OUTLINES[shape](u, v) < 0
    reach = torch.hypot(u, v)[inside].max()
    assert 0.75 < reach <= 1.2
    slope_v, slope_u = torch.gradient(OUTLINES[shape](u, v), spacing=0.01)
    assert torch.hypot(slope_u, slope_v).quantile(0.99) < 1.01  # a distance never grows faster than the way


def test_edges_are_anti_aliased_in_proportion_to_the_area() -> None:
    """Drawn coarsely or finely and averaged down, a scene is nearly the same."""
    fine = object_pixels(SCENE, frames=4, height=256, width=256)
    coarse = object_pixels(SCENE, frames=4, height=64, width=64)
    averaged = torch.nn.functional.avg_pool2d(fine, 4)
    assert (averaged - coarse).abs().mean() < 0.003
    assert coarse.sum(dim=(1, 2)).std() < 0.02 * coarse.sum(dim=(1, 2)).mean()


def test_written_losslessly_the_frames_come_back(tmp_path: pytest.TempPathFactory) -> None:
    from vidgauge.datasets import read_video, write_video

    sample = MovingShapes(seed=8, count=1)[0]
    write_video(f"{tmp_path}/clip.mkv", sample.frames_thwc, sample.fps)
    video = read_video(f"{tmp_path}/clip.mkv")
    assert torch.equal(video.frames_thwc, sample.frames_thwc)
    assert video.fps == sample.fps


def test_sepia_keeps_luminance_alone() -> None:
    frames = torch.randint(0, 256, (2, 4, 4, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    frames[0, 0, :2] = torch.tensor([[0, 0, 0], [255, 255, 255]], dtype=torch.uint8)
    found = STYLES["sepia"](frames)
    assert found[0, 0, :2].tolist() == [[38, 20, 10], [255, 244, 214]]
    red, green, blue = frames.double().unbind(-1)
    share = (0.299 * red + 0.587 * green + 0.114 * blue) / 255
    for channel, (ink, paper) in enumerate(((38, 255), (20, 244), (10, 214))):
        assert (found[..., channel].double() - (ink + (paper - ink) * share)).abs().max() <= 0.501
    styled, drawn = (
        MovingShapes(frames=2, height=8, width=8, style="sepia")[3],
        MovingShapes(frames=2, height=8, width=8)[3],
    )
    assert torch.equal(styled.frames_thwc, STYLES["sepia"](drawn.frames_thwc))
    assert (styled.caption, styled.id) == (drawn.caption, drawn.id)
    with pytest.raises(UsageError, match="no style 'oil'"):
        MovingShapes(style="oil")
