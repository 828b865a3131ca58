from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from vidgauge.datasets.moving_shapes import MovingShapes, class_names, scene_at
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics import networks
from vidgauge.metrics.networks import NETWORKS, InputSpec, build_network
from vidgauge.metrics.networks.shapes_classifier import ShapesClassifier
from vidgauge.metrics.networks.shapes_clip import END, VOCABULARY, ShapesClip, config, tokenize, unknown_words
from vidgauge.metrics.training.recipes import RECIPES
from vidgauge.metrics.weights import CARDS, FOLDER
from vidgauge.weights import sha256

NAMES = ("shapes-classifier", "shapes-clip")
CAPTION = "a red star orbits clockwise over blue stripes"


def classifier(weights: str | None = None, seed: int = 0) -> ShapesClassifier:
    network = build_network("shapes-classifier", weights, seed)
    assert isinstance(network, ShapesClassifier)
    return network


def clip(weights: str | None = None) -> ShapesClip:
    network = build_network("shapes-clip", weights)
    assert isinstance(network, ShapesClip)
    return network


@pytest.mark.parametrize("name", NAMES)
def test_random_weights_follow_from_the_seed_and_leave_the_global_generator(name: str) -> None:
    before = torch.random.get_rng_state()
    once, again, other = (build_network(name, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(once[key], again[key]) for key in once)
    assert any(not torch.equal(once[key], other[key]) for key in once)


@pytest.mark.parametrize("name", NAMES)
def test_a_network_comes_ready_for_inference_and_says_what_it_wants(name: str) -> None:
    network = build_network(name)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    frames = 16 if name == "shapes-classifier" else None
    assert network.input == InputSpec(frames=frames, height=64, width=64)
    assert name in NETWORKS


def test_the_classifier_returns_features_and_logits() -> None:
    features_nd, logits_nk = classifier()(torch.rand(2, 3, 16, 64, 64))
    assert features_nd.shape == (2, 64)
    assert features_nd.min() >= 0
    assert logits_nk.shape == (2, len(class_names()))


def test_clip_embeds_on_the_unit_sphere() -> None:
    network = clip()
    frames, texts = network.encode_frames(torch.rand(3, 3, 64, 64)), network.embed_captions([CAPTION, "nothing of it"])
    assert frames.shape == (3, 64)
    assert texts.shape == (2, 64)
    torch.testing.assert_close(torch.cat([frames, texts]).norm(dim=1), torch.ones(5))


def test_float64_does_not_depend_on_the_batch() -> None:
    video_bthwc = torch.stack([sample.frames_thwc for sample in MovingShapes(seed=31, count=5)])
    video_bcthw = video_bthwc.permute(0, 4, 1, 2, 3).double() / 255
    seer, namer = clip("embedded").double(), classifier("embedded").double()
    together, frames = namer(video_bcthw), seer.encode_frames(video_bcthw[:, :, 0])
    captions = [CAPTION, "a white ring drifts up over a red gradient"]
    for i in range(5):
        alone = namer(video_bcthw[i : i + 1])
        for one, all_ in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], all_[i], rtol=0, atol=1e-10)
        one = seer.encode_frames(video_bcthw[i : i + 1, :, 0])[0]
        torch.testing.assert_close(one, frames[i], rtol=0, atol=1e-10)
    texts = seer.embed_captions(captions)
    assert texts.dtype == torch.float64
    torch.testing.assert_close(seer.embed_captions(captions[1:])[0], texts[1], rtol=0, atol=1e-10)


def test_the_config_is_open_clips_own(tmp_path: Path) -> None:
    """OpenCLIP itself builds the same model from the shipped file, and our weights give it our embeddings."""
    source = Path(str(networks.__file__)).parent / "shapes_clip.json"
    (tmp_path / "vidgauge-shapes.json").write_text(source.read_text())
    open_clip.add_model_config(tmp_path / "vidgauge-shapes.json")
    theirs = open_clip.create_model("vidgauge-shapes", load_weights=False).eval()
    ours = clip("embedded")
    theirs.load_state_dict(ours.clip.state_dict())
    frames_bchw = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = theirs.encode_image(frames_bchw, normalize=True)
    torch.testing.assert_close(ours.encode_frames(frames_bchw), expected)


def test_the_vocabulary_is_that_of_the_captions() -> None:
    assert config()["text_cfg"]["vocab_size"] == END + 1
    assert len(set(VOCABULARY)) == len(VOCABULARY)
    for index in range(300):
        assert unknown_words(scene_at(1, index).caption) == []
    assert unknown_words("A red Dog orbits, clockwise!") == ["dog"]


def test_tokens_are_start_words_end_padding() -> None:
    (row,) = tokenize(["a zebra spins counter-clockwise"]).tolist()
    words = [3 + VOCABULARY.index(word) for word in ("a", "spins", "counter-clockwise")]
    assert row == [1, words[0], 2, words[1], words[2], END] + [0] * 18
    assert max(row) == END  # where OpenCLIP pools


def test_a_text_that_is_too_long_is_refused_rather_than_cut() -> None:
    tokenize(["star " * 22])
    with pytest.raises(UsageError, match="23 words"):
        tokenize(["star " * 23])


@pytest.mark.parametrize("name", RECIPES)
def test_shipped_weights_are_those_of_their_cards(name: str) -> None:
    card = CARDS[name]
    file = FOLDER / card.file
    assert sha256(file) == card.sha256
    assert file.stat().st_size == card.bytes
    assert file.stat().st_size <= 2.5e6
    assert card.training is not None
    assert card.training.scores["clips"] >= 2000


def test_weights_come_from_cards_or_files(tmp_path: Path) -> None:
    embedded = classifier("embedded").state_dict()
    save_file(embedded, tmp_path / "mine.safetensors")
    mine = classifier(str(tmp_path / "mine.safetensors")).state_dict()
    assert all(torch.equal(embedded[key], mine[key]) for key in embedded)
    control = classifier("shapes-classifier-one-frame").state_dict()
    assert any(not torch.equal(embedded[key], control[key]) for key in embedded)


def test_weights_that_do_not_fit_are_refused_in_one_line(tmp_path: Path) -> None:
    tensors = classifier().state_dict()
    tensors["shape.weight"] = tensors["shape.weight"][:3].clone()
    save_file(tensors, tmp_path / "small.safetensors")
    with pytest.raises(VidgaugeError, match=r"another shape for shape\.weight"):
        classifier(str(tmp_path / "small.safetensors"))
    with pytest.raises(VidgaugeError, match="shapes-clip"):
        classifier("shapes-clip")
    with pytest.raises(UsageError, match="neither a file nor the name of weights"):
        classifier("shapes-clasifier")
    with pytest.raises(UsageError, match="did you mean 'shapes-clip'"):
        build_network("shape-clip")


def test_a_random_network_tells_clips_apart() -> None:
    """So that a protocol tried without weights compares clips, and not the rounding of one number."""
    network: Any = build_network("i3d")
    clips = torch.rand(2, 3, 9, 224, 224, generator=torch.Generator().manual_seed(0))
    clips[1] = clips[1].square()
    logits = network.extract(clips)["logits_nd"]
    assert (logits[0] - logits[1]).norm() > 0.01 * logits.norm()
