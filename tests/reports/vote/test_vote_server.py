"""The server: who may ask what, and that no vote which was acknowledged is ever lost."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vidgauge.errors import UsageError
from vidgauge.reports.vote.answers import Answer
from vidgauge.reports.vote.schedule import schedule
from vidgauge.reports.vote.server import VoteServer
from vidgauge.reports.vote.study import Study
from vidgauge.reports.vote.votes import Votes

if TYPE_CHECKING:
    from tests.reports.vote.conftest import Booth


class Client:
    """A browser of whatever honesty."""

    def __init__(self, study: Study, port: int) -> None:
        self.study, self.port = study, port

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str | None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body; a header of None is not sent."""
        sent = {"Host": f"127.0.0.1:{self.port}"}
        if method == "POST":
            sent |= {"Origin": f"http://127.0.0.1:{self.port}", "Content-Type": "application/json"}
            sent |= {"Content-Length": str(len(body or b""))}
        sent |= {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        for name in [name.replace("_", "-") for name, value in headers.items() if value is None]:
            del sent[name]
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()

    def post(self, route: str, body: object, **headers: str | None) -> tuple[int, dict[str, Any]]:
        status, _, answer = self.ask("POST", f"/{self.study.token}/{route}", json.dumps(body).encode(), **headers)
        return status, json.loads(answer)

    def vote(self, rater: str, trial: str, choice: str = "left", **changes: object) -> tuple[int, dict[str, Any]]:
        answer = {"trial": trial, "question": "quality", "choice": choice, "seconds": 1.0} | changes
        return self.post("vote", {"rater": rater, "answer": answer})


@pytest.fixture(scope="module")
def study(open_booth: "Booth") -> Study:
    return open_booth.study()


@pytest.fixture(scope="module")
def client(open_booth: "Booth", study: Study) -> Iterator[Client]:
    with VoteServer(open_booth.folder / "study", study) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Client(study, server.server_address[1])
        server.shutdown()
        thread.join()


def test_a_rater_joins_votes_and_goes_on(open_booth: "Booth", study: Study, client: Client) -> None:
    status, plan = client.post("join", {"rater": " Anna "})
    assert (status, len(plan["trials"]), plan["answered"]) == (200, 8, [])
    trial = plan["trials"][0]["id"]
    assert [client.vote("anna", trial) for _ in range(2)] == [(200, {"saved": True})] * 2  # sent twice, there once
    assert client.vote("anna", trial, "right")[0] == 409
    assert client.post("join", {"rater": "ANNA"})[1]["answered"] == [{"trial": trial, "question": "quality"}]
    assert open_booth.votes(study).answers("anna") == [
        Answer(trial=trial, question="quality", choice="left", seconds=1.0),
    ]


def test_page_and_clips_come_with_headers_that_let_nobody_else_use_them(client: Client) -> None:
    base = f"/{client.study.token}/"
    status, headers, page = client.ask("GET", base)
    assert status == 200
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self' 'sha256-")
    assert (headers["x-frame-options"], headers["referrer-policy"]) == ("DENY", "no-referrer")
    assert (headers["x-content-type-options"], headers["cross-origin-resource-policy"]) == ("nosniff", "same-origin")
    assert re.search(rb"(src|href)=\"(?!data:)", page) is None  # all of it is in the page
    clip = client.study.clips[0]
    status, headers, body = client.ask("GET", f"{base}clips/{clip}.js")
    assert (status, headers["content-type"]) == (200, "text/javascript")
    assert body.startswith(b"voteClip(")
    assert client.ask("HEAD", base)[::2] == (200, b"")


def test_nothing_in_any_answer_tells_whose_is_what(open_booth: "Booth", client: Client) -> None:
    base = f"/{client.study.token}/"
    answers = [client.ask("GET", base), client.ask("GET", f"{base}clips/{client.study.clips[0]}.js")]
    answers += [client.ask("POST", f"{base}join", b'{"rater": "anna"}'), client.ask("GET", f"{base}study.json")]
    for status, headers, body in answers:
        for secret in (open_booth.secret, client.study.salt, "intact", "distort", ".bin"):
            assert secret not in f"{status} {headers}"
            assert secret.encode() not in body


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/{t}", "/wrong/", "/{t}x/", "/{t}/study.json", "/{t}/votes.sqlite", "/{t}/clips/", "/{t}/clips"),
        *("/{t}/../study.json", "/{t}/clips/../study.json", "/{t}/clips/..%2fstudy.json", "/{t}//etc/passwd"),
        *("/{t}/clips/%2e%2e/study.json", "/{t}/clips/../clips/{c}.js", "/{t}/clips/{c}.js?x", "/../{t}/"),
        *("http://127.0.0.1/{t}/", "/{t}/clips/{c}.js%00", "/{t}/./", "/é/"),
    ],
)
def test_other_addresses_hold_nothing(client: Client, path: str) -> None:
    asked = path.format(t=client.study.token, c=client.study.clips[0]).encode().decode("latin-1")
    with socket.create_connection(("127.0.0.1", client.port), timeout=30) as connection:
        connection.sendall(f"GET {asked} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode("latin-1"))
        with closing(http.client.HTTPResponse(connection)) as response:
            response.begin()
            assert response.status == 404
            assert b"study.json" not in response.read()


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost.evil.example", "", None]
)
def test_another_name_for_this_machine_is_refused(client: Client, host: str | None) -> None:
    """As in DNS rebinding, where a site's name is made to lead here."""
    for method, route in (("GET", ""), ("POST", "join")):
        path, origin = f"/{client.study.token}/{route}", f"http://{host}"
        headers: dict[str, str | None] = {"Host": host} | ({"Origin": origin} if method == "POST" else {})
        assert client.ask(method, path, b'{"rater": "a"}' if method == "POST" else None, **headers)[0] == 421


