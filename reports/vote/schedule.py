"""What a rater sees: which pairs, in which order, on which sides, and where the attention checks stand.

Raters have numbers from 0, and all of them together count on through one shuffled list of pairs, each where the one
before stopped. Whenever a pair comes up again its sides are exchanged, so that each system of each pair stands left as
often as right, to within one; and neighbours in the list have opposite sides, so that the same holds for a rater. Every
second rater sees the positions of the one before in reverse.
"""

from dataclasses import dataclass

import numpy as np

from vidgauge.reports.vote.study import Check, Study

INTACT, DISTORTED = "intact", "distorted"


@dataclass(frozen=True)
class Trial:
    """Two videos side by side."""

    id: str
    """What the browser calls it."""
    prompt: int
    """The prompt's number, from 0."""
    left: str
    """The system whose video stands left; of a check, ``intact`` or ``distorted``."""
    right: str
    left_clip: str
    right_clip: str
    is_check: bool


def schedule(study: Study, slot: int) -> list[Trial]:
    """The trials of a rater in the order in which they are shown; the same whenever it is asked for.

    Args:
        study: the plan.
        slot: the rater's number, from 0.
    """
    trials = [_pair(study, slot, *shown) for shown in _pairs(study, slot)]
    order = np.random.default_rng([study.seed, 1, slot // 2]).permutation(len(trials))
    trials = [trials[index] for index in (order[::-1] if slot % 2 else order)]
    generator = np.random.default_rng([study.seed, 2, slot])
    for number, index in reversed(list(enumerate(generator.permutation(len(study.checks))))):
        # One check in each of as many stretches; from the last one on, so that places before stay what they are.
        first, last = (len(trials) * edge // len(study.checks) for edge in (number, number + 1))
        mirrored = bool((slot + index) % 2)
        place = int(generator.integers(first, last + 1))
        trials.insert(place, _check(study, slot, study.checks[index], mirrored))
    return trials


def _pairs(study: Study, slot: int) -> list[tuple[int, str, str, bool]]:
    """Prompt, systems, and whether they change sides."""
    pairs = study.pairs
    each = min(study.pairs_each or len(pairs), len(pairs))
    listed = [pairs[index] for index in np.random.default_rng([study.seed, 0]).permutation(len(pairs))]
    seen: dict[tuple[str, str], int] = {}
    sides = []
    for _, *couple in listed:
        sides.append(seen.setdefault((couple[0], couple[1]), 0) % 2 == 1)
        seen[couple[0], couple[1]] += 1
    shown = []
    for count in range(slot * each, (slot + 1) * each):
        round_, index = divmod(count, len(pairs))
        shown.append((*listed[index], sides[index] ^ (round_ % 2 == 1)))
    return shown


def _pair(study: Study, slot: int, prompt: int, first: str, second: str, mirrored: bool) -> Trial:
    left, right = (second, first) if mirrored else (first, second)
    clips = study.prompts[prompt].clips
    name = study.identifier("trial", slot, prompt, first, second)
    return Trial(name, prompt, left, right, clips[left].id, clips[right].id, is_check=False)


def _check(study: Study, slot: int, check: Check, mirrored: bool) -> Trial:
    name = study.identifier("check", slot, check.distorted)
    clips = {INTACT: study.prompts[check.prompt].clips[check.system].id, DISTORTED: check.distorted}
    left, right = (DISTORTED, INTACT) if mirrored else (INTACT, DISTORTED)
    return Trial(name, check.prompt, left, right, clips[left], clips[right], is_check=True)
