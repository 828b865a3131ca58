"""Text encoders: captions to tokens and a vector, the null text, and encoders that are never trained."""

import copy
import json
import sys
from itertools import product
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import open_clip
import pytest
import torch
from torch import Tensor, nn

from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.datasets.moving_shapes.scene import BACKGROUNDS, COLOURS, MOTIONS, SHAPES, TEXTURES, caption
from vidgauge.errors import UsageError
from vidgauge.reference_models.text import SmallClip, Text, TextEncoder, WordEncoder, clip, dropped, joined, t5
from vidgauge.reference_models.text.frozen_t5 import T5
from vidgauge.reference_models.text.words import BUCKETS, NO_WORD, bucket, numbered, words

RED = "a red star drifts left over blue stripes"
BLUE = "a blue star drifts left over red stripes"


def same(text: Text, other: Text) -> bool:
    return all(
        torch.equal(getattr(text, name), getattr(other, name)) for name in ("tokens_bnc", "mask_bn", "pooled_bc")
    )


def row(text: Text, index: int) -> Text:
    one = slice(index, index + 1)
    return Text(text.tokens_bnc[one], text.mask_bn[one], text.pooled_bc[one])


@pytest.fixture
def encoder() -> WordEncoder:
    torch.manual_seed(0)
    return WordEncoder(32, 24)


def test_no_two_words_of_moving_shapes_share_a_place() -> None:
    captions = (caption(*parts) for parts in product(COLOURS, SHAPES, MOTIONS, BACKGROUNDS, TEXTURES))
    vocabulary = {word for one in captions for word in words(one)}
    assert {"a", "an", "counter-clockwise", "gradient"} < vocabulary
    places = {bucket(word) for word in vocabulary}
    assert len(places) == len(vocabulary)
    assert NO_WORD not in places
    assert max(places) < BUCKETS


def test_places_never_change() -> None:
    assert numbered(["A red STAR, over", ""], 5).tolist() == [[64, 236, 185, 85, 0], [0] * 5]
    with pytest.raises(UsageError, match=r"'a red star drifts left over blue stripes'\.\.\. has 8 words; .* at most 7"):
        numbered([RED], 7)


def test_a_caption_does_not_depend_on_its_batch(encoder: WordEncoder) -> None:
    together, alone = encoder([RED, "", BLUE]), encoder([BLUE])
    assert together.tokens_bnc.shape == (3, 16, 32)
    assert together.pooled_bc.shape == (3, 24)
    assert len(together) == 3
    torch.testing.assert_close(row(together, 2).tokens_bnc, alone.tokens_bnc)
    torch.testing.assert_close(row(together, 2).pooled_bc, alone.pooled_bc)
    assert together.mask_bn.sum(1).tolist() == [8, 0, 8]


def test_the_order_of_words_matters_to_the_vector(encoder: WordEncoder) -> None:
    red, blue = encoder([RED, BLUE]).pooled_bc
    assert (red - blue).norm() > 0.01 * red.norm()


def test_a_caption_without_words_is_the_null_text(encoder: WordEncoder) -> None:
    assert same(encoder([""]), encoder.nothing(1))
    assert not encoder.nothing(2).mask_bn.any()


def test_dropped_texts_are_the_null_text_and_give_no_gradient(encoder: WordEncoder) -> None:
    text, null = encoder([RED, BLUE]), encoder.nothing(2)
    kept = dropped(text, null, torch.tensor([True, False]))
    assert same(row(kept, 0), row(text, 0))
    assert same(row(kept, 1), row(null, 1))
    none = dropped(text, null, torch.zeros(2, dtype=torch.bool)).pooled_bc.sum()
    gradients = torch.autograd.grad(none, list(encoder.project.parameters()))
    assert not any(gradient.any() for gradient in gradients)
    both = joined(text, null)
    assert same(row(both, 1), row(text, 1))
    assert same(row(both, 3), row(null, 1))


def test_the_small_ones_are_small() -> None:
    def count(module: nn.Module) -> int:
        return sum(parameter.numel() for parameter in module.parameters())

    assert 15_000 < count(WordEncoder(32)) < count(WordEncoder(64)) < 60_000
    assert 40_000 < count(SmallClip()) < 80_000


def test_it_can_be_built_without_memory() -> None:
    with torch.device("meta"):
        encoder = WordEncoder(32)
    assert {tensor.device.type for tensor in (*encoder.parameters(), encoder.nothing(1).mask_bn)} == {"meta"}


def test_small_clip_gives_unit_vectors_whatever_the_size_of_the_image() -> None:
    small = SmallClip()
    images = torch.rand(2, 3, 48, 32) * 2 - 1
    torch.testing.assert_close(small.image(images).norm(dim=1), torch.ones(2))
    text = small.text([RED, ""])
    torch.testing.assert_close(text.pooled_bc.norm(dim=1), torch.tensor([1.0, 0.0]))
    assert small.scale == pytest.approx(small.dimension**0.5)
    assert same(small.text([""]), small.nothing(1))


def test_small_clip_learns_which_caption_is_the_images() -> None:
    samples = MovingShapes(frames=1, height=16, width=16, seed=5, count=24)
    images = torch.stack([sample.frames_thwc[0].permute(2, 0, 1).float() / 127.5 - 1 for sample in samples])
    captions = [sample.caption or "" for sample in samples]
    torch.manual_seed(0)
    small = SmallClip(side=16)
    optimiser = torch.optim.Adam(small.parameters(), lr=5e-3)
    for _ in range(60):
        optimiser.zero_grad()
        torch.autograd.backward(small.loss(images, captions))
        optimiser.step()
    with torch.no_grad():
        similarity = small.image(images) @ small.text(captions).pooled_bc.T
    assert (similarity.argmax(1) == torch.arange(24)).float().mean() > 0.7


