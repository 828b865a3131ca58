"""I3D: its shapes and counts, TensorFlow's padding, and files under every known name."""

import math

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics.networks import build_network
from vidgauge.metrics.networks.i3d import I3D, OUR_NAMES, PORTED_NAMES, TF_NAMES, MaxPoolSame, pad_same

# Activations of a clip of 16 x 224 x 224, as the graph's scopes have them.
SHAPES = {
    "Conv3d_1a_7x7": (64, 8, 112, 112),
    "MaxPool3d_2a_3x3": (64, 8, 56, 56),
    "Conv3d_2c_3x3": (192, 8, 56, 56),
    "MaxPool3d_3a_3x3": (192, 8, 28, 28),
    "Mixed_3b": (256, 8, 28, 28),
    "Mixed_3c": (480, 8, 28, 28),
    "MaxPool3d_4a_3x3": (480, 4, 14, 14),
    "Mixed_4b": (512, 4, 14, 14),
    "Mixed_4c": (512, 4, 14, 14),
    "Mixed_4d": (512, 4, 14, 14),
    "Mixed_4e": (528, 4, 14, 14),
    "Mixed_4f": (832, 4, 14, 14),
    "MaxPool3d_5a_2x2": (832, 2, 7, 7),
    "Mixed_5b": (832, 2, 7, 7),
    "Mixed_5c": (1024, 2, 7, 7),
    "AvgPool3d": (1024, 1, 1, 1),
}


@pytest.fixture
def on_meta() -> I3D:
    with torch.device("meta"):
        return I3D()


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    return build_network("i3d", seed=1)


def test_size(on_meta: I3D) -> None:
    assert sum(one.numel() for one in on_meta.parameters()) == 12_697_264
    assert sum(one.numel() for one in on_meta.buffers() if one.is_floating_point()) == 14_560


def test_shapes_through_the_layers(on_meta: I3D) -> None:
    x, found = torch.empty(1, 3, 16, 224, 224, device="meta"), {}
    for name, layer in on_meta.named_children():
        if name != "Logits":
            x = layer(x)
            found[name] = tuple(x.shape[1:])
    assert SHAPES.items() <= found.items()


@pytest.mark.parametrize("frames", [9, 10, 17, 64])
def test_any_length_from_nine_frames_on(on_meta: I3D, frames: int) -> None:
    found = on_meta.extract(torch.empty(2, 3, frames, 224, 224, device="meta"))
    assert {name: tuple(one.shape) for name, one in found.items()} == {
        "logits_nd": (2, 400),
        "pool_nd": (2, 1024),
        "probabilities_nk": (2, 400),
    }


@pytest.mark.parametrize(
    "shape", [(1, 3, 8, 224, 224), (1, 3, 16, 112, 112), (1, 3, 16, 224, 240), (1, 1, 16, 224, 224)]
)
def test_other_clips_are_refused(on_meta: I3D, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="at least 9 frames and 224x224"):
        on_meta.extract(torch.empty(shape, device="meta"))


