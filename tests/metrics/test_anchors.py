"""Published numbers are computed again from weights, compared and remembered; random stand-ins for all weights."""

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
import torch_fidelity
from torchvision.datasets import CIFAR10

import vidgauge
from vidgauge.cli import run
from vidgauge.datasets.spatial.rule import SpatialRule
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics import frechet, inception
from vidgauge.metrics.anchors import ANCHORS, Anchor, Outcome, has_passed, outcome_of, passed
from vidgauge.metrics.anchors._inputs import Noise
from vidgauge.metrics.networks import NETWORKS, VideoNetwork, build_network
from vidgauge.metrics.networks.inception import Inception
from vidgauge.metrics.networks.videomae_g import VideoMAE
from vidgauge.metrics.weights import CARDS
from vidgauge.weights import WeightsCard, cache_folder

TINY: dict[str, Any] = {"frames": 4, "size": 28, "width": 16, "depth": 1, "heads": 2, "hidden": 32, "classes": 3}
CONSTANTS = {"kind": "constants", "values": [0, 255], "clips": 3, "frames": 4, "height": 14, "width": 20}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("VIDGAUGE_WEIGHTS", raising=False)
    monkeypatch.setenv("VIDGAUGE_OFFLINE", "1")
    return tmp_path


def weights_of(
    module: torch.nn.Module, home: Path, monkeypatch: pytest.MonkeyPatch, name: str = "stand-in", **fields: object
) -> Path:
    """A module's tensors as somebody published them, with a card, added by hand."""
    path = home / f"{name}.pth"
    torch.save(module.state_dict(), path)
    card = WeightsCard.model_validate(
        {"name": name, "file": path.name, "format": "state-dict", "licence": "none"} | fields
    )
    monkeypatch.setitem(CARDS._entries, name, card)
    assert run(["weights", "add", str(path)]) == 0
    return path


def anchor(monkeypatch: pytest.MonkeyPatch, **fields: object) -> Anchor:
    default: dict[str, object] = {
        "name": "an-anchor", "summary": "s", "network": "videomae-g", "network_parameters": TINY, "weights": "stand-in",
        "inputs": CONSTANTS, "resize": "squash/torch-bilinear", "output": "features_nd", "statistic": "frechet",
        "convention": "ddof-1", "expected": 0.0, "tolerance": 1e-4, "source": "nobody",
    }  # fmt: skip
    made = Anchor.model_validate(default | fields)
    assert ANCHORS.names()  # opened, so that what is entered here stays beside the others
    monkeypatch.setitem(ANCHORS._entries, made.name, made)
    return made


def settled(given: Anchor, data: Path | None = None) -> Outcome:
    return outcome_of(given, data, lambda done, total: None)  # noqa: ARG005


def black_against_white(module: VideoMAE) -> float:
    """Clips of a set are equal, so their covariances are nothing: only the means are left."""
    features = [
        module.double().extract(torch.full((1, 3, 4, 28, 28), value, dtype=torch.float64))["features_nd"]
        for value in (0.0, 1.0)
    ]
    return float((features[0] - features[1]).square().sum())


