"""The autoencoders: sizes, who sees whom in time, inflation from images, and the decoder that is taught time."""

from dataclasses import replace

import pytest
import torch

from vidgauge.errors import UsageError
from vidgauge.reference_models.autoencoders import sizes
from vidgauge.reference_models.autoencoders.autoencoder import Autoencoder
from vidgauge.reference_models.autoencoders.causal import CausalAutoencoder, DepthToSpace, enlarged, image_size
from vidgauge.reference_models.autoencoders.image import ImageAutoencoder
from vidgauge.reference_models.autoencoders.sizes import CausalSize, ImageSize
from vidgauge.reference_models.autoencoders.temporal_decoder import VideoAutoencoder
from vidgauge.reference_models.systems import SYSTEMS, build_network

IMAGE = ImageSize(grid=(3, 8, 8), base=8, multipliers=(1, 2, 2), blocks=1, groups=2)
NARROW = ImageSize(grid=(16, 4, 4), base=4, multipliers=(1, 1), blocks=1, latent_channels=2, groups=2, scale=None)
CAUSAL = CausalSize(grid=(9, 16, 16), base=4, multipliers=(1, 2, 2, 4), blocks=1, latent_channels=3, groups=2)
PAPER, OURS = (
    ("video-ldm/autoencoder", "walt/autoencoder"),
    ("video-ldm/tiny-video-autoencoder", "walt/tiny-autoencoder"),
)


