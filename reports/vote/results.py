"""What a study found, as records."""

import uuid
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any, Literal

import numpy as np

from vidgauge.environment import Environment
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Measure, ProtocolRef, Record, Subject
from vidgauge.reports.vote.agreement import FEWEST_UNITS, alpha_interval, krippendorff_alpha
from vidgauge.reports.vote.bradley_terry import bradley_terry
from vidgauge.reports.vote.counting import FAILED, Count, Vote
from vidgauge.reports.vote.majorities import majorities, votes_by_prompt
from vidgauge.reports.vote.shares import LEVEL, share
from vidgauge.reports.vote.showing import SHOWN
from vidgauge.reports.vote.study import QUESTIONS, Question, Study

PREFERENCE, RANKING, ACCOUNT = "human preference", "human ranking", "human study"
"""Kinds of subjects: one system against another, a system among several, the study itself."""

_Finding = dict[str, Any]
_Better = Literal["higher", "neither"]
_NO_VOTES: _Finding = {"status": "failed", "reason": "no vote was counted"}
_ONE_RATER = "one rater: the interval is of other prompts, not of other people"
_ONE_PROMPT = "one prompt: the interval is of other people, not of other prompts"


def results(study: Study, counted: Count, environment: Environment) -> list[Record]:
    """The records of a study.

    For every two systems and each question: the share of votes for the first, the share of prompts whose majority is
    for it, and the agreement of raters; for more than two systems their strengths; an account of raters and votes.

    Args:
        study: the plan.
        counted: its votes.
        environment: where they are counted, which changes no number.
    """
    run = uuid.uuid4().hex
    common = {"study": study.fingerprint, "prompts": len(study.prompts)}

    def record(kind: str, name: str, config: _Finding, measure: Measure, finding: _Finding) -> Record:
        protocol = protocol_of(study, finding.pop("estimator"))
        details = {"protocol": protocol} | finding.pop("details", {})
        return Record(
            subject=Subject(kind=kind, name=name, config=common | config),
            measure=measure,
            protocol=ProtocolRef(name=f"vote.{protocol['estimator']}", fingerprint=fingerprint(protocol)),
            environment=environment.fingerprint,
            code=environment.code,
            run=run,
            details=details,
            **finding,
        )

    couples = list(dict.fromkeys((first, second) for _, first, second in study.pairs))
    made = [
        record(PREFERENCE, first, {"against": second}, _measure(f"{question}_{what}", better), finding)
        for first, second in couples
        for question in study.questions
        for what, better, finding in _between(counted, first, second, question)
    ]
    if len(study.systems) > 2:
        for question in study.questions:
            for name, finding in _strengths(study, counted, question):
                made.append(record(RANKING, name, {}, _measure(f"{question}_strength", "higher"), finding))
    for what, finding in _account(counted):
        made.append(record(ACCOUNT, study.name, {}, _measure(what, "neither"), finding))
    return made


def protocol_of(study: Study, estimator: str) -> dict[str, Any]:
    """Everything in a study, but for its videos and people, that changes its numbers."""
    return {
        "revision": 1,
        "estimator": estimator,
        "questions": {question: QUESTIONS[question] for question in study.questions},
        "asked": "quality first; the caption appears with the question about it",
        "ties": study.ties,
        "sides": "counter-balanced",
        "shown": SHOWN,
        "watched": "once from beginning to end before an answer",
        "checks": len(study.checks),
        "misses_allowed": study.misses,
    }


def _measure(name: str, better: _Better) -> Measure:
    return Measure(name=name, unit="1", better=better)


def _between(counted: Count, first: str, second: str, question: Question) -> Iterator[tuple[str, _Better, _Finding]]:
    def about(votes: Sequence[Vote]) -> list[Vote]:
        return [vote for vote in votes if (vote.question, vote.first, vote.second) == (question, first, second)]

    votes = about(counted.votes)
    yield "preferred", "higher", _preferred(votes, first) | {"n_failed": len(about(counted.left_out))}
    yield "majority", "higher", _majority(votes, first)
    yield "agreement", "neither", _agreement(votes, first, second)


def _preferred(votes: Sequence[Vote], first: str) -> _Finding:
    decided = [vote for vote in votes if vote.winner is not None]
    finding: _Finding = {"estimator": "share", "n": len(decided)}
    if not decided:
        return finding | _NO_VOTES
    found = _share(decided, [vote.winner == first for vote in decided])
    found["details"]["no_difference"] = len(votes) - len(decided)
    return finding | found