@pytest.fixture
def tiny(home: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    """A tiny VideoMAE's weights, under the name ``stand-in``; gives black against white."""
    module = cast("VideoMAE", build_network("videomae-g", seed=3, **TINY))
    weights_of(module, home, monkeypatch, network="videomae-g", network_parameters=TINY)
    return black_against_white(module)


def test_a_number_that_comes_out_is_remembered(tiny: float, monkeypatch: pytest.MonkeyPatch) -> None:
    given = anchor(monkeypatch, expected=tiny)
    assert tiny > 0.01
    assert not has_passed(given)
    assert passed("videomae-g", "stand-in", TINY) == []
    outcome = settled(given)
    assert outcome.status == "passed"
    assert outcome.value == pytest.approx(tiny, rel=1e-4)
    assert has_passed(given)
    assert passed("videomae-g", "stand-in", TINY) == [f"an-anchor ({tiny:g})"]
    assert passed("videomae-g", "stand-in", TINY | {"depth": 2}) == []
    assert passed("videomae-g", "videomae-g-ssv2", TINY) == []
    assert passed("i3d", "stand-in", TINY) == []
    note = json.loads((cache_folder() / "verified" / "an-anchor.json").read_text())
    assert note["value"] == outcome.value
    assert note["sha256"] == [hashlib.sha256((cache_folder().parents[2] / "stand-in.pth").read_bytes()).hexdigest()]


def test_parameters_are_the_same_whether_said_or_not(tiny: float, monkeypatch: pytest.MonkeyPatch) -> None:
    full = anchor(monkeypatch, expected=tiny)
    settled(full)
    assert "patch" not in TINY
    assert passed("videomae-g", "stand-in", TINY | {"patch": 14}) == passed("videomae-g", "stand-in", TINY) != []


def test_what_passed_counts_for_these_weights_and_this_version_alone(
    home: Path, tiny: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = anchor(monkeypatch, expected=tiny)
    settled(given)
    assert not has_passed(given.model_copy(update={"tolerance": 1.0}))
    with monkeypatch.context() as other:
        other.setattr(vidgauge, "__version__", "9.9")
        assert not has_passed(given)
    assert has_passed(given)
    (home / "chosen").mkdir()
    torch.save(build_network("videomae-g", seed=4, **TINY).state_dict(), home / "chosen" / "stand-in.pth")
    monkeypatch.setenv("VIDGAUGE_WEIGHTS", str(home / "chosen"))
    assert not has_passed(given)
    monkeypatch.delenv("VIDGAUGE_WEIGHTS")
    assert has_passed(given)
    (cache_folder() / "verified" / "an-anchor.json").write_text("{")
    assert not has_passed(given)


def test_a_number_that_does_not_come_out_fails_and_is_forgotten(
    tiny: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settled(anchor(monkeypatch, expected=tiny))
    given = anchor(monkeypatch, expected=tiny + 0.01)
    capsys.readouterr()
    assert run(["weights", "verify", "stand-in"]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith(f"failed   an-anchor: {tiny:.4g}"[:22])
    assert f"; published {tiny + 0.01:.8g}, difference -0.01, tolerance 0.0001\n" in captured.out
    assert captured.err == "vidgauge: 1 of 1 published numbers did not come out: an-anchor\n"
    assert list((cache_folder() / "verified").iterdir()) == []
    assert not has_passed(given)


def test_verify_says_what_came_out(
    tiny: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    anchor(monkeypatch, expected=tiny)
    capsys.readouterr()
    assert run(["weights", "verify", "stand-in"]) == 0
    assert capsys.readouterr().out.startswith("passed   an-anchor: ")
    assert run(["weights", "verify", "--json"]) == 0
    outcomes = {one["anchor"]: one for one in json.loads(capsys.readouterr().out)}
    assert outcomes.keys() == set(ANCHORS.names())
    assert {one["status"] for name, one in outcomes.items() if name != "an-anchor"} == {"skipped"}
    assert outcomes["fvd-noise"]["reason"] == "needs weights: vidgauge weights fetch i3d-torchscript"
    assert "pickle" in outcomes["cd-fvd-example-i3d"]["reason"]
    assert run(["weights", "list"]) == 0
    assert "  gives    an-anchor\n" in capsys.readouterr().out
    assert run(["weights", "verify", "clip-vit-b-32"]) == 2
    assert "no published number is known that clip-vit-b-32 must give" in capsys.readouterr().err


def test_broken_weights_stop_the_computation(
    tiny: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    anchor(monkeypatch, expected=tiny)
    (file,) = (cache_folder() / "converted").glob("*.safetensors")
    file.write_bytes(b"damaged")
    assert run(["weights", "verify", "stand-in"]) == 1
    assert "is damaged" in capsys.readouterr().err


def test_noise_reaches_the_network_as_it_was_drawn() -> None:
    inputs = Noise(kind="noise", seeds=(1, 2), clips=2, frames=3, size=5)
    shown = list(inputs.show(lambda frames: frames, None))
    assert [which for which, _ in shown] == [0, 0, 1, 1]
    for which, seed in enumerate((1, 2)):
        drawn = np.random.RandomState(seed).rand(2, 3, 5, 5, 3).astype(np.float32)  # all at once, as in the script
        for clip_cthw, noise_thwc in zip([clip for one, clip in shown if one == which], drawn, strict=True):
            taken = 2 * clip_cthw - 1  # as I3D takes what it is given
            torch.testing.assert_close(taken.permute(1, 2, 3, 0), torch.from_numpy(noise_thwc), rtol=0, atol=2e-7)


def test_two_sets_of_noise_are_as_far_apart_as_their_features(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clips a set: covariances of rank one, whose distance has a closed form."""
    module = cast("VideoMAE", build_network("videomae-g", seed=3, **TINY))
    weights_of(module, home, monkeypatch, network="videomae-g", network_parameters=TINY)
    noise = [np.random.RandomState(seed).rand(2, 4, 28, 28, 3) for seed in (7, 8)]
    sets = [
        module.double().extract(torch.from_numpy((drawn + 1) / 2).permute(0, 4, 1, 2, 3))["features_nd"].numpy()
        for drawn in noise
    ]
    mean = sets[0].mean(axis=0) - sets[1].mean(axis=0)
    one, other = ((features[0] - features[1]) / np.sqrt(2) for features in sets)
    expected = float(mean @ mean + one @ one + other @ other - 2 * abs(one @ other))
    inputs = {"kind": "noise", "seeds": [7, 8], "clips": 2, "frames": 4, "size": 28}
    given = anchor(monkeypatch, resize="", inputs=inputs, expected=expected, tolerance=1e-3 * expected)
    seen: list[tuple[int, int]] = []
    outcome = outcome_of(given, None, lambda done, total: seen.append((done, total)))
    assert outcome.status == "passed", (outcome.value, expected)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.fixture
def cifar(home: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A small CIFAR-10 as its files are, with torchvision's digests changed to its own."""
    folder = home / "data" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)
    files: dict[str, dict[str, object]] = {
        f"data_batch_{number}": {"data": part.reshape(len(part), -1), "labels": [0] * len(part)}
        for number, part in enumerate(np.array_split(images, 5), start=1)
    }
    files["test_batch"] = files["data_batch_1"]
    files["batches.meta"] = {"label_names": ["a"]}
    digests = {}
    for name, content in files.items():
        (folder / name).write_bytes(pickle.dumps(content))
        digests[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
    monkeypatch.setattr(CIFAR10, "train_list", [(name, digests[name]) for name in sorted(files) if "data" in name])
    monkeypatch.setattr(CIFAR10, "test_list", [("test_batch", digests["test_batch"])])
    meta = {"filename": "batches.meta", "key": "label_names", "md5": digests["batches.meta"]}
    monkeypatch.setattr(CIFAR10, "meta", meta)
    return images


class Images(torch.utils.data.Dataset[torch.Tensor]):
    def __init__(self, images_nchw: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
        self._images = images_nchw

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(self._images[index])


def test_the_score_of_cifar_is_torch_fidelitys(
    home: Path, cifar: np.ndarray[Any, np.dtype[np.uint8]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With equal random weights, from the images to the score by their code, resize, shuffle and splits included."""
    module = cast("Inception", build_network("inception", seed=1))
    generator = torch.Generator().manual_seed(2)
    for name, tensor in module.state_dict().items():  # statistics as of training, so that images differ in the end
        if name.endswith("running_mean"):
            tensor.copy_(0.1 * torch.randn(tensor.shape, generator=generator))
        if name.endswith("running_var"):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
    two = torch.nn.functional.interpolate(torch.from_numpy(cifar[:2]) / 255, (299, 299)).transpose(0, 1)
    features_td = module.extract(two[None])["frames_ntd"][0]
    common = features_td.mean(dim=0)  # what all images have in common would make one class of them all
    module.fc.weight.sub_(torch.outer(module.fc.weight @ common, common) / common.square().sum())
    module.fc.weight.mul_(3 / float((module.fc.weight @ (features_td[0] - features_td[1])).std()))
    path = weights_of(module, home, monkeypatch, network="inception")
    theirs = torch_fidelity.calculate_metrics(
        input1=Images(cifar), isc=True, isc_splits=3, cuda=False, verbose=False, cache=False, batch_size=10,
        save_cpu_ram=True, feature_extractor_weights_path=str(path),
    )["inception_score_mean"]  # fmt: skip
    fewer = inception.CONVENTIONS["torch-fidelity"]._replace(parts=3)
    monkeypatch.setitem(inception.CONVENTIONS, "torch-fidelity", fewer)
    published = ANCHORS["is-cifar-10-train"]
    given = published.model_copy(
        update={
            "name": "small", "weights": "stand-in", "expected": theirs, "tolerance": 1e-4,
            "inputs": published.inputs.model_copy(update={"images": 4}) if published.inputs else None,
        }
    )  # fmt: skip
    monkeypatch.setitem(ANCHORS._entries, "small", given)
    assert theirs > 1.1
    outcome = settled(given, home / "data")
    assert outcome.status == "passed", (outcome.value, theirs)


@pytest.mark.usefixtures("tiny", "cifar")
def test_a_data_set_that_is_not_there_or_not_whole_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = anchor(monkeypatch, inputs=ANCHORS["is-cifar-10-train"].inputs)
    for data, reason in (
        (None, "needs CIFAR-10: give the folder that has cifar-10-batches-py in it with --data"),
        (home, "has no whole cifar-10-batches-py in it"),
    ):
        outcome = settled(given, data)
        assert outcome.status == "skipped"
        assert reason in outcome.reason
    (home / "data" / "cifar-10-batches-py" / "data_batch_3").write_bytes(pickle.dumps("another"))
    assert settled(given, home / "data").status == "skipped"


@pytest.mark.parametrize("name", ANCHORS.names())
def test_every_anchor_can_be_computed(name: str) -> None:
    """All but the numbers: names exist, the network has the output, the inputs fit it."""
    given = ANCHORS[name]
    assert given.weights in CARDS
    conventions = frechet.CONVENTIONS if given.statistic == "frechet" else inception.CONVENTIONS
    assert given.convention in conventions
    assert given.tolerance > 0
    assert given.source
    with torch.device("meta"):
        network = cast("VideoNetwork", NETWORKS[given.network](**given.network_parameters))
    spec = network.input
    frames = getattr(given.inputs, "frames", 2 if given.network == "inception" else 16)
    outputs = network.extract(torch.empty(1, 3, frames, spec.height, spec.width, device="meta"))
    assert given.output in outputs
    assert bool(given.obstacle) == (given.inputs is None)
    if given.resize:
        assert SpatialRule.parse(given.resize)
    elif given.inputs is not None:
        assert getattr(given.inputs, "size", None) == spec.height == spec.width


def test_an_anchor_of_another_output_is_wrong(tiny: float, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="anchor 'an-anchor': no output 'features'; did you mean 'features_nd'"):
        settled(anchor(monkeypatch, output="features", expected=tiny))


def test_weights_that_do_not_fit_are_said(tiny: float, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(VidgaugeError, match="does not fit VideoMAE"):
        settled(anchor(monkeypatch, network_parameters=TINY | {"depth": 2}, expected=tiny))
