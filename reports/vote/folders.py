"""Voting without a server: a folder of pages and clips that opens from disk, and the files of votes that come back."""

import shutil
from pathlib import Path

from pydantic import Field, ValidationError

from vidgauge.errors import UsageError
from vidgauge.files import whole_file
from vidgauge.record import Frozen
from vidgauge.reports.vote.answers import Answer, ConflictError, Rater, check_answers
from vidgauge.reports.vote.page import folder_page
from vidgauge.reports.vote.study import CLIPS, PLAN, Study, read_study
from vidgauge.reports.vote.votes import VOTES, Votes

_LARGEST = 64 * 2**20


class _File(Frozen):
    """What a page saves."""

    format: str = Field(pattern="^vidgauge votes 1$")
    study: str
    slot: int = Field(ge=0, lt=10**6)
    rater: Rater
    answers: list[Answer]


def export_folder(folder: Path, study: Study, out: Path, raters: int) -> list[Path]:
    """Write pages that need no server, one a rater, and the clips that they share.

    Args:
        folder: of the study.
        study: its plan.
        out: folder to write to; new or empty.
        raters: how many; each gets a number that no other rater of this study has.

    Returns:
        The pages.

    Raises:
        UsageError: where the folder holds anything.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not empty; give --out a new folder")
    (out / CLIPS).mkdir(parents=True, exist_ok=True)
    for name in study.clips:
        shutil.copyfile(folder / CLIPS / f"{name}.js", out / CLIPS / f"{name}.js")
    pages = []
    for slot in Votes(folder / VOTES, study.fingerprint).reserve(raters):
        pages.append(out / f"rater-{slot + 1}.html")
        with whole_file(pages[-1]) as partial:
            partial.write_text(folder_page(study, slot), "utf-8")
    return pages


def merge(folder: Path, study: Study, source: Path) -> int:
    """Take over votes that were given elsewhere; what is here already is not counted again.

    Args:
        folder: of the study.
        study: its plan.
        source: a file that a page saved, or the folder of a copy of this study that was served elsewhere.

    Returns:
        How many answers are new.

    Raises:
        UsageError: the votes are of another study, to questions that it does not ask, or contradict what is here; then
            none of the source is taken over.
    """
    parts = _served(study, source) if source.is_dir() else [_saved(study, source)]
    votes = Votes(folder / VOTES, study.fingerprint)
    for part in parts:
        try:
            check_answers(study, part.slot, part.answers)
        except UsageError as error:
            raise UsageError(f"{source}: {error}") from error
    try:
        return votes.merge([(part.rater, part.slot, part.answers) for part in parts])
    except ConflictError as error:
        raise UsageError(f"{source}: {error}") from error


def _saved(study: Study, path: Path) -> _File:
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{path} is larger than any file of votes")
        found = _File.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise UsageError(f"{path} is not a file of votes ({where}: {first['msg']})") from error
    if found.study != study.public_id:
        raise UsageError(f"{path} holds votes of another study; merge it into that one")
    return found


def _served(study: Study, folder: Path) -> list[_File]:
    other = read_study(folder)
    if other.fingerprint != study.fingerprint:
        raise UsageError(f"{folder / PLAN} is the plan of another study; merge copies of this one alone")
    votes = Votes(folder / VOTES, study.fingerprint)
    return [
        _File(format="vidgauge votes 1", study=study.public_id, slot=slot, rater=rater, answers=votes.answers(rater))
        for rater, slot in votes.raters().items()
    ]