def test_names_of_this_machine_are_taken(client: Client) -> None:
    for host in ("localhost", "localhost:9000", "127.0.0.1:1", "[::1]:80"):
        assert client.ask("GET", f"/{client.study.token}/", Host=host)[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "ftp://127.0.0.1", "", None])
def test_votes_from_other_sites_are_refused(client: Client, origin: str | None) -> None:
    assert client.post("join", {"rater": "anna"}, Origin=origin)[0] == 403


def test_what_forms_can_send_is_refused(client: Client) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None):
        assert client.post("join", {"rater": "anna"}, Content_Type=kind)[0] == 415


def test_bodies_that_are_too_large_or_of_no_length_are_refused(client: Client) -> None:
    path = f"/{client.study.token}/vote"
    for length in ("4097", "99999999999999999999", "1" * 5000):
        assert client.ask("POST", path, Content_Length=length)[0] == 413
    for no_length in (None, "-1", "x", "1e3", "²"):
        assert client.ask("POST", path, Content_Length=no_length)[0] == 411
    assert client.ask("POST", path, Transfer_Encoding="chunked")[0] == 411


def test_bodies_that_say_nothing_sensible_are_refused(client: Client, study: Study) -> None:
    _, plan = client.post("join", {"rater": "anna"})
    trial, others = plan["trials"][0]["id"], schedule(study, plan["slot"] + 1)
    assert client.vote("nobody", trial)[0] == 409
    for answer in (
        client.vote("anna", "0" * 20),
        client.vote("anna", others[0].id),  # another rater's
        client.vote("anna", trial, "same"),
        client.vote("anna", trial, "both"),
        client.vote("anna", trial, question="beauty"),
        client.vote("anna", trial, seconds=-1),
        client.vote("anna", trial, more=1),
        client.post("join", {"rater": ""}),
        client.post("join", {"rater": ["a"]}),
        client.post("join", [1]),
    ):
        assert answer[0] == 400, answer
        assert answer[1]["error"]
    assert client.ask("POST", f"/{study.token}/join", b'{"rater": "\xff')[0] == 400
    assert client.ask("POST", f"/{study.token}/join", b"[" * 4000)[0] == 400
    assert client.post("other", {})[0] == 404
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE"):
        assert client.ask(method, f"/{study.token}/")[0] == 501


