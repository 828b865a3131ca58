"""From answers to votes: which system was preferred, and which raters count, by the rule that the plan fixed."""

from dataclasses import dataclass

from vidgauge.reports.vote.answers import Answer
from vidgauge.reports.vote.schedule import INTACT, Trial, schedule
from vidgauge.reports.vote.study import Question, Study
from vidgauge.reports.vote.votes import Votes

NO_CHECK = "answered no check"
FAILED = "missed too many checks"


@dataclass(frozen=True)
class Vote:
    """One counted answer about a pair of systems."""

    question: Question
    prompt: int
    rater: int
    """Index into the raters of the count."""
    first: str
    """The systems in the order of the plan."""
    second: str
    winner: str | None
    """None where there was no difference."""
    left: bool | None
    """Whether the winner stood left."""


@dataclass(frozen=True)
class RaterAccount:
    """What came of one rater."""

    answers: int
    """About pairs of systems."""
    checks: int
    """Answered, of quality: what is asked of faithfulness in a check has no certain answer."""
    missed: int
    left_out: str
    """Why the rater does not count; empty where it does."""
    seconds: tuple[float, ...]
    """Taken for each answer."""


@dataclass(frozen=True)
class Count:
    """All votes of a study."""

    votes: list[Vote]
    left_out: list[Vote]
    """Those of raters who do not count."""
    raters: list[RaterAccount]


def count(study: Study, votes: Votes) -> Count:
    """Turn the answers into votes. Raters are numbered in the order in which they joined; names stay in the store."""
    kept: list[Vote] = []
    left_out: list[Vote] = []
    accounts: list[RaterAccount] = []
    for number, (rater, slot) in enumerate(votes.raters().items()):
        trials = {trial.id: trial for trial in schedule(study, slot)}
        answers = [answer for answer in votes.answers(rater) if answer.trial in trials]
        found = [
            _vote(study, trials[answer.trial], answer, number)
            for answer in answers
            if not trials[answer.trial].is_check
        ]
        checked = [one for one in answers if trials[one.trial].is_check and one.question == "quality"]
        missed = sum(_chosen(trials[one.trial], one) != INTACT for one in checked)
        account = RaterAccount(
            len(found), len(checked), missed, _why_not(study, checked, missed), tuple(a.seconds for a in answers)
        )
        accounts.append(account)
        (left_out if account.left_out else kept).extend(found)
    return Count(kept, left_out, accounts)


def _why_not(study: Study, checked: list[Answer], missed: int) -> str:
    if missed > study.misses:
        return FAILED
    return NO_CHECK if study.checks and not checked else ""


def _vote(study: Study, trial: Trial, answer: Answer, rater: int) -> Vote:
    first, second = sorted((trial.left, trial.right), key=study.systems.index)
    winner = _chosen(trial, answer)
    left = None if winner is None else winner == trial.left
    return Vote(answer.question, trial.prompt, rater, first, second, winner, left)


def _chosen(trial: Trial, answer: Answer) -> str | None:
    return {"left": trial.left, "right": trial.right, "same": None}[answer.choice]
