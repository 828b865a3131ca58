"""What a weights file is, and what it is instead where a download went wrong; nothing in it is run."""

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save, save_file

from vidgauge.errors import VidgaugeError
from vidgauge.weights import WeightsCard, find, format_of, read_tensors

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 51235320\n"
TENSORS = {"weight": torch.arange(60_000, dtype=torch.float32).reshape(200, 300), "bias": torch.ones(3)}


def script(path: Path) -> None:
    torch.jit.script(torch.nn.Linear(300, 200)).save(path)  # type: ignore[no-untyped-call]  # torch leaves it so


WRITERS: dict[str, Callable[[Path], None]] = {
    "safetensors": lambda path: save_file(TENSORS, path),
    "state-dict": lambda path: torch.save(TENSORS, path),
    "torchscript": script,
    "npz": lambda path: np.savez(path, weight=TENSORS["weight"].numpy(), bias=TENSORS["bias"].numpy()),
}
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning", "ignore:.*torch.jit.*:FutureWarning")


def written(folder: Path, form: str) -> Path:
    path = folder / ("weights.npz" if form == "npz" else "weights.unknown")  # numpy adds its ending
    WRITERS[form](path)
    return path


@pytest.mark.parametrize("form", WRITERS)
def test_the_format_is_known_by_the_contents(tmp_path: Path, form: str) -> None:
    assert format_of(written(tmp_path, form)) == form
    assert read_tensors(tmp_path / written(tmp_path, form).name, form).keys() == {"weight", "bias"}


def test_old_state_dicts_are_known_too(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert format_of(tmp_path / "old.pt") == "state-dict"
    assert torch.equal(read_tensors(tmp_path / "old.pt")["weight"], TENSORS["weight"])


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("kept", [0.9, 0.5, 0.01])
def test_a_file_cut_short_is_called_so(tmp_path: Path, form: str, kept: float) -> None:
    path = written(tmp_path, form)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    size = path.stat().st_size
    for read in (format_of, lambda path: read_tensors(path, form)):
        with pytest.raises(VidgaugeError, match=f"cut short after {size} bytes"):
            read(path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "an empty file"),
        (POINTER, "a Git LFS pointer"),
        (b"<!DOCTYPE html>\n<html><title>Dropbox</title>", "a web page, not the file"),
        (b"\xef\xbb\xbf\r\n  <HTML><head>", "a web page, not the file"),
        (b'<?xml version="1.0"?><Error><Code>NoSuchBucket</Code></Error>', "a web page, not the file"),
    ],
)
def test_what_was_saved_instead_is_named(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(content)
    for form in ("state-dict", "torchscript", "npz", "safetensors"):
        with pytest.raises(VidgaugeError, match=f"cannot be read as {form} .{what}"):
            read_tensors(path, form)
    with pytest.raises(VidgaugeError, match=what):
        format_of(path)
    for digest in ("", "0" * 64):
        with pytest.raises(VidgaugeError, match=rf"is not net\.pt: {what}"):
            find(WeightsCard(name="net", file="net.pt", sha256=digest, licence="none"), tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["net.pt"]  # its digest is not recorded as the first one


@pytest.mark.parametrize("content", [b"plain text", b"GIF89a", b"\x93NUMPY\x01\x00"])
def test_other_files_are_no_weights(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(VidgaugeError, match="is no weights file: neither safetensors, npz"):
        format_of(tmp_path / "x")


def test_an_archive_of_other_things_is_no_weights_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("folder/i3d.pt", "inside")
    with pytest.raises(VidgaugeError, match="is an archive of other things; unpack it"):
        format_of(tmp_path / "x.zip")
    with pytest.raises(VidgaugeError, match=r"cannot read .*missing \(No such file"):
        format_of(tmp_path / "missing")


class Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("form", ["state-dict", "old-state-dict", "pickle", "npz"])
def test_code_in_a_pickle_is_not_run(tmp_path: Path, form: str) -> None:
    path, evil = tmp_path / "net.npz", Evil(tmp_path / "ran")
    if form == "pickle":
        path.write_bytes(pickle.dumps({"weight": evil}))
    elif form == "npz":
        np.savez(path, weight=np.array([evil], object))
    else:
        torch.save({"weight": evil}, path, _use_new_zipfile_serialization=form == "state-dict")
    known = format_of(path)
    assert known == ("npz" if form == "npz" else "state-dict")
    with pytest.raises(VidgaugeError, match=f"cannot be read as {known}"):
        read_tensors(path, known)
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_of_other_things_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(2), "epoch": 3}, tmp_path / "a.pt")
    with pytest.raises(VidgaugeError, match="its entry 'epoch' is no tensor"):
        read_tensors(tmp_path / "a.pt")
    torch.save([torch.ones(2)], tmp_path / "b.pt")
    with pytest.raises(VidgaugeError, match="cannot be read as state-dict"):
        read_tensors(tmp_path / "b.pt")


def test_a_whole_file_is_no_impostor(tmp_path: Path) -> None:
    (tmp_path / "empty.safetensors").write_bytes(save({}))
    assert format_of(tmp_path / "empty.safetensors") == "safetensors"
