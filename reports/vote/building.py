"""Making a study: its clips first, then its plan, after which nothing about it changes."""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path

import numpy as np

from vidgauge.errors import UsageError
from vidgauge.files import made, sha256, whole_file
from vidgauge.fingerprint import fingerprint
from vidgauge.reports.vote.distortion import distort
from vidgauge.reports.vote.matching import Matched, Video, match
from vidgauge.reports.vote.showing import pad_alike, write_clip
from vidgauge.reports.vote.study import CLIPS, PLAN, Check, Clip, Prompt, Study, identifier, write_study

_DRAFT = "draft.json"
"""Keeps the salt until the plan is there, so that a build that was interrupted finds its clips again."""


@dataclass(frozen=True)
class Rules:
    """What the owner of a study decides."""

    seed: int = 0
    checks: int = 4
    """Attention checks that each rater meets."""
    misses: int = 0
    """How many of them a rater may miss."""
    pairs_each: int | None = None
    """How many pairs a rater is shown; all of them without."""
    ties: bool = False
    """Whether "no difference" may be answered."""
    common: bool = False
    """Leave out prompts for which some system has no video."""

    @property
    def guessing(self) -> float:
        """How probable it is that a rater who guesses passes the checks."""
        return float(sum(comb(self.checks, missed) for missed in range(self.misses + 1)) / 2**self.checks)


def build(
    folder: Path,
    systems: Mapping[str, Sequence[Video]],
    rules: Rules,
    advance: Callable[[int, int], object] = lambda done, total: None,  # noqa: ARG005
) -> Study:
    """Make a study in a folder, or finish what an interrupted call of the same videos began there.

    Args:
        folder: made if need be; must hold no study.
        systems: two or more, with their videos.
        rules: of the study.
        advance: told how many clips are done, and how many there are.

    Returns:
        The study, which lies in the folder.

    Raises:
        UsageError: there is a study already, systems or rules make none, prompts do not match, or a video cannot be
            shown.
    """
    if (folder / PLAN).exists():
        raise UsageError(f"{folder} holds a study, which does not change any more; choose another folder")
    prompts = match(systems, rules.common)
    checked = _checks(prompts, rules)
    salt = _salt(folder)
    total = sum(len(prompt.videos) for prompt in prompts) + len(checked)
    done = 0
    planned: list[Prompt] = []
    checks: list[Check] = []
    for number, prompt in enumerate(prompts):
        clips = {}
        for name, video in prompt.videos.items():
            clips[name] = _clip(folder, salt, f"{number} {name}", video)
            advance(done := done + 1, total)
        for index, system in checked:
            if index == number:
                seed = rules.seed + len(checks)
                clip = _clip(folder, salt, f"distorted {number} {system} {seed}", prompt.videos[system], seed)
                checks.append(Check(prompt=number, system=system, distorted=clip.id))
                advance(done := done + 1, total)
        names = [clip.id for clip in clips.values()] + [one.distorted for one in checks if one.prompt == number]
        pad_alike([folder / CLIPS / f"{name}.js" for name in names])
        planned.append(Prompt(key=prompt.key, caption=prompt.caption, clips=clips))
    study = Study(
        name=folder.absolute().name,
        token=secrets.token_urlsafe(16),
        salt=salt,
        seed=rules.seed,
        systems=tuple(systems),
        prompts=tuple(planned),
        checks=tuple(checks),
        misses=rules.misses,
        pairs_each=rules.pairs_each,
        ties=rules.ties,
    )
    write_study(folder, study)
    (folder / _DRAFT).unlink()
    return study


def _checks(prompts: Sequence[Matched], rules: Rules) -> list[tuple[int, str]]:
    """Which answers to which prompts are distorted: other prompts, and systems in turn, as long as there are any."""
    if rules.checks and rules.misses >= rules.checks:
        raise UsageError(f"{rules.misses} misses of {rules.checks} checks let everybody pass; allow fewer")
    systems = list(prompts[0].videos)
    if rules.checks > len(prompts) * len(systems):
        raise UsageError(f"{rules.checks} checks need as many videos, but there are {len(prompts) * len(systems)}")
    order = np.random.default_rng([rules.seed, 3]).permutation(len(prompts))
    turns = [divmod(turn, len(prompts)) for turn in range(rules.checks)]
    return [(int(order[place]), systems[(place + round_) % len(systems)]) for round_, place in turns]


def _salt(folder: Path) -> str:
    """Of the build that was interrupted here, or a new one."""
    draft = made(folder) / _DRAFT
    if not draft.exists():
        if any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty; choose a new folder for the study")
        with whole_file(draft) as partial:
            partial.write_text(json.dumps({"salt": secrets.token_hex(16)}), "utf-8")
    made(folder / CLIPS)
    return str(json.loads(draft.read_text("utf-8"))["salt"])


def _clip(folder: Path, salt: str, role: str, video: Video, distorted: int | None = None) -> Clip:
    """Make a video's clip, unless it is there already."""
    digest = sha256(video.path) if video.path.is_file() else _folder_digest(video.path)
    try:
        ends = video.ends()
        name = identifier(salt, role, digest, fingerprint(list(ends)))
        path = folder / CLIPS / f"{name}.js"
        if not path.exists():
            frames = video.frames()
            write_clip(path, name, frames if distorted is None else distort(frames, distorted), ends)
    except UsageError as error:
        raise UsageError(f"{video.path}: {error}") from error
    return Clip(id=name, file=str(video.path), sha256=digest)


def _folder_digest(folder: Path) -> str:
    """Of all files in a folder of frames."""
    return fingerprint({path.name: sha256(path) for path in folder.iterdir() if path.is_file()})