def test_raters_at_once_lose_no_vote(open_booth: "Booth", study: Study, client: Client) -> None:
    done: dict[str, list[int]] = {}

    def rate(rater: str) -> None:
        plan = client.post("join", {"rater": rater})[1]
        done[rater] = [plan["slot"], *(client.vote(rater, trial["id"])[0] for trial in plan["trials"])]

    threads = [threading.Thread(target=rate, args=(f"rater {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({slot for slot, *_ in done.values()}) == 4
    assert all(statuses == [200] * 8 for _, *statuses in done.values())
    assert all(len(open_booth.votes(study).answers(rater)) == 8 for rater in done)


SERVE = """
import sys
from pathlib import Path
from vidgauge.reports.vote.server import VoteServer
from vidgauge.reports.vote.study import read_study
with VoteServer(Path(sys.argv[1]), read_study(Path(sys.argv[1]))) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
"""


def test_a_killed_server_keeps_every_vote_that_it_acknowledged(booth: "Booth") -> None:
    study = booth.study()
    command = [sys.executable, "-P", "-c", SERVE, str(booth.folder / "study")]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    client = Client(study, int(server.stdout.readline()))
    acknowledged: dict[str, int] = {"anna": 0, "ben": 0}
    plans = {rater: client.post("join", {"rater": rater})[1]["trials"] for rater in acknowledged}
    enough = threading.Event()

    def rate(rater: str) -> None:
        for trial in plans[rater]:
            try:
                acknowledged[rater] += client.vote(rater, trial["id"])[0] == 200
            except (OSError, http.client.HTTPException):
                return
            if acknowledged[rater] >= 3:
                enough.set()

    threads = [threading.Thread(target=rate, args=(rater,)) for rater in acknowledged]
    for thread in threads:
        thread.start()
    assert enough.wait(60)
    server.send_signal(signal.SIGKILL)
    for thread in threads:
        thread.join()
    server.wait()
    server.stdout.close()
    votes = Votes(booth.folder / "study" / "votes.sqlite", study.fingerprint)
    for rater, count in acknowledged.items():
        kept = [answer.trial for answer in votes.answers(rater)]
        assert kept[:count] == [trial["id"] for trial in plans[rater]][:count]
        assert len(kept) <= count + 1  # one may have been kept and not acknowledged: it is sent again


def test_a_port_that_is_taken_or_a_host_that_is_not_ours_is_said(
    open_booth: "Booth", study: Study, client: Client
) -> None:
    for host, port in (("127.0.0.1", client.port), ("203.0.113.1", 0)):
        with pytest.raises(UsageError, match=f"cannot listen at {host}"):
            VoteServer(open_booth.folder / "study", study, host, port)


def test_an_address_of_version_six(open_booth: "Booth", study: Study) -> None:
    try:
        server = VoteServer(open_booth.folder / "study", study, "::1")
    except UsageError:
        pytest.skip("this machine has no IPv6")
    assert server.address.startswith("http://[::1]:")
    server.server_close()


def test_listening_everywhere_names_no_address(open_booth: "Booth", study: Study) -> None:
    with VoteServer(open_booth.folder / "study", study, "0.0.0.0") as server:
        assert server.address.startswith("http://ADDRESS-OF-THIS-MACHINE:")


def test_store_of_a_missing_folder(tmp_path: Path, study: Study) -> None:
    with pytest.raises(Exception, match="is not a store of votes"):
        Votes(tmp_path / "none" / "votes.sqlite", study.fingerprint)
