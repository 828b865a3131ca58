"""The study in the browser: a small server that gives out one page and its clips, and takes votes.

It answers on the loopback address unless told otherwise, and only under the study's token. Names in an address are
looked up among those of the plan and never become paths of files. A request under a foreign name for this machine (DNS
rebinding) is refused, and so is a vote that another site's page sends. Page and clips say nothing of systems or files.
"""

import hmac
import ipaddress
import json
import socket
import socketserver
import sqlite3
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from vidgauge.errors import UsageError
from vidgauge.reports.vote.answers import Answer, ConflictError, Rater, check_answers
from vidgauge.reports.vote.page import plan_for, server_page
from vidgauge.reports.vote.study import CLIPS, Study
from vidgauge.reports.vote.votes import VOTES, Votes

_MOST_BYTES = 4096
"""Of what a page may send; a vote takes 200."""
_SECONDS = 30
"""After which a silent connection is given up."""


class _Joining(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rater: Rater


class _Voting(_Joining):
    answer: Answer


class _RefusedError(Exception):
    """A request that is not served."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class VoteServer(ThreadingHTTPServer):
    """Serves one study until it is shut down.

    Args:
        folder: of the study.
        study: its plan.
        host: name or address to listen at.
        port: 0 takes a free one.

    Raises:
        UsageError: where it cannot listen there.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path, study: Study, host: str = "127.0.0.1", port: int = 0) -> None:
        self.study, self.host = study, host
        self.votes = Votes(folder / VOTES, study.fingerprint)
        self.files = {f"{CLIPS}/{name}.js": folder / CLIPS / f"{name}.js" for name in study.clips}
        self.page, self.policy = server_page(study)
        try:
            if ":" in host:
                self.address_family = socket.AF_INET6
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"cannot listen at {host} port {port} ({reason}); choose others") from error

    def server_bind(self) -> None:
        """Bind without asking name servers for this machine's full name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the base class's
        """Pass over raters who went away; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    @property
    def address(self) -> str:
        """What a rater opens; where it listens at all addresses, with a place for one of them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        if _is_address(self.host) and ipaddress.ip_address(self.host).is_unspecified:
            host = "ADDRESS-OF-THIS-MACHINE"
        return f"http://{host}:{self.server_address[1]}/{self.study.token}/"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "vidgauge", ""
    timeout = _SECONDS
    server: VoteServer

    def do_GET(self) -> None:
        self._answer(self._get)

    do_HEAD = do_GET  # noqa: N815 - the base class's way

    def do_POST(self) -> None:
        self._answer(self._post)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Say nothing: what raters do is in the store."""

    def _answer(self, serve: Callable[[str], tuple[str, bytes]]) -> None:
        status = HTTPStatus.OK
        try:
            self._check_host()
            kind, body = serve(self._route())
        except _RefusedError as refused:
            status, kind, body = refused.status, "application/json", _json({"error": str(refused)})
            self.close_connection = True  # what it still sends is not read
        except (sqlite3.Error, OSError) as error:
            status, kind, body = HTTPStatus.SERVICE_UNAVAILABLE, "application/json", _json({"error": str(error)})
            self.close_connection = True
        self.send_response(status)
        for name, value in self._headers(kind, len(body)).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _headers(self, kind: str, length: int) -> dict[str, str]:
        shared = {
            "Content-Type": kind,
            "Content-Length": str(length),
            "Content-Security-Policy": self.server.policy,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cache-Control": "private, max-age=3600" if kind == "text/javascript" else "no-store",
        }
        return shared | ({"Connection": "close"} if self.close_connection else {})

    def _check_host(self) -> None:
        given = self.headers.get_all("Host") or []
        name = (urlsplit(f"//{given[0]}").hostname or "") if len(given) == 1 else ""
        if not (name in ("localhost", self.server.host.lower()) or _is_address(name)):
            raise _RefusedError(HTTPStatus.MISDIRECTED_REQUEST, "this server does not go by that name")

    def _route(self) -> str:
        """What is asked for below the token."""
        token, slash, rest = self.path.removeprefix("/").partition("/")
        known = hmac.compare_digest(token.encode("latin-1", "replace"), self.server.study.token.encode())
        if not (known and slash):
            raise _RefusedError(HTTPStatus.NOT_FOUND, "there is nothing here")
        return rest

    def _get(self, route: str) -> tuple[str, bytes]:
        if not route:
            return "text/html; charset=utf-8", self.server.page
        if route not in self.server.files:
            raise _RefusedError(HTTPStatus.NOT_FOUND, "there is nothing here")
        return "text/javascript", self.server.files[route].read_bytes()

    def _post(self, route: str) -> tuple[str, bytes]:
        if route not in ("join", "vote"):
            raise _RefusedError(HTTPStatus.NOT_FOUND, "there is nothing here")
        self._check_origin()
        body = self._body()
        try:
            done = self._join(_Joining.model_validate_json(body)) if route == "join" else self._vote(body)
        except ValidationError as error:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, error.errors()[0]["msg"]) from error
        return "application/json", _json(done)

    def _check_origin(self) -> None:
        origin = urlsplit(self.headers.get("Origin", ""))
        if origin.scheme not in ("http", "https") or origin.netloc != self.headers["Host"]:
            raise _RefusedError(HTTPStatus.FORBIDDEN, "votes are taken from the study's own page alone")
        if self.headers.get_content_type() != "application/json":
            raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "votes come as application/json")

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()) or "Transfer-Encoding" in self.headers:
            raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, "say how long the body is")
        if len(length) > len(str(_MOST_BYTES)) or int(length) > _MOST_BYTES:
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {_MOST_BYTES} bytes")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "the body ended early")
        return body

    def _join(self, asked: _Joining) -> dict[str, Any]:
        slot = self.server.votes.join(asked.rater)
        answers = self.server.votes.answers(asked.rater)
        return plan_for(self.server.study, slot) | {
            "answered": [{"trial": answer.trial, "question": answer.question} for answer in answers]
        }

    def _vote(self, body: bytes) -> dict[str, Any]:
        asked = _Voting.model_validate_json(body)
        study, votes = self.server.study, self.server.votes
        slot = votes.raters().get(asked.rater)
        if slot is None:
            raise _RefusedError(HTTPStatus.CONFLICT, "this rater has not joined")
        try:
            check_answers(study, slot, [asked.answer])
            votes.add(asked.rater, asked.answer)  # on disk before the answer below
        except UsageError as error:
            conflict = isinstance(error, ConflictError)
            raise _RefusedError(HTTPStatus.CONFLICT if conflict else HTTPStatus.BAD_REQUEST, str(error)) from error
        return {"saved": True}


def _is_address(name: str) -> bool:
    """Whether a host is named by its address, which no name server can turn into another's."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _json(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode()