def count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def drawn(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def randomised(network: Autoencoder) -> Autoencoder:
    """In which nothing is zero, in float64, so that what is not seen is exactly nothing."""
    generator = torch.Generator().manual_seed(0)
    for parameter in network.double().parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return network.eval()


def causal(size: CausalSize = CAUSAL) -> CausalAutoencoder:
    network = randomised(CausalAutoencoder(size))
    assert isinstance(network, CausalAutoencoder)
    return network


def seen(given: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """Bool: whether the gradient of a frame of the output (first) reaches a frame of the input (second)."""
    rows = []
    for frame in range(out.shape[2]):
        weights = drawn(*out[:, :, 0].shape, seed=frame)
        (gradient,) = torch.autograd.grad((weights * out[:, :, frame]).sum(), given, retain_graph=True)
        rows.append(gradient.abs().amax((0, 1, 3, 4)) > 0)
    return torch.stack(rows)


def test_sizes_of_the_papers() -> None:
    stable_diffusion = build_network("video-ldm/autoencoder", device="meta")
    assert count(stable_diffusion) == 83_653_863
    stated = SYSTEMS["video-ldm/autoencoder"].stated
    assert stated is not None
    assert round(count(stable_diffusion) / 1e6) == round(stated.parameters / 1e6)
    with torch.device("meta"):
        four, two = (CausalAutoencoder(replace(sizes.WALT, blocks=blocks)) for blocks in (4, 2))
        small = CausalAutoencoder(sizes.CAUSAL_SMALL)
    assert (count(four.encoder), count(two.encoder)) == (152_169_872, 79_601_552)  # "152 M" and "80 M"
    assert (count(small.encoder), count(small.decoder)) == (2_420_848, 2_398_403)  # "2.4 M + 2.4 M"
    assert count(four) == count(build_network("walt/autoencoder", device="meta")) == 377_696_659
    for name in ("video-ldm/tiny-autoencoder", "walt/tiny-autoencoder"):
        assert count(build_network(name, device="meta")) < 250_000


@pytest.mark.parametrize("name", PAPER + OURS)
def test_a_preset_gives_what_it_takes(name: str) -> None:
    network = build_network(name, device="meta")
    assert isinstance(network, Autoencoder)
    video = torch.empty(network.input_shape(2), device="meta")
    latents = network.encode(video)
    assert latents.shape == (2, network.latent_channels, *network.latent_grid(network.grid))
    assert network.decode(latents).shape == video.shape


def test_grids_of_latents() -> None:
    grids = {}
    for name in (*PAPER, "video-ldm/tiny-autoencoder", "walt/tiny-autoencoder"):
        network = build_network(name, device="meta")
        assert isinstance(network, Autoencoder)
        grids[name] = network.latent_grid(network.grid)
    assert grids["video-ldm/autoencoder"] == (8, 40, 64)
    assert all(name in SYSTEMS for name in ("video-ldm/small-autoencoder", "walt/small-autoencoder"))
    assert grids["walt/autoencoder"] == (5, 16, 16)
    assert grids["walt/tiny-autoencoder"] == (5, 8, 8)
    assert grids["video-ldm/tiny-autoencoder"] == (16, 8, 8)


def test_latents_know_no_later_frames() -> None:
    network, video = causal(), drawn(1, 3, 9, 16, 16).requires_grad_()
    known = seen(video, network.posterior(video).mean)
    assert torch.equal(known, torch.arange(9) <= 4 * torch.arange(3)[:, None])


def test_frames_need_no_later_latents() -> None:
    network, z = causal(), drawn(1, 3, 3, 2, 2).requires_grad_()
    known = seen(z, network.reconstruct(z))
    assert torch.equal(known, 4 * torch.arange(3) < torch.arange(9)[:, None] + 4)  # latent j from frame 4 j - 3 on


def test_what_began_alike_is_alike_and_the_first_latent_is_the_images() -> None:
    network, video = causal(), drawn(2, 3, 9, 16, 16)
    whole = network.encode(video)
    for latents in (1, 2):
        frames = 4 * latents - 3
        begun = network.encode(video[:, :, :frames])
        torch.testing.assert_close(whole[:, :, :latents], begun, rtol=0, atol=1e-12)
        decoded = network.decode(whole)[:, :, :frames]
        torch.testing.assert_close(decoded, network.decode(begun), rtol=0, atol=1e-12)


def test_one_and_four_k_frames_are_one_and_k_latents() -> None:
    network = causal()
    for k in (0, 1, 3):
        video = drawn(1, 3, 1 + 4 * k, 8, 16)
        assert network.encode(video).shape == (1, 3, 1 + k, 1, 2)
        assert network(video).shape == video.shape
    with pytest.raises(UsageError, match=r"16 frames.*1 \+ 4 k.*use 17"):
        network.encode(drawn(1, 3, 16, 8, 8))
    with pytest.raises(UsageError, match=r"height is 12.*by 8"):
        network.encode(drawn(1, 3, 5, 12, 8))


def test_depth_to_space_undoes_space_to_depth_and_drops_the_first_frame() -> None:
    up = DepthToSpace(3, replace(CAUSAL, up_kernel=1), (2, 2, 2)).double()
    weight, bias = up.convolution.parameters()
    weight.data.copy_(torch.eye(24)[:, :3].reshape(24, 3, 1, 1, 1))
    bias.data.zero_()
    video = drawn(1, 3, 5, 2, 2)
    expected = torch.zeros(1, 3, 10, 4, 4, dtype=torch.float64)
    for channel in range(3):  # input channel c is output channel 8 * (c // 8) + c % 8: places of the first one
        time, height, width = channel >> 2 & 1, channel >> 1 & 1, channel & 1
        expected[:, 0, time::2, height::2, width::2] = video[:, channel]
    assert torch.equal(up(video), expected[:, :, 1:])
    assert enlarged(drawn(1, 1, 5, 1, 1), (4, 1, 1)).shape[2] == 17
    frames = enlarged(torch.arange(3.0).view(1, 1, 3, 1, 1), (4, 1, 1)).flatten().tolist()
    assert frames == [0, 1, 1, 1, 1, 2, 2, 2, 2]


def test_inflated_it_is_the_image_autoencoder_of_every_frame() -> None:
    image, network = causal(image_size(CAUSAL)), CausalAutoencoder(CAUSAL).double()
    network.inflate_(image)
    video = drawn(2, 3, 9, 16, 16)
    latents = network.encode(video)
    by_frame = image.encode(video)  # which does not mix frames, and leaves none out
    torch.testing.assert_close(latents, by_frame[:, :, ::4], rtol=0, atol=1e-12)
    decoded = image.decode(latents)
    repeated = decoded.repeat_interleave(4, dim=2)[:, :, 3:]
    torch.testing.assert_close(network.decode(latents), repeated, rtol=0, atol=1e-12)


def test_inflated_before_time_is_strided() -> None:
    size = replace(CAUSAL, temporal_halvings=0)
    image, network = causal(image_size(size)), CausalAutoencoder(size).double()
    network.inflate_(image)
    video = drawn(1, 3, 4, 16, 16)
    torch.testing.assert_close(network.posterior(video).mean, image.posterior(video).mean, rtol=0, atol=1e-12)


def test_images_do_not_see_each_other() -> None:
    network = randomised(ImageAutoencoder(IMAGE))
    video = drawn(1, 3, 3, 8, 8).requires_grad_()
    latents = network.encode(video)
    assert torch.equal(seen(video, latents), torch.eye(3, dtype=torch.bool))
    assert torch.equal(seen(latents, network.decode(latents)), torch.eye(3, dtype=torch.bool))
    with pytest.raises(UsageError, match="width is 6"):
        network.encode(drawn(1, 3, 1, 8, 6))


def test_a_new_video_decoder_is_the_image_decoder() -> None:
    image, video = randomised(ImageAutoencoder(IMAGE)), VideoAutoencoder(IMAGE).double()
    image.normalisation.fit_([drawn(5, 4, 1, 2, 2)])
    assert isinstance(image, ImageAutoencoder)
    video.start_from_(image)
    clip = drawn(2, 3, 3, 8, 8)
    latents = image.encode(clip)
    assert torch.equal(video.encode(clip), latents)
    assert torch.equal(video.decode(latents), image.decode(latents))
    assert len(video.temporal) == 8  # two in the middle, two at each of three levels
    for parameter in video.temporal.parameters():
        parameter.data += 0.2 * drawn(*parameter.shape)
    given = latents.clone().requires_grad_()
    assert seen(given, video.decode(given)).all()
    z = video.normalisation.undone(latents)
    assert torch.equal(video.reconstruct_frames(z), image.reconstruct(z))


def test_layouts_give_the_same_numbers() -> None:
    for network in (randomised(VideoAutoencoder(IMAGE)), causal()):
        video = drawn(1, 3, 5, 8, 8)
        expected = network(video)
        found = network.to_layout("channels_last_3d")(video)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
        assert found.is_contiguous(memory_format=torch.channels_last_3d)


def test_cost_counts_every_operator() -> None:
    for network in (ImageAutoencoder(IMAGE), CausalAutoencoder(CAUSAL)):
        cost = network.cost(network.input_shape())
        assert cost.parameters == count(network)
        assert cost.forward_flops > 2 * count(network)


@pytest.mark.parametrize("at_once", [1, 2, 3, 9])
@pytest.mark.parametrize("kind", ["causal", "image", "video"])
def test_slices_are_the_whole(kind: str, at_once: int) -> None:
    if kind == "causal":
        network: Autoencoder = causal()
        z = drawn(2, 3, 7, 2, 2)
    else:
        network = randomised((ImageAutoencoder if kind == "image" else VideoAutoencoder)(NARROW))
        z = drawn(2, 2, 16, 2, 2)
    network.normalisation.fit_([3 * drawn(20, z.shape[1], 1, 2, 2) + 1])
    whole = network.decode(z)
    parts = list(network.decode_slices(z, at_once))
    assert len(parts) == -(-z.shape[2] // at_once)
    torch.testing.assert_close(torch.cat(parts, 2), whole, rtol=0, atol=1e-11)
    assert torch.equal(network.decode(z), whole)  # nothing is left behind
    with pytest.raises(UsageError, match="at_once"):
        network.decode_slices(z, 0)


def test_slices_of_videos_that_are_decoded_by_turns() -> None:
    network = causal()
    first, second = drawn(1, 3, 4, 2, 2, seed=1), drawn(1, 3, 4, 2, 2, seed=2)
    turns = list(zip(network.decode_slices(first, 1), network.decode_slices(second, 1), strict=True))
    for z, parts in zip((first, second), zip(*turns, strict=True), strict=True):
        torch.testing.assert_close(torch.cat(parts, 2), network.decode(z), rtol=0, atol=1e-11)
