"""``vidgauge vote`` from the command line: what docs/study.md shows works, and what cannot be is said in one line."""

import http.client
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch

from vidgauge.cli import run
from vidgauge.datasets.writing import write_video
from vidgauge.reports.vote.schedule import DISTORTED, schedule
from vidgauge.reports.vote.study import read_study
from vidgauge.store import Store

PAGE = Path(__file__).parents[3] / "docs" / "study.md"


@pytest.fixture
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders of six small videos with manifests, in another order, and the current folder around them."""
    generator = np.random.default_rng(0)
    for name, order in (("ours", range(6)), ("theirs", reversed(range(6)))):
        folder = tmp_path / "samples" / name
        folder.mkdir(parents=True)
        rows = []
        for place, number in enumerate(order):
            frames = generator.integers(0, 256, (3, 8, 8, 3), np.uint8)
            write_video(folder / f"{place:06d}.mkv", torch.from_numpy(frames), 8.0)
            rows.append({"file": f"{place:06d}.mkv", "caption": f"scene {number}", "number": place})
        (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "samples"


def serve_and_vote(line: list[str], rater: str) -> None:
    """Serve as the page says, but at a free port; vote for ours; and end with Ctrl-C."""
    server = subprocess.Popen(
        [sys.executable, "-P", "-c", "from vidgauge.cli import main; main()", *line, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # ignored where the tests run in the background
    )
    assert server.stdout is not None
    found = re.fullmatch(r"Raters open http://127\.0\.0\.1:(\d+)/([\w-]+)/\n", server.stdout.readline())
    assert found
    study = read_study(Path("study"))
    bodies: list[tuple[str, dict[str, object]]] = [("join", {"rater": rater})]
    for trial in schedule(study, 0):
        choice = "left" if trial.left == "ours" or trial.right == DISTORTED else "right"
        for question in study.questions:
            answer = {"trial": trial.id, "question": question, "choice": choice, "seconds": 1}
            bodies.append(("vote", {"rater": rater, "answer": answer}))
    with closing(http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=60)) as connection:
        sent = {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{found[1]}"}
        for route, body in bodies:
            connection.request("POST", f"/{found[2]}/{route}", json.dumps(body), sent)
            response = connection.getresponse()
            assert response.status == 200, response.read()
            response.read()
    server.send_signal(signal.SIGINT)
    out, err = server.communicate(timeout=60)
    assert (server.returncode, out) == (0, "")
    assert "ended; see 'vidgauge vote results study'" in err


def save_offline(number: int, choose: Callable[[bool], str]) -> None:
    """The file that a page of the exported folder saves."""
    study = read_study(Path("study"))
    assert (Path("pages") / f"rater-{number + 1}.html").is_file()
    answers = [
        {"trial": trial.id, "question": question, "choice": choose(trial.left in ("ours", "intact")), "seconds": 1}
        for trial in schedule(study, number)
        for question in study.questions
    ]
    body = {"format": "vidgauge votes 1", "study": study.public_id, "slot": number, "rater": f"r{number}"}
    Path(f"votes-rater-{number}.json").write_text(json.dumps(body | {"answers": answers}))


@pytest.mark.long
def test_the_page_works(samples: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lines = [
        line
        for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        for line in block.splitlines()
    ]
    assert [line.split()[2] for line in lines] == ["new", "serve", "export", "merge", "results"]
    for line in lines:
        _, *words = shlex.split(line)
        if words[1] == "serve":
            serve_and_vote(words, "online")
            continue
        assert run(words) == 0, capfd.readouterr().err
        if words[1] == "export":
            for number in (1, 2):
                save_offline(number, lambda ours_left: "left" if ours_left else "right")
    printed = capfd.readouterr().out
    assert samples.exists()
    assert "6 prompts, 6 pairs, 6 of them and 4 checks for each rater; asked about quality and faithfulness" in printed
    assert "passes with 6.2%" in printed
    assert printed.count("20 new answers") == 2
    assert "3 raters and 36 votes count" in printed
    assert run(["vote", "results", "study", "--json"]) == 0
    records = json.loads(capfd.readouterr().out)
    shares = {record["measure"]["name"]: record["value"] for record in records if record["subject"]["name"] == "ours"}
    assert shares["quality_preferred"] == shares["faithfulness_majority"] == 1.0
    with Store("vidgauge.sqlite") as store:
        assert len(store) == 2 * len(records)
    assert run(["report"]) == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("new s samples/ours", "one system has nothing to stand beside"),
        ("new s samples/ours other=samples/none", "samples/none"),
        ("new s samples/ours ours=samples/theirs", "two systems are called 'ours'"),
        ("new samples samples/ours samples/theirs", "samples is not empty"),
        ("new s samples/ours samples/theirs --checks 3 --misses 3", "let everybody pass"),
        ("new s samples/ours samples/theirs --checks 99", "99 checks need as many videos"),
        ("new s samples/ours arrays", "say it with --fps"),
        ("new s samples/ours few", "few has no video of caption 'scene 1', 'scene 2', 'scene 3' and 2 more"),
        ("serve none", "none holds no study"),
        ("results none", "none holds no study"),
        ("export none --out x", "none holds no study"),
        ("merge none x.json", "none holds no study"),
    ],
)
def test_what_cannot_be(samples: Path, capfd: pytest.CaptureFixture[str], line: str, said: str) -> None:
    for name, numbers in (("arrays", range(6)), ("few", range(1))):
        folder = samples.parent / name
        folder.mkdir()
        rows = []
        for number in numbers:
            np.save(folder / f"{number}.npy", np.zeros((2, 8, 8, 3), np.uint8))
            rows.append(f"{number}.npy,scene {number}\n")
        (folder / "captions.csv").write_text("file,caption\n" + "".join(rows))
    assert run(["vote", *line.split()]) in (1, 2)
    error = capfd.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not Path("vidgauge.sqlite").exists()


def test_arrays_are_shown_at_the_rate_that_is_said(samples: Path) -> None:
    shutil.rmtree(samples / "theirs")
    (samples / "theirs").mkdir()
    for number in range(6):
        np.save(samples / "theirs" / f"{number:06d}.npy", np.zeros((2, 8, 8, 3), np.uint8))
    assert (
        run(["vote", "new", "s", "samples/ours", "samples/theirs", "--fps", "4", "--checks", "0", "--seed", "3"]) == 0
    )
    study = read_study(Path("s"))
    clip = (Path("s") / "clips" / f"{study.prompts[0].clips['theirs'].id}.js").read_text()
    assert '"ends":[0.25,0.5]' in clip
    assert study.prompts[0].caption == "scene 0"