def _share(votes: Sequence[Vote], won: Sequence[bool]) -> _Finding:
    prompts, raters = _numbers([vote.prompt for vote in votes]), _numbers([vote.rater for vote in votes])
    found = share(np.array(won), prompts, raters)
    sizes = {_ONE_RATER: int(raters.max()) + 1, _ONE_PROMPT: int(prompts.max()) + 1}
    details = {
        "interval": "of other prompts and raters: clustered by both, Wilson's form",
        "interval_if_votes_were_independent": list(found.independent),
        "votes_worth": found.effective,
        "raters": sizes[_ONE_RATER],
        "prompts": sizes[_ONE_PROMPT],
        "notes": [note for note, size in sizes.items() if size == 1],
    }
    return {"value": found.value, "low": found.low, "high": found.high, "level": LEVEL, "details": details}


def _numbers(names: Sequence[int]) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """The same things by numbers from 0 without gaps."""
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _majority(votes: Sequence[Vote], first: str) -> _Finding:
    found = majorities(votes_by_prompt(votes), first)
    finding: _Finding = {"estimator": "majority", "n": found.decided, "n_failed": found.undecided}
    if not found.decided:
        return finding | {"status": "failed", "reason": "no prompt has a majority"}
    low, high = found.interval
    details = {
        "raters_of_a_prompt": f"{found.fewest} to {found.most}",
        "interval": "of other prompts with these raters: Wilson's",
        "notes": [f"{found.undecided} prompts without a majority are left out"] * bool(found.undecided),
    }
    return finding | {"value": found.value, "low": low, "high": high, "level": LEVEL, "details": details}


def _agreement(votes: Sequence[Vote], first: str, second: str) -> _Finding:
    values = (first, second, None)
    counts_uv = np.array(
        [[[vote.winner for vote in group].count(value) for value in values] for group in votes_by_prompt(votes)]
    ).reshape(-1, len(values))
    shared_uv = counts_uv[counts_uv.sum(1) > 1]
    finding: _Finding = {"estimator": "agreement", "n": len(shared_uv)}
    if not len(shared_uv):
        return finding | {"status": "failed", "reason": "no prompt has two raters"}
    value = krippendorff_alpha(shared_uv)
    if np.isnan(value):
        return finding | {
            "status": "failed",
            "reason": "all raters always gave the same answer, so chance alone agrees",
        }
    finding |= {"value": value, "details": {"coefficient": "Krippendorff's alpha, nominal"}}
    interval = alpha_interval(shared_uv, LEVEL)
    if interval is None:
        return finding | {"no_interval": f"fewer than {FEWEST_UNITS} prompts with two raters"}
    return finding | {"low": interval[0], "high": interval[1], "level": LEVEL}


def _strengths(study: Study, counted: Count, question: Question) -> Iterator[tuple[str, _Finding]]:
    votes = [vote for vote in counted.votes if vote.question == question and vote.winner is not None]
    finding: _Finding = {"estimator": "bradley-terry", "n": len(votes)}
    winners = np.array([study.systems.index(vote.winner or "") for vote in votes], dtype=np.int64)
    losers = np.array([study.systems.index(_loser(vote)) for vote in votes], dtype=np.int64)
    prompts, raters = _numbers([vote.prompt for vote in votes]), _numbers([vote.rater for vote in votes])
    try:
        found = bradley_terry(len(study.systems), winners, losers, prompts, raters, LEVEL)
    except ValueError as error:
        reason = str(error) if votes else str(_NO_VOTES["reason"])
        yield from ((name, finding | {"status": "failed", "reason": reason}) for name in study.systems)
        return
    details = {"unit": "log odds against the average system", "interval": "of other prompts and raters, as of shares"}
    for name, strength in zip(study.systems, found, strict=True):
        ends = {"value": strength.value, "low": strength.low, "high": strength.high, "level": LEVEL}
        yield name, finding | ends | {"details": details}


def _loser(vote: Vote) -> str:
    return vote.second if vote.winner == vote.first else vote.first


def _account(counted: Count) -> Iterator[tuple[str, _Finding]]:
    raters = counted.raters
    failed = [rater for rater in raters if rater.left_out == FAILED]
    told = [
        {
            "rater": index + 1,
            "votes": rater.answers,
            "checks": rater.checks,
            "missed": rater.missed,
            "left_out": rater.left_out,
            "median_seconds": round(median(rater.seconds), 1) if rater.seconds else None,
        }
        for index, rater in enumerate(raters)
    ]
    counts = {
        "raters": sum(not rater.left_out for rater in raters),
        "raters_left_out": sum(bool(rater.left_out) for rater in raters),
        "raters_who_failed_checks": len(failed),
        "votes": len(counted.votes),
        "votes_left_out": len(counted.left_out),
    }
    for what, value in counts.items():
        finding: _Finding = {"estimator": "account", "value": float(value), "no_interval": "counted", "n": len(raters)}
        yield what, finding | {"details": {"raters": told} if what == "raters" else {}}
    sided = [vote for vote in counted.votes if vote.left is not None]
    finding = {"estimator": "account", "n": len(sided)}
    yield "left_chosen", finding | (_share(sided, [bool(vote.left) for vote in sided]) if sided else _NO_VOTES)
