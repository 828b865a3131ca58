"""The study: what is compared, what is asked and which raters count, written down before anybody votes."""

import hashlib
import hmac
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from vidgauge.errors import VidgaugeError
from vidgauge.files import whole_file
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Frozen, storable

PLAN = "study.json"
CLIPS = "clips"

Question = Literal["quality", "faithfulness"]
Choice = Literal["left", "right", "same"]
QUESTIONS: dict[Question, str] = {
    "quality": "Which video is of better quality?",
    "faithfulness": "Which video is more faithful to this caption?",
}
"""In the order in which they are asked; the caption appears with the second."""


class Clip(Frozen):
    """A video as it is shown."""

    id: str
    """What the browser calls it; says nothing of where it comes from."""
    file: str
    """The video it was made from, for the study's owner alone."""
    sha256: str
    """Digest of that file; of a folder of frames, the fingerprint of its files' digests."""

    _names_of_any_bytes = model_validator(mode="before")(storable)


class Prompt(Frozen):
    """What all systems were asked for."""

    key: str
    """Its caption, with a number where a caption stands several times; else what the videos' names share."""
    caption: str
    """Empty where there is none."""
    clips: dict[str, Clip]
    """Each system's answer."""

    _names_of_any_bytes = model_validator(mode="before")(storable)


class Check(Frozen):
    """An attention check: a clip of the study beside its own distorted copy."""

    prompt: int
    """Which of the prompts, from 0."""
    system: str
    """Whose answer to it is distorted."""
    distorted: str
    """The copy's identifier."""


class Study(Frozen):
    """The plan of a study, which never changes once it is written."""

    revision: Literal[1] = 1
    name: str
    """Shown to its owner alone."""
    token: str
    """Part of the address, without which the server answers nothing."""
    salt: str
    """From which identifiers are made; never leaves the study's folder."""
    seed: int = Field(ge=0)
    """Of the order of pairs and sides, and of the checks."""
    systems: tuple[str, ...] = Field(min_length=2)
    prompts: tuple[Prompt, ...] = Field(min_length=1)
    checks: tuple[Check, ...] = ()
    """The same for all raters."""
    misses: int = Field(default=0, ge=0)
    """A rater who misses more checks than this is left out."""
    pairs_each: int | None = Field(default=None, ge=1)
    """How many pairs a rater is shown; all of them without."""
    ties: bool = False
    """Whether "no difference" may be answered."""

    @property
    def questions(self) -> tuple[Question, ...]:
        """Faithfulness is asked where all prompts have captions."""
        return tuple(QUESTIONS) if all(prompt.caption for prompt in self.prompts) else ("quality",)

    @property
    def pairs(self) -> list[tuple[int, str, str]]:
        """Every prompt, by its number, with every two systems."""
        couples = [(a, b) for index, a in enumerate(self.systems) for b in self.systems[index + 1 :]]
        return [(number, *couple) for number in range(len(self.prompts)) for couple in couples]

    @property
    def clips(self) -> list[str]:
        """Identifiers of all clips that are shown, the distorted copies among them."""
        clips = [clip.id for prompt in self.prompts for clip in prompt.clips.values()]
        return [*clips, *(check.distorted for check in self.checks)]

    @property
    def fingerprint(self) -> str:
        """Of everything that the plan fixes."""
        return fingerprint(self.model_dump(mode="json", exclude={"token"}))

    @property
    def public_id(self) -> str:
        """By which browsers and files of votes name the study."""
        return self.identifier("study")

    def identifier(self, *parts: object) -> str:
        """A name for something of this study that tells nobody without the salt what it is."""
        return identifier(self.salt, *parts)


def identifier(salt: str, *parts: object) -> str:
    """Twenty hex digits that follow from the parts, for whoever knows the salt."""
    text = "\0".join(map(str, parts))
    return hmac.new(salt.encode(), text.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:20]


def read_study(folder: Path) -> Study:
    """The study in a folder.

    Raises:
        VidgaugeError: where there is none, or none that this version understands.
    """
    try:
        return Study.model_validate_json((folder / PLAN).read_bytes())
    except FileNotFoundError:
        raise VidgaugeError(f"{folder} holds no study ({PLAN}); make one with 'vidgauge vote new'") from None
    except (OSError, ValidationError) as error:
        raise VidgaugeError(f"{folder / PLAN} is not the plan of a study ({str(error).splitlines()[0]})") from error


def write_study(folder: Path, study: Study) -> None:
    """Write the plan, whole or not at all, for its owner's eyes alone: it holds the token and tells whose is what."""
    with whole_file(folder / PLAN) as partial:
        partial.write_text(study.model_dump_json(indent=1) + "\n", "utf-8")
    (folder / PLAN).chmod(0o600)
