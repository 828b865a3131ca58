"""What a Moving Shapes clip shows, apart from how it is drawn: vocabulary, scene, label, caption."""

from dataclasses import dataclass

import numpy as np

MOTIONS = (
    "drifts left",
    "drifts right",
    "drifts up",
    "drifts down",
    "orbits clockwise",
    "orbits counter-clockwise",
    "spins clockwise",
    "spins counter-clockwise",
)
SHAPES = ("star", "heart", "cross", "triangle", "crescent", "arrow", "ring")
COLOURS = {
    "red": (0.88, 0.12, 0.14),
    "orange": (0.97, 0.55, 0.08),
    "yellow": (0.95, 0.90, 0.15),
    "green": (0.15, 0.75, 0.25),
    "cyan": (0.15, 0.85, 0.90),
    "blue": (0.14, 0.25, 0.90),
    "purple": (0.58, 0.15, 0.75),
    "white": (0.97, 0.97, 0.97),
}
# Darker than any object, so that shapes stand out from textures.
BACKGROUNDS = {
    "red": (0.45, 0.07, 0.09),
    "brown": (0.42, 0.26, 0.12),
    "green": (0.08, 0.36, 0.14),
    "teal": (0.06, 0.38, 0.40),
    "blue": (0.12, 0.16, 0.50),
    "purple": (0.34, 0.10, 0.44),
    "grey": (0.45, 0.45, 0.45),
}
TEXTURES = ("stripes", "checks", "dots", "gradient", "clouds")

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Scene:
    """One clip's content, independent of its resolution and length.

    The frame is a torus: what leaves on one side enters on the other. So a start that is uniform stays uniform under
    every motion, and because no other quantity depends on the motion either, one frame tells nothing about it.
    Lengths are fractions of the frame's shorter side, angles are radians, y points down, rates are per frame.
    """

    motion: str
    shape: str
    colour: str
    texture: str
    background: str
    """Name of the texture's colour, one of `BACKGROUNDS`; never the object's."""
    radius: float
    """The object's circumscribed circle."""
    centre: tuple[float, float]
    """x and y as fractions of width and height: where the object starts, or what it orbits around."""
    angle: float
    """The object's orientation in the first frame."""
    orbit: float
    """Distance from the centre, for the motions that orbit."""
    phase: float
    """Where on the orbit it starts."""
    pace: float
    """How fast, between 0 (slowest) and 1 (fastest) of the motion's own range."""
    colour_rgb: Rgb
    background_rgb: Rgb
    ground_rgb: Rgb
    """The texture's second colour: a dark grey."""
    texture_frequency: float
    """Periods per shorter side."""
    texture_angle: float
    texture_offset: tuple[float, float]
    """In periods."""
    flicker: float
    """How far the brightness falls, at its lowest, below 1."""
    flicker_rate: float
    """Radians per frame."""
    flicker_phase: float

    @property
    def label(self) -> int:
        """Index into `class_names`."""
        return MOTIONS.index(self.motion) * len(SHAPES) + SHAPES.index(self.shape)

    @property
    def caption(self) -> str:
        """Such as "a red star orbits clockwise over blue stripes"."""
        return caption(self.colour, self.shape, self.motion, self.background, self.texture)


def caption(colour: str, shape: str, motion: str, background: str, texture: str) -> str:
    """The sentence that describes a scene of these parts."""
    ground = _with_article(f"{background} gradient") if texture == "gradient" else f"{background} {texture}"
    return f"{_with_article(colour)} {shape} {motion} over {ground}"


def _with_article(words: str) -> str:
    return ("an " if words[0] in "aeiou" else "a ") + words


def class_names() -> list[str]:
    """The label's names: every shape with every motion, such as "star orbits clockwise"."""
    return [f"{shape} {motion}" for motion in MOTIONS for shape in SHAPES]


def sample_scene(rng: np.random.Generator) -> Scene:
    """Draw a scene. Everything but the motion is drawn alike for all motions, and independently of it."""
    colour = list(COLOURS)[rng.integers(len(COLOURS))]
    others = [name for name in BACKGROUNDS if name != colour]
    background = others[rng.integers(len(others))]
    return Scene(
        motion=MOTIONS[rng.integers(len(MOTIONS))],
        shape=SHAPES[rng.integers(len(SHAPES))],
        colour=colour,
        texture=TEXTURES[rng.integers(len(TEXTURES))],
        background=background,
        radius=rng.uniform(0.18, 0.28),
        centre=(rng.random(), rng.random()),
        angle=rng.uniform(0, 2 * np.pi),
        orbit=rng.uniform(0.12, 0.22),
        phase=rng.uniform(0, 2 * np.pi),
        pace=rng.random(),
        colour_rgb=_jittered(COLOURS[colour], rng),
        background_rgb=_jittered(BACKGROUNDS[background], rng),
        ground_rgb=(rng.uniform(0.02, 0.15),) * 3,
        texture_frequency=rng.uniform(2.5, 5.0),
        texture_angle=rng.uniform(0, 2 * np.pi),
        texture_offset=(rng.random(), rng.random()),
        flicker=rng.uniform(0, 0.2),
        flicker_rate=rng.uniform(0.2, 1.2),
        flicker_phase=rng.uniform(0, 2 * np.pi),
    )


def _jittered(rgb: Rgb, rng: np.random.Generator) -> Rgb:
    red, green, blue = np.clip(np.array(rgb) + rng.uniform(-0.05, 0.05, 3), 0, 1).tolist()
    return red, green, blue


def scene_at(seed: int, index: int) -> Scene:
    """The scene of that index in the world of that seed, whichever others are drawn."""
    return sample_scene(np.random.default_rng((seed, index)))
