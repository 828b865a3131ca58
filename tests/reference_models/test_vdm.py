"""The network of Video Diffusion Models: sizes, what each frame may see, and how positions in time behave."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from vidgauge.errors import UsageError
from vidgauge.reference_models.layers.temporal_attention import TemporalAttention
from vidgauge.reference_models.pattern import clip_and_images, everything, itself
from vidgauge.reference_models.systems import SYSTEMS, build_network
from vidgauge.reference_models.systems.vdm import VideoUNet
from vidgauge.reference_models.vdm import hyperparameters
from vidgauge.reference_models.vdm.hyperparameters import Hyperparameters

FRAMES, IMAGES = 3, 2
MODEL = Hyperparameters(
    grid=(FRAMES, 8, 8), base=8, multipliers=(1, 2), blocks=1, attention_at=(4, 8), head_channels=4, embedding=16,
    embedding_layers=2, joint_images=IMAGES, captions=True, steps=1,
)  # fmt: skip
PAPER = {
    # The count, and between what it must lie, in millions: with changes of resolution that have no parameters, and with
    # convolutions (a second arithmetic, in which the noise level's sinusoid has fewer channels: 0.5 % more allowed).
    "vdm/ucf101": (1_144_636_931, 1080, 1170),
    "vdm/bair": (139_136_771, 134, 140),
    "vdm/k600": (1_142_537_731, 1080, 1170),
    "vdm/t2v-small": (295_422_211, 279, 295.47),
    "vdm/t2v-large": (1_144_636_931, 1080, 1170),
    "vdm/t2v-128": (1_147_632_899, 1084, 1152.73),
}


def randomised(model: Hyperparameters = MODEL, seed: int = 0) -> VideoUNet:
    """A network in which no branch is zero, in float64, so that what a frame does not see is exactly nothing."""
    generator = torch.Generator().manual_seed(seed)
    network = VideoUNet(model).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return network


def drawn(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def given(batch: int = 1, frames: int = FRAMES, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return drawn(batch, 3, frames, 8, 8, seed=seed), 5 * drawn(batch, seed=2), drawn(batch, 16, seed=3)


def seen(network: VideoUNet, frames: int, mask: torch.Tensor | None) -> torch.Tensor:
    """(T, T) bool: whether the gradient of an output frame (first) reaches an input frame (second)."""
    z, log_snr, text = given(frames=frames)
    z.requires_grad_()
    out = network(z, log_snr, text, mask)
    weights = torch.randn(out[:, :, 0].shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    rows = []
    for frame in range(frames):
        (gradient,) = torch.autograd.grad((weights * out[:, :, frame]).sum(), z, retain_graph=True)
        rows.append(gradient.abs().amax((0, 1, 3, 4)) > 0)
    return torch.stack(rows)


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_models_have_their_sizes(name: str) -> None:
    count, least, most = PAPER[name]
    network = build_network(name, device="meta")
    found = sum(parameter.numel() for parameter in network.parameters())
    assert found == count
    assert least * 1e6 <= found <= most * 1e6


@pytest.mark.parametrize("name", ["vdm/bair", "vdm/t2v-128", "vdm/small", "vdm/tiny-base"])
def test_a_preset_gives_what_it_takes(name: str) -> None:
    network = build_network(name, device="meta")
    shape = network.input_shape()
    inputs = [x.to("meta") for x in network.more_inputs(shape, torch.Generator())]
    assert network(torch.empty(shape, device="meta"), *inputs).shape == shape


def test_without_a_mask_all_frames_see_all() -> None:
    assert torch.equal(seen(randomised(), FRAMES, None), everything(FRAMES))


def test_with_the_identity_each_frame_is_for_itself() -> None:
    assert torch.equal(seen(randomised(), FRAMES, itself(FRAMES)), itself(FRAMES))


def test_appended_images_and_the_clip_do_not_see_each_other() -> None:
    mask = clip_and_images(FRAMES, IMAGES)
    assert torch.equal(seen(randomised(), FRAMES + IMAGES, mask), mask)


def test_appended_images_change_gradients_but_not_the_clip() -> None:
    network, (z, log_snr, text) = randomised(), given(frames=FRAMES + IMAGES)
    alone = network(z[:, :, :FRAMES], log_snr, text)
    joint = network(z, log_snr, text, clip_and_images(FRAMES, IMAGES))
    torch.testing.assert_close(joint[:, :, :FRAMES], alone, rtol=0, atol=1e-12)
    names, parameters = zip(*network.unet.named_parameters(), strict=True)
    gradients = [torch.autograd.grad(out.square().sum(), parameters) for out in (alone, joint)]
    changed = {name for name, a, b in zip(names, *gradients, strict=True) if not torch.allclose(a, b, rtol=1e-6)}
    # An image alone attends to itself whatever the positions in time, and so teaches nothing about them.
    assert changed == {name for name in names if not name.endswith("relative_keys.vectors")}


def test_with_temporal_projections_of_zero_a_clip_is_its_frames() -> None:
    network, (z, log_snr, text) = randomised(), given()
    for module in network.modules():
        if isinstance(module, TemporalAttention):
            torch.nn.init.zeros_(module.project_out.weight)
            torch.nn.init.zeros_(module.project_out.bias)
    frames = [network(z[:, :, [frame]], log_snr, text) for frame in range(FRAMES)]
    torch.testing.assert_close(network(z, log_snr, text), torch.cat(frames, 2), rtol=0, atol=1e-12)


def test_order_in_time_is_known_from_relative_positions_alone() -> None:
    network, (z, log_snr, text) = randomised(), given()
    out = network(z, log_snr, text)
    assert not torch.allclose(network(z.flip(2), log_snr, text).flip(2), out)
    tables = [module.relative_keys for module in network.modules() if isinstance(module, TemporalAttention)]
    for table in tables:
        assert table is not None
        table.vectors.data = table.vectors.data.flip(0)  # backwards: offset i becomes -i
    torch.testing.assert_close(network(z.flip(2), log_snr, text).flip(2), out, rtol=0, atol=1e-12)
    for table in tables:
        assert table is not None
        table.vectors.data.zero_()
    order = [2, 0, 1]
    torch.testing.assert_close(
        network(z[:, :, order], log_snr, text), network(z, log_snr, text)[:, :, order], rtol=0, atol=1e-12
    )


def test_a_shorter_model_has_the_middle_of_the_table() -> None:
    network, shorter = randomised(), VideoUNet(replace(MODEL, grid=(2, 8, 8))).double()
    state = {name: x[1:-1] if name.endswith("vectors") else x for name, x in network.state_dict().items()}
    shorter.load_state_dict(state)
    z, log_snr, text = given(frames=2)
    torch.testing.assert_close(shorter(z, log_snr, text), network(z, log_snr, text), rtol=0, atol=1e-12)


def test_any_length_up_to_the_table_and_any_size() -> None:
    network = randomised()
    for frames, side in ((1, 8), (2, 16), (5, 10)):
        z = drawn(1, 3, frames, side, side)
        assert network(z, drawn(1)).shape == z.shape
    with pytest.raises(UsageError, match="6 frames"):
        network(drawn(1, 3, 6, 8, 8), drawn(1))


def test_frames_with_levels_and_captions_of_their_own_are_as_clips_of_one() -> None:
    network, (z, log_snr, text) = randomised(), given()
    same = log_snr[:, None].expand(-1, FRAMES), text[:, None].expand(-1, FRAMES, -1)
    torch.testing.assert_close(network(z, *same), network(z, log_snr, text), rtol=0, atol=1e-12)
    levels, texts = 5 * drawn(1, FRAMES, seed=6), drawn(1, FRAMES, 16, seed=5)
    apart = [network(z[:, :, [frame]], levels[:, frame], texts[:, frame]) for frame in range(FRAMES)]
    together = network(z, levels, texts, itself(FRAMES))
    torch.testing.assert_close(together, torch.cat(apart, 2), rtol=0, atol=1e-12)


def test_no_caption_is_a_caption_of_zeros() -> None:
    network, (z, log_snr, text) = randomised(), given()
    assert torch.equal(network(z, log_snr), network(z, log_snr, torch.zeros_like(text)))
    assert not torch.allclose(network(z, log_snr), network(z, log_snr, text))


def test_it_is_told_the_noise_level() -> None:
    network, (z, _, text) = randomised(), given()
    levels = [network(z, torch.tensor([level], dtype=torch.float64), text) for level in (-20.0, -19.5, 0.0, 20.0)]
    assert all(not torch.allclose(a, b, rtol=1e-3) for a, b in pairwise(levels))


def test_a_new_model_gives_zeros_and_every_part_learns_in_time() -> None:
    network, (z, log_snr, text) = VideoUNet(MODEL).double(), given()
    assert torch.equal(network(z, log_snr, text), torch.zeros_like(z))
    optimizer, unseen = torch.optim.Adam(network.parameters(), lr=1e-2), set(dict(network.named_parameters()))
    for _ in range(4):
        optimizer.zero_grad()
        (network(z, log_snr, text) - 1).square().sum().backward()
        unseen -= {name for name, x in network.named_parameters() if x.grad is not None and x.grad.abs().max() > 0}
        optimizer.step()
    assert not unseen


def test_attention_follows_each_block_at_its_resolutions_alone() -> None:
    network = build_network("vdm/t2v-128", device="meta")
    assert isinstance(network, VideoUNet)
    heads = [module.heads for module in network.modules() if isinstance(module, TemporalAttention)]
    # 2 blocks down and 3 up at heights 32, 16 and 8 with 512, 1024 and 2048 channels in heads of 128, 1 in the middle.
    assert sorted(heads) == [4] * 5 + [8] * 5 + [16] * 6


def test_appendix_a() -> None:
    models = [hyperparameters.UCF101, hyperparameters.BAIR, hyperparameters.K600, hyperparameters.T2V_SMALL]
    assert [model.target for model in models] == ["eps", "v", "v", "eps"]
    assert [model.gamma for model in models] == [0.1, 0.0, 0.0, 0.3]
    assert all(f"vdm/{name}" in SYSTEMS for name in ("ucf101", "bair", "k600", "t2v-small", "t2v-large", "t2v-128"))
