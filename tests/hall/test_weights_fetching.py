"""Weights are fetched whole and verified or not at all, and go on where they stopped; from a server in this process."""

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from vidgauge.errors import VidgaugeError
from vidgauge.weights import WeightsCard, cache_folder, fetch, load_tensors

CONTENT = save({"weight": torch.arange(200_000, dtype=torch.float32)})
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves ``/net`` as it is told to; ``requested`` holds what came in: the path and the range."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.version = '"one"'
        self.sent: list[int] = []
        """After how many bytes the connection ends, for the first requests; the others are served to the end."""
        self.requested: list[tuple[str, str | None]] = []
        self.gate, self.halfway = threading.Event(), threading.Event()
        self.gate.set()

    def address(self, path: str = "net") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        wanted, server = self.headers.get("Range"), self.server
        server.requested.append((self.path, wanted))
        if self.path == "/login":
            self.answer(200, b"<!DOCTYPE html><title>Sign in</title>", "text/html")
        elif self.path != "/net":
            self.answer(404, b"nothing", "text/plain")
        elif wanted and self.headers.get("If-Range") == server.version:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(server.content):
                self.answer(416, b"", "text/plain")
            else:
                self.answer(206, server.content[start:], "application/octet-stream")
        else:
            self.answer(200, server.content, "application/octet-stream")

    def answer(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", kind)
        if self.server.version and status != 404:
            self.send_header("ETag", self.server.version)
        self.end_headers()
        cut = self.server.sent.pop(0) if self.server.sent and self.path == "/net" else len(content)
        self.wfile.write(content[: cut // 2])
        self.wfile.flush()
        self.server.halfway.set()
        self.server.gate.wait(60)
        self.wfile.write(content[cut // 2 : cut])


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("VIDGAUGE_WEIGHTS", raising=False)
    monkeypatch.delenv("VIDGAUGE_OFFLINE", raising=False)
    return cache_folder()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def card(url: str, mirrors: tuple[str, ...] = (), digest: str = DIGEST) -> WeightsCard:
    return WeightsCard(name="net", file="net.safetensors", sha256=digest, licence="none", url=url, mirrors=mirrors)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_with_its_progress(server: Server, cache: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = fetch(card(server.address()), lambda done, total: seen.append((done, total)))
    assert path == cache / "net.safetensors"
    assert path.read_bytes() == CONTENT
    assert names(cache) == ["net.safetensors"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert len(seen) > 2
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert fetch(card(server.address())) == path
    assert len(server.requested) == 1


def test_without_a_stated_digest_the_first_one_is_recorded_and_upstream_may_not_change_it(
    server: Server, cache: Path
) -> None:
    fetch(card(server.address(), digest=""))
    assert (cache / "net.safetensors.sha256").read_text().strip() == DIGEST
    (cache / "net.safetensors").unlink()
    server.content, server.version = save({"weight": torch.zeros(3)}), '"two"'
    with pytest.raises(VidgaugeError, match=f"sent a file with sha256 .*, not {DIGEST}"):
        fetch(card(server.address(), digest=""))
    assert names(cache) == ["net.safetensors.sha256"]


@pytest.mark.parametrize(
    ("path", "reason"), [("gone", "404 Not Found"), ("login", "a web page, not the file: the address wants a click")]
)
def test_what_is_not_the_file_is_refused_and_leaves_nothing(
    server: Server, cache: Path, path: str, reason: str
) -> None:
    for digest in (DIGEST, ""):
        wanted = card(server.address(path), digest=digest)
        with pytest.raises(VidgaugeError, match=reason) as refused:
            fetch(wanted)
        assert wanted.url in str(refused.value)
        assert "\n" not in str(refused.value)
        assert names(cache) == []


def test_what_is_no_weights_file_is_not_kept_as_the_first_one_seen(server: Server, cache: Path) -> None:
    server.content = b"\0" * 1000
    with pytest.raises(VidgaugeError, match="sent a file that is no weights file"):
        fetch(card(server.address(), digest=""))
    assert names(cache) == []
    server.content, server.version = CONTENT, '"two"'
    fetch(card(server.address(), digest=""))
    assert names(cache) == ["net.safetensors", "net.safetensors.sha256"]


def test_a_wrong_digest_is_refused(server: Server, cache: Path) -> None:
    with pytest.raises(VidgaugeError, match=f"sent a file with sha256 {DIGEST}, not {'0' * 64}"):
        fetch(card(server.address(), digest="0" * 64))
    assert names(cache) == []


def test_a_broken_connection_is_taken_up_again(server: Server, cache: Path) -> None:
    server.sent = [300_000, 100_000]
    assert fetch(card(server.address())).read_bytes() == CONTENT
    assert server.requested == [("/net", None), ("/net", "bytes=300000-"), ("/net", "bytes=400000-")]
    assert names(cache) == ["net.safetensors"]


def test_a_later_command_goes_on_where_an_earlier_one_stopped(server: Server, cache: Path) -> None:
    server.sent = [300_000, 0]
    with pytest.raises(VidgaugeError, match=f"cut short after 300000 of {len(CONTENT)} bytes"):
        fetch(card(server.address()))
    assert names(cache) == ["net.safetensors.partial", "net.safetensors.partial.json"]
    assert fetch(card(server.address())).read_bytes() == CONTENT
    assert server.requested[-1] == ("/net", "bytes=300000-")
    assert names(cache) == ["net.safetensors"]


def test_ctrl_c_leaves_no_file_of_that_name(server: Server, cache: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(card(server.address()), interrupt)
    assert "net.safetensors" not in names(cache)
    assert fetch(card(server.address())).read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_fetched_from_its_start(server: Server) -> None:
    server.sent, server.content = [300_000, 0], bytes(reversed(CONTENT))
    with pytest.raises(VidgaugeError, match="cut short"):
        fetch(card(server.address()))
    server.content, server.version = CONTENT, '"two"'
    assert fetch(card(server.address())).read_bytes() == CONTENT


@pytest.mark.parametrize("version", ["", 'W/"weak"'])
def test_without_a_version_nothing_is_pieced_together(server: Server, version: str) -> None:
    server.sent, server.version = [300_000], version
    assert fetch(card(server.address())).read_bytes() == CONTENT
    assert server.requested == [("/net", None), ("/net", None)]


def test_a_whole_partial_file_is_no_obstacle(server: Server, cache: Path) -> None:
    """As after a crash just before the last step: the server then has no more to send."""
    server.sent = [300_000, 0]
    with pytest.raises(VidgaugeError):
        fetch(card(server.address()))
    (cache / "net.safetensors.partial").write_bytes(CONTENT)
    assert fetch(card(server.address())).read_bytes() == CONTENT


def test_mirrors_are_tried_in_order(server: Server, cache: Path) -> None:
    wanted = card(server.address("gone"), mirrors=(server.address("login"), server.address()))
    assert fetch(wanted).read_bytes() == CONTENT
    assert [path for path, _ in server.requested] == ["/gone", "/login", "/net"]
    (cache / "net.safetensors").unlink()
    with pytest.raises(VidgaugeError, match=r"404 Not Found; .*a web page") as refused:
        fetch(card(server.address("gone"), mirrors=(server.address("login"),)))
    assert f"get it from {server.address('gone')} or {server.address('login')}" in str(refused.value)


def test_nothing_is_fetched_offline(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGAUGE_OFFLINE", "1")
    with pytest.raises(VidgaugeError, match="VIDGAUGE_OFFLINE is set; get it from http"):
        fetch(card(server.address()))
    assert server.requested == []


def test_a_folder_that_cannot_be_made_is_said(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(VidgaugeError, match=r"cannot be written to \(Not a directory\); choose another folder"):
        fetch(card(server.address()))


FETCH = """
import sys
from vidgauge.weights import WeightsCard, fetch

print("ready", flush=True)
sys.stdin.readline()
print(fetch(WeightsCard.model_validate_json(sys.argv[1])).name)
"""


def test_two_processes_fetch_it_once(server: Server, cache: Path) -> None:
    arguments = [sys.executable, "-P", "-c", FETCH, card(server.address()).model_dump_json()]
    server.gate.clear()  # whoever comes first waits in the middle of its download
    with ExitStack() as stack:
        processes = [
            stack.enter_context(subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(2)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            print(file=process.stdin, flush=True)
        assert server.halfway.wait(60)
        assert "net.safetensors" not in names(cache)
        server.gate.set()
        assert [process.communicate()[0] for process in processes] == ["net.safetensors\n"] * 2
    assert len(server.requested) == 1
    assert names(cache) == ["net.safetensors"]


def test_loading_fetches_what_is_missing_but_no_archive_with_unknown_code(server: Server) -> None:
    assert torch.equal(load_tensors(card(server.address()))["weight"], torch.arange(200_000, dtype=torch.float32))
    archive = card(server.address(), digest="").model_copy(update={"format": "torchscript", "file": "net.pt"})
    with pytest.raises(VidgaugeError, match=r"runs code of its own .*: vidgauge weights fetch net --trust"):
        load_tensors(archive)
    assert len(server.requested) == 1
