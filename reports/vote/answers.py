"""What raters send: answers, checked against the plan before they are kept."""

import unicodedata
from typing import Annotated

from pydantic import BeforeValidator, Field

from vidgauge.errors import UsageError
from vidgauge.record import Frozen
from vidgauge.reports.vote.schedule import schedule
from vidgauge.reports.vote.study import Choice, Question, Study

_LONGEST_NAME = 64


def rater_name(given: object) -> str:
    """A rater's name or code as it is kept: no blanks around it, small letters, one form of each accent."""
    if not isinstance(given, str):
        raise ValueError("a rater's name is text")
    name = " ".join(unicodedata.normalize("NFKC", given).casefold().split())
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise ValueError(f"a rater's name has 1 to {_LONGEST_NAME} letters")
    return name


Rater = Annotated[str, BeforeValidator(rater_name)]


class Answer(Frozen):
    """A rater's answer to one question about one trial."""

    trial: str = Field(max_length=64)
    question: Question
    choice: Choice
    seconds: float = Field(ge=0, le=1e9, allow_inf_nan=False)
    """From the question's appearance to its answer."""


class ConflictError(UsageError):
    """An answer was given before, and was another one."""


def check_answers(study: Study, slot: int, answers: list[Answer]) -> None:
    """Refuse answers to what a rater was not asked.

    Raises:
        UsageError: a trial of another rater, a question that the study does not ask, or a tie where it has none.
    """
    trials = {trial.id for trial in schedule(study, slot)}
    for answer in answers:
        if answer.trial not in trials:
            raise UsageError(f"rater number {slot + 1} was not shown a pair {answer.trial!r}")
        if answer.question not in study.questions:
            raise UsageError(f"the study does not ask about {answer.question}")
        if answer.choice == "same" and not study.ties:
            raise UsageError("the study does not allow 'same'")
