"""``vidgauge weights``: one line each, exit statuses, and nothing half done."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from vidgauge.cli import run
from vidgauge.metrics.networks import build_network
from vidgauge.metrics.weights import CARDS
from vidgauge.reference_models import shipped
from vidgauge.weights import WeightsCard, cache_folder, conversion, sha256
from vidgauge.weights import fetching as fetching_module

TINY: dict[str, Any] = {"frames": 4, "size": 28, "width": 16, "depth": 1, "heads": 2, "hidden": 32, "classes": 3}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("VIDGAUGE_WEIGHTS", raising=False)
    monkeypatch.delenv("VIDGAUGE_OFFLINE", raising=False)
    return tmp_path


@pytest.fixture
def remote(home: Path, monkeypatch: pytest.MonkeyPatch) -> WeightsCard:
    """A card ``tiny`` whose file lies at its address."""
    path = home / "remote" / "tiny.pth"
    path.parent.mkdir()
    torch.save(build_network("videomae-g", seed=3, **TINY).state_dict(), path)
    return entered(monkeypatch, file="tiny.pth", sha256=sha256(path), url=path.as_uri())


def entered(monkeypatch: pytest.MonkeyPatch, **fields: object) -> WeightsCard:
    default = {
        "name": "tiny", "format": "state-dict", "licence": "ours", "network": "videomae-g", "network_parameters": TINY,
    }  # fmt: skip
    card = WeightsCard.model_validate(default | fields)
    assert card.name not in CARDS
    monkeypatch.setitem(CARDS._entries, card.name, card)
    return card


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    assert run(["weights", "list", "--json"]) == 0
    return {state["name"]: state for state in json.loads(capsys.readouterr().out)}


def test_help_names_all_four(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["weights"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in ("list", "fetch", "add", "verify"))
    assert run(["weights", "lst"]) == 2
    assert capsys.readouterr().err.startswith("vidgauge: No such command 'lst'")


def test_the_list_says_everything_that_a_card_and_the_machine_know(
    remote: WeightsCard, capsys: pytest.CaptureFixture[str]
) -> None:
    states = listed(capsys)
    assert states.keys() == {*CARDS.names(), *shipped.names()}
    assert all(states[name]["verified"] and states[name]["network"] == name for name in shipped.names())
    i3d = states["i3d-torchscript"]
    assert (i3d["network"], i3d["digest"], i3d["bytes"], i3d["path"]) == ("i3d", "stated", 51235320, "")
    assert "fvd.stylegan-v" in i3d["protocols"]
    assert len(i3d["addresses"]) == 2
    assert not i3d["verified"]
    assert states["i3d-state-dict"]["digest"] == "unknown"
    assert states["c3d-ucf101"]["also"] == ["c3d-ucf101-mean"]
    assert states["shapes-clip"]["verified"]
    assert Path(states["shapes-clip"]["path"]).name == "shapes-clip.safetensors"
    assert run(["weights", "list"]) == 0
    text = capsys.readouterr().out
    for part in (
        "tiny: not here\n",
        f"  file     tiny.pth (state-dict)\n  licence  ours\n  sha256   {remote.sha256}\n  from     {remote.url}\n",
        "i3d-state-dict: not here\n",
        "sha256   not stated: the first one that is seen is kept\n",
        "(torchscript, 51.2 MB)",
        "(npz, about 313.6 MB), with c3d-ucf101-mean\n",
        "shapes-clip: here, sha256 as stated\n",
    ):
        assert part in text


def test_fetch_converts_and_says_where(remote: WeightsCard, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["weights", "fetch", "tiny"]) == 0
    note = conversion(remote)
    assert note is not None
    assert capsys.readouterr().out == f"tiny: converted to {note.path}\n"
    assert not (cache_folder() / "tiny.pth").exists()
    assert run(["weights", "fetch", "tiny"]) == 0
    assert capsys.readouterr().out == f"tiny: already here: {note.path}\n"
    state = listed(capsys)["tiny"]
    assert state["converted"]
    assert state["verified"]
    assert (state["path"], state["sha256"]) == (str(note.path), remote.sha256)
    assert run(["weights", "list"]) == 0
    assert "tiny: here, converted, sha256 as stated\n  for      videomae-g\n" in capsys.readouterr().out


def test_what_cannot_be_fetched_is_a_line_and_the_others_are_fetched(
    home: Path, remote: WeightsCard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = (home / "gone.pth").as_uri()
    entered(monkeypatch, name="gone", file="gone.pth", url=gone)
    entered(monkeypatch, name="archive", file="archive.pt", format="torchscript", url=gone)
    assert run(["weights", "fetch", "gone", "archive", "tiny", "shapes-clip"]) == 1
    captured = capsys.readouterr()
    assert [line.partition(":")[0] for line in captured.out.splitlines()] == ["tiny", "shapes-clip"]
    first, second, last = captured.err.splitlines()
    assert first.startswith("vidgauge: weights 'gone' (gone.pth) are not on this machine and could not be fetched")
    assert second.endswith("if you trust where it comes from: vidgauge weights fetch archive --trust")
    assert last == "vidgauge: 2 of 4 could not be fetched"
    assert conversion(remote) is not None


@pytest.mark.usefixtures("remote")
def test_nothing_is_fetched_offline(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("VIDGAUGE_OFFLINE", "1")
    assert run(["weights", "fetch", "tiny"]) == 1
    assert "and VIDGAUGE_OFFLINE is set; get it from file:" in capsys.readouterr().err
    assert not cache_folder().exists()


def test_unknown_names_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["fetch", "i3d-torchscrip"],
        ["verify", "i3d-torchscrip"],
        ["add", "x", "--as", "i3d-torchscrip"],
    ):
        assert run(["weights", *arguments]) == 2
        assert "there are no weights 'i3d-torchscrip'; did you mean 'i3d-torchscript'" in capsys.readouterr().err
    assert run(["weights", "add", "a", "b", "--as", "tiny"]) == 2
    assert "--as says whose one file is; 2 were given" in capsys.readouterr().err


def test_a_whole_network_is_fetched_with_its_parts(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = build_network("videomae-g", seed=3, **TINY).state_dict()
    folder = home / "remote"
    folder.mkdir()
    torch.save({name: tensor for name, tensor in whole.items() if name != "head.bias"}, folder / "main.pth")
    torch.save({"head.bias": whole["head.bias"]}, folder / "bias.pth")
    entered(monkeypatch, name="main", file="main.pth", also=["bias"], url=(folder / "main.pth").as_uri())
    entered(monkeypatch, name="bias", file="bias.pth", holds=["head.bias"], url=(folder / "bias.pth").as_uri())
    assert run(["weights", "fetch", "main"]) == 0
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == ["main", "bias"]
    again = build_network("videomae-g", weights="main", **TINY).state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in whole.items())


def test_files_got_by_hand_are_added(home: Path, remote: WeightsCard, capsys: pytest.CaptureFixture[str]) -> None:
    by_hand = (home / "remote" / "tiny.pth").rename(home / "tiny (1).pth")
    foreign = home / "foreign.pt"
    torch.save({"a": torch.ones(1)}, foreign)
    page = home / "i3d_torchscript.pt"
    page.write_text("<!doctype html><title>Dropbox</title>")
    assert run(["weights", "add", str(foreign), str(by_hand), str(page)]) == 1
    captured = capsys.readouterr()
    note = conversion(remote)
    assert note is not None
    assert note.source == "tiny (1).pth"
    assert captured.out == f"tiny: converted to {note.path}\n"
    first, second, last = captured.err.splitlines()
    assert "foreign.pt is known neither by its sha256" in first
    assert "i3d_torchscript.pt: a web page, not the file" in second
    assert last == "vidgauge: 2 of 3 could not be added"
    assert by_hand.exists()
    assert run(["weights", "add", str(foreign), "--as", "tiny"]) == 1
    assert f"not {remote.sha256}" in capsys.readouterr().err


def test_a_fetched_file_that_does_not_fit_is_not_kept(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home / "net.pth"
    torch.save({"a": torch.ones(1)}, path)
    entered(monkeypatch, file="net.pth", url=path.as_uri())
    assert run(["weights", "fetch", "tiny"]) == 1
    assert "net.pth is not what it should be" in capsys.readouterr().err
    assert list(cache_folder().iterdir()) == []
    torch.save(build_network("videomae-g", seed=3, **TINY).state_dict(), path)  # upstream mends it
    assert run(["weights", "fetch", "tiny"]) == 0


def test_safetensors_are_copied(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entered(monkeypatch, file="tiny.safetensors", format="safetensors")
    save_file(build_network("videomae-g", seed=3, **TINY).state_dict(), home / "mine.safetensors")
    assert run(["weights", "add", str(home / "mine.safetensors")]) == 0
    assert capsys.readouterr().out == f"tiny: copied to {cache_folder() / 'tiny.safetensors'}\n"


@pytest.mark.usefixtures("remote")
def test_damaged_files_are_listed_as_broken(capsys: pytest.CaptureFixture[str]) -> None:
    cache_folder().mkdir(parents=True)
    (cache_folder() / "tiny.pth").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    state = listed(capsys)["tiny"]
    assert not state["verified"]
    assert "a Git LFS pointer" in state["problem"]
    assert run(["weights", "list"]) == 0
    assert "tiny: BROKEN\n" in capsys.readouterr().out


@pytest.mark.usefixtures("remote")
def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fetching_module, "urlopen", interrupted)
    assert run(["weights", "fetch", "tiny"]) == 130
    assert capsys.readouterr().err == "vidgauge: interrupted\n"
    assert list(cache_folder().iterdir()) == []


def test_the_documentations_table_is_that_of_the_cards(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "weights.md").read_text("utf-8")
    assert run(["weights", "list", "--markdown"]) == 0
    table = capsys.readouterr().out
    assert table.startswith("| weights | network |")
    shown = "".join(line + "\n" for line in page.splitlines() if line.startswith("| "))
    assert shown == table, "replace it with: vidgauge weights list --markdown"
