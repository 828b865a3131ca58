"""Published files become safetensors once; digests stay those of what was published."""

import hashlib
import json
import os
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from vidgauge.errors import VidgaugeError
from vidgauge.files import whole_file
from vidgauge.weights import (
    Conversion,
    Found,
    WeightsCard,
    cache_folder,
    conversion,
    convert,
    digest,
    find,
    load_tensors,
    locate,
    look,
)

OURS = {"weight": torch.arange(6.0).reshape(2, 3), "half": torch.ones(2, dtype=torch.float16)}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("VIDGAUGE_WEIGHTS", raising=False)
    monkeypatch.setenv("VIDGAUGE_OFFLINE", "1")
    return tmp_path


def card(sha256: str = "", form: str = "state-dict") -> WeightsCard:
    fields = {"name": "net", "file": "net.pt", "format": form, "sha256": sha256, "licence": "none", "url": "http://x"}
    return WeightsCard.model_validate(fields)


def published(folder: Path, value: float = 1.0) -> tuple[Path, str]:
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"theirs": torch.full((2, 3), value)}, folder / "net.pt")
    return folder / "net.pt", hashlib.sha256((folder / "net.pt").read_bytes()).hexdigest()


def converted(home: Path, sha256: str = "", value: float = 1.0) -> Conversion:
    path, found = published(home / "download", value)
    note = convert(card(sha256), OURS, path, found, "state-dict")
    path.unlink()
    return note


def test_what_was_converted_is_read_instead_of_the_published_file(home: Path) -> None:
    note = converted(home)
    assert note.source == "net.pt"
    assert note.source_format == "state-dict"
    assert not note.trusted
    assert note.path.parent == cache_folder() / "converted"
    assert load_file(note.path).keys() == OURS.keys()
    tensors = load_tensors(card())
    assert all(
        torch.equal(tensors[name], tensor) and tensors[name].dtype == tensor.dtype for name, tensor in OURS.items()
    )
    assert look(card()) == Found(note.path, "safetensors", note.source_sha256, converted=True)
    assert find(card()) == locate(card()) == note.path
    assert json.loads((note.path.parent / "net.json").read_text())["date"][:2] == "20"


def test_a_digest_is_that_of_the_published_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert digest(card()) == ""
    assert digest(card("a" * 64)) == "a" * 64
    note = converted(home)
    assert digest(card()) == note.source_sha256
    _, other = published(home / "chosen", value=2.0)
    monkeypatch.setenv("VIDGAUGE_WEIGHTS", str(home / "chosen"))
    assert digest(card()) == other  # never loaded yet: recorded now
    published(home / "chosen", value=3.0)
    assert digest(card()) == other
    with pytest.raises(VidgaugeError, match=r"not .*, which .*net\.pt\.sha256 recorded when it was first seen"):
        load_tensors(card())


def test_a_chosen_file_comes_before_the_conversion_of_another(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = converted(home)
    published(home / "chosen")
    monkeypatch.setenv("VIDGAUGE_WEIGHTS", str(home / "chosen"))
    assert find(card()) == note.path  # of the very file that was chosen
    path, _ = published(home / "other", value=2.0)
    monkeypatch.setenv("VIDGAUGE_WEIGHTS", str(home / "other"))
    assert find(card()) == path
    assert load_tensors(card()).keys() == {"theirs"}


def test_the_conversion_of_another_file_than_the_cards_is_none(home: Path) -> None:
    note = converted(home)
    assert conversion(card(note.source_sha256)) == note
    assert conversion(card("b" * 64)) is None
    assert find(card("b" * 64)) is None
    with pytest.raises(VidgaugeError, match="not on this machine"):
        load_tensors(card("b" * 64))


def test_a_damaged_conversion_is_refused(home: Path) -> None:
    note = converted(home)
    content = bytearray(note.path.read_bytes())
    content[-1] ^= 1
    note.path.write_bytes(content)
    with pytest.raises(VidgaugeError, match=rf"{note.path.name} is damaged .* add net\.pt again"):
        load_tensors(card())
    note.path.unlink()
    assert find(card()) is None
    (note.path.parent / "net.json").write_text("{}")
    with pytest.raises(VidgaugeError, match=r"net\.json is no note on a conversion; remove it"):
        load_tensors(card())


def test_tensors_that_share_memory_are_kept_apart(home: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    tensors = {"a": whole, "b": whole, "row": whole[1], "turned": whole.T}
    path, found = published(home / "download")
    note = convert(card(), tensors, path, found, "state-dict")
    kept = load_file(note.path)
    assert all(torch.equal(kept[name], tensor) for name, tensor in tensors.items())


def test_many_at_once_leave_a_whole_one(home: Path) -> None:
    """Of two published files, even: a note then stands beside its own conversion."""
    sources = [published(home / str(value), value) for value in (1.0, 2.0)]
    tensors = {
        found: {"weight": torch.full((300, 300), value)} for (_, found), value in zip(sources, (1.0, 2.0), strict=True)
    }
    threads = [
        threading.Thread(target=convert, args=(card(), tensors[found], path, found, "state-dict"))
        for path, found in sources * 8
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    note = conversion(card())
    assert note is not None
    assert torch.equal(load_tensors(card())["weight"], tensors[note.source_sha256]["weight"])
    assert len(list(note.path.parent.iterdir())) == 3  # two conversions and the note of the last: nothing half


def test_an_archive_with_unknown_code_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    path, found = published(cache_folder())
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("opened"))
    with pytest.raises(VidgaugeError, match=r": vidgauge weights add .*net\.pt --as net --trust"):
        load_tensors(card(form="torchscript"))
    note = convert(card(form="torchscript"), OURS, path, found, "torchscript")
    assert note.trusted
    assert load_tensors(card(form="torchscript")).keys() == OURS.keys()
    assert not convert(card(found, form="torchscript"), OURS, path, found, "torchscript").trusted


def test_a_file_is_whole_or_not_there(home: Path) -> None:
    def interrupted() -> None:
        with whole_file(home / "x") as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(home.iterdir()) == []
    with whole_file(home / "x") as partial:
        partial.write_text("whole")
    assert (home / "x").read_text() == "whole"
    assert [path.name for path in home.iterdir()] == ["x"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_said(home: Path) -> None:
    cache_folder().mkdir(parents=True)
    cache_folder().chmod(0o500)
    with pytest.raises(VidgaugeError, match=r"cannot be written to \(.*ermission.*\); choose another folder"):
        converted(home)


def test_a_cache_that_is_no_folder_is_said(home: Path) -> None:
    cache_folder().parent.mkdir(parents=True)
    cache_folder().write_text("a file")
    with pytest.raises(VidgaugeError, match=r"cannot be written to \(Not a directory\); choose another folder"):
        converted(home)


def test_a_folder_that_cannot_be_written_to_is_read_all_the_same(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, found = published(home / "chosen")
    monkeypatch.setenv("VIDGAUGE_WEIGHTS", str(path.parent))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert load_tensors(card()).keys() == {"theirs"}
    assert digest(card()) == found
    assert [item.name for item in path.parent.iterdir()] == ["net.pt"]
