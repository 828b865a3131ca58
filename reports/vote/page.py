"""The page on which raters vote: one template for the server and for folders that are opened without one."""

import base64
import hashlib
from importlib.resources import files
from typing import Any

from vidgauge.reports.html import templates
from vidgauge.reports.vote.schedule import schedule
from vidgauge.reports.vote.study import QUESTIONS, Study


def plan_for(study: Study, slot: int) -> dict[str, Any]:
    """What a rater's browser is told: identifiers and captions, no system, no file, and no word on what is a check."""
    captions = [prompt.caption for prompt in study.prompts]
    return {
        "slot": slot,
        "trials": [
            {"id": trial.id, "left": trial.left_clip, "right": trial.right_clip, "caption": captions[trial.prompt]}
            for trial in schedule(study, slot)
        ],
    }


def server_page(study: Study) -> tuple[bytes, str]:
    """The page that a server gives out, and its content security policy."""
    return _render(study, None).encode(), "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {_digest(_asset('vote.js'))}",
            f"style-src {_digest(_asset('vote.css'))}",
            "img-src data: blob:",
            "connect-src 'self'",
            *(f"{what} 'none'" for what in ("base-uri", "form-action", "frame-ancestors")),
        )
    )


def folder_page(study: Study, slot: int) -> str:
    """The page of one rater in a folder, which keeps the votes until they are saved as a file."""
    return _render(study, plan_for(study, slot))


def _render(study: Study, plan: dict[str, Any] | None) -> str:
    facts = {
        "study": study.public_id,
        "questions": [{"name": name, "text": QUESTIONS[name]} for name in study.questions],
        "ties": study.ties,
        "plan": plan,
    }
    amount = min(study.pairs_each or len(study.pairs), len(study.pairs)) + len(study.checks)
    style, script = _asset("vote.css"), _asset("vote.js")
    return templates().get_template("vote.html.j2").render(facts=facts, amount=amount, style=style, script=script)


def _asset(name: str) -> str:
    return "\n" + (files("vidgauge.reports") / "templates" / name).read_text("utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