@pytest.mark.parametrize("size", [7, 8, 9, 14, 15])
@pytest.mark.parametrize(("kernel", "stride"), [(7, 2), (3, 2), (3, 1), (2, 2), (1, 1), (1, 2)])
def test_padding_is_tensorflows(size: int, kernel: int, stride: int) -> None:
    """By its definition: as many outputs as strides fit in, and a window hangs over the end rather than the start."""
    outputs = math.ceil(size / stride)
    hanging = max((outputs - 1) * stride + kernel - size, 0)
    first = -(hanging // 2)  # where the first window begins
    line = torch.randn(size, generator=torch.Generator().manual_seed(size), dtype=torch.float64)
    weight = torch.randn(kernel, generator=torch.Generator().manual_seed(kernel), dtype=torch.float64)
    expected = [
        sum(
            float(line[first + i * stride + k] * weight[k]) for k in range(kernel) if 0 <= first + i * stride + k < size
        )
        for i in range(outputs)
    ]
    for axis in range(3):
        shape = [1, 1, 1, 1, 1]
        shape[axis + 2] = -1
        kernels, strides = [1, 1, 1], [1, 1, 1]
        kernels[axis], strides[axis] = kernel, stride
        x, w = line.reshape(shape), weight.reshape(shape)
        padded = pad_same(x, (kernels[0], kernels[1], kernels[2]), (strides[0], strides[1], strides[2]))
        found = functional.conv3d(padded, w, stride=tuple(strides)).flatten()
        torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_pooling_ignores_what_lies_outside() -> None:
    x = torch.rand(1, 2, 5, 7, 9)  # as out of a ReLU: not negative
    found = MaxPoolSame((3, 3, 3), (2, 2, 2))(x)
    behind = functional.pad(x, (1, 1, 1, 1, 1, 1), value=-math.inf)  # all sizes are odd: as much before as behind
    assert torch.equal(found, functional.max_pool3d(behind, 3, 2))


@pytest.mark.parametrize("names", [TF_NAMES, *PORTED_NAMES, OUR_NAMES])
def test_published_names(names: dict[str, str], network: torch.nn.Module, tmp_path: object) -> None:
    ours = {name: tensor for name, tensor in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    assert len(set(names.values())) == len(names)
    assert names.keys() == ours.keys() - (
        {name for name in ours if name.endswith("norm.weight")} if names is TF_NAMES else set()
    )
    theirs = {names[name]: tensor for name, tensor in ours.items() if name in names}
    if names is TF_NAMES:  # kernels end in inputs and outputs, and statistics have all five axes
        theirs = {
            f"module/{name}": one.permute(2, 3, 4, 1, 0) if one.ndim == 5 else one.reshape(1, 1, 1, 1, -1)
            for name, one in theirs.items()
        }
    path = f"{tmp_path}/i3d.safetensors"
    save_file({name: one.contiguous() for name, one in theirs.items()}, path)
    again = build_network("i3d", weights=path, seed=2)
    for name, tensor in ours.items():
        assert torch.equal(again.state_dict()[name], tensor), name


def test_other_files_are_refused(tmp_path: object) -> None:
    path = f"{tmp_path}/other.safetensors"
    save_file({"conv1.weight": torch.zeros(1)}, path)
    with pytest.raises(UsageError, match=r"no I3D that is known: it holds conv1\.weight"):
        build_network("i3d", weights=path)
    ours = {name: torch.zeros(2) for name in OUR_NAMES}
    save_file(ours, path)
    with pytest.raises(VidgaugeError, match="another shape for"):
        build_network("i3d", weights=path)


def test_what_it_computes(network: I3D) -> None:
    """Deterministic, the same for each clip of a batch, time averaged; another epsilon is another network."""
    clips = torch.rand(2, 3, 9, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found = network.extract(clips)
        alone = network.extract(clips[1:])
    torch.testing.assert_close(found["logits_nd"][1:], alone["logits_nd"], rtol=1e-4, atol=1e-5)
    last = network.get_submodule("Logits.Conv3d_0c_1x1")
    assert isinstance(last, torch.nn.Conv3d)
    assert last.bias is not None
    logits = found["pool_nd"] @ last.weight.flatten(1).T + last.bias
    torch.testing.assert_close(found["logits_nd"], logits, rtol=1e-4, atol=1e-5)  # linear: the mean may come first
    torch.testing.assert_close(found["probabilities_nk"].sum(dim=1), torch.ones(2))
    norms = [one.eps for one in I3D(batch_norm_eps=1e-5).modules() if isinstance(one, torch.nn.BatchNorm3d)]
    assert norms == [1e-5] * 57
    with pytest.raises(UsageError, match=r"network 'i3d'.*epsilon"):
        build_network("i3d", epsilon=1e-5)