class TinyT5(nn.Module):
    """What the encoder of transformers looks like from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace(d_model=8)
        self.table = nn.Embedding(50, 8)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        del attention_mask
        return SimpleNamespace(last_hidden_state=self.table(input_ids))


def tokenizer(captions: list[str], padding: str, max_length: int, return_tensors: str) -> dict[str, Tensor]:
    """A number for each letter, and one for the end."""
    assert (padding, return_tensors) == ("max_length", "pt")
    rows = [[1 + ord(letter) % 40 for letter in one] + [1] for one in captions]
    width = max(max_length, *map(len, rows))
    numbers = torch.tensor([one + [0] * (width - len(one)) for one in rows])
    return {"input_ids": numbers, "attention_mask": (numbers > 0).long()}


def test_frozen_encoders_are_in_no_optimiser_and_no_checkpoint_and_are_shared_by_copies() -> None:
    encoder = T5(TinyT5(), tokenizer, length=6)
    owner = nn.ModuleDict({"text": encoder, "own": nn.Linear(2, 2)})
    assert [name for name, _ in owner.named_parameters()] == ["own.weight", "own.bias"]
    assert set(owner.state_dict()) == {"own.weight", "own.bias"}
    assert copy.deepcopy(encoder).module is encoder.module
    owner.train()
    assert not encoder.module.training
    owner.double()
    text = encoder(["abc", ""])
    assert text.tokens_bnc.dtype == torch.float64
    assert not text.tokens_bnc.requires_grad
    assert text.mask_bn.tolist() == [[True] * 4 + [False] * 2, [True] + [False] * 5]
    torch.testing.assert_close(text.pooled_bc[0], text.tokens_bnc[0, :4].mean(0))
    assert not text.tokens_bnc[0, 4:].any()
    assert same(row(encoder(["abc", "de"]), 0), row(text, 0))
    assert encoder.nothing(1).tokens_bnc.shape == (1, 6, 8)
    with pytest.raises(UsageError, match="a caption has 7 T5 tokens; this text encoder reads at most 6"):
        encoder(["abcdef"])


def test_t5_without_its_library_or_files_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UsageError, match=r"t5 needs the library transformers, .* pip install transformers"):
        t5(tmp_path)
    library: Any = ModuleType("transformers")

    def missing(name: str, local_files_only: bool) -> None:
        assert local_files_only
        raise OSError(f"{name} has no config.json\nand more")

    library.AutoTokenizer = library.T5EncoderModel = SimpleNamespace(from_pretrained=missing)
    monkeypatch.setitem(sys.modules, "transformers", library)
    with pytest.raises(UsageError, match=r"no T5 encoder at .*json and more.*hf download"):
        t5(tmp_path)
    library.AutoTokenizer = SimpleNamespace(from_pretrained=lambda name, local_files_only: tokenizer)  # noqa: ARG005
    library.T5EncoderModel = SimpleNamespace(from_pretrained=lambda name, local_files_only: TinyT5())  # noqa: ARG005
    assert t5(tmp_path, length=9)(["abc"]).tokens_bnc.shape == (1, 9, 8)


@pytest.fixture
def small_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A CLIP of OpenCLIP's that is made in no time."""
    vision = {"image_size": 8, "layers": 1, "width": 16, "head_width": 8, "patch_size": 8}
    words_of = {"context_length": 12, "vocab_size": 49408, "width": 8, "heads": 1, "layers": 1}
    known = open_clip.get_model_config("ViT-B-32") | {"embed_dim": 6, "vision_cfg": vision, "text_cfg": words_of}
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny", known)
    torch.save(open_clip.create_model("tiny").state_dict(), tmp_path / "tiny.pt")
    return "tiny"


def test_clips_tower_gives_the_tokens_and_the_vector_that_openclip_gives(small_model: str, tmp_path: Path) -> None:
    encoder: TextEncoder = clip(small_model, tmp_path / "tiny.pt")
    text = encoder([RED, "a"])
    whole = open_clip.create_model(small_model, pretrained=str(tmp_path / "tiny.pt"))
    numbers = open_clip.get_tokenizer(small_model)([RED, "a"])
    torch.testing.assert_close(text.pooled_bc, whole.encode_text(numbers))
    assert text.mask_bn.sum(1).tolist() == [11, 3], "start, words, of which stripes is two tokens, and end"
    last = text.tokens_bnc[torch.arange(2), text.mask_bn.sum(1) - 1]
    torch.testing.assert_close(last @ whole.text_projection, text.pooled_bc)
    assert not list(encoder.parameters())
    with pytest.raises(UsageError, match="more than the 10 tokens that this CLIP reads"):
        encoder([RED + " and nothing else"])


def test_what_clip_refuses(small_model: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="OpenCLIP has no model 'ViT-B-23'; did you mean 'ViT-B-32'"):
        clip("ViT-B-23", tmp_path)
    with pytest.raises(UsageError, match="is not OpenCLIP's own"):
        clip("roberta-ViT-B-32", tmp_path)
    with pytest.raises(UsageError, match="there is no such file of weights for 'tiny'"):
        clip(small_model, tmp_path / "none.pt")
    torch.save({"logit_scale": torch.tensor(1.0)}, tmp_path / "other.pt")
    with pytest.raises(UsageError, match=r"other\.pt: these are no weights of 'tiny' \("):
        clip(small_model, tmp_path / "other.pt")
    (tmp_path / "text.pt").write_text(json.dumps({}))
    with pytest.raises(UsageError, match=r"text\.pt: these are no weights of 'tiny' \("):
        clip(small_model, tmp_path / "text.pt")
