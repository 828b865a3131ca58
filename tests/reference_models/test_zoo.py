"""What holds for every layer of the zoo, whoever adds it: costs are what runs, executions agree, gradients pass."""

import itertools
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from vidgauge.bench.cost.enumeration import enumerate_macs
from vidgauge.errors import UsageError
from vidgauge.reference_models.layer import Layer
from vidgauge.reference_models.layers import LAYERS, build

CONVOLUTIONS = {"conv2d", "conv3d", "spatial_conv", "conv2plus1d", "pseudo_conv3d", "temporal_conv", "causal_conv3d"}
ATTENTIONS = {
    "spatial_attention",
    "temporal_attention",
    "joint_attention",
    "factorised_attention",
    "spatial_window_attention",
    "window_attention",
    "shifted_window_attention",
    "neighbourhood_attention",
    "sliding_tile_attention",
    "causal_attention",
    "cross_attention",
}
CHANNELS, GRID = 8, (6, 10, 10)


OURS = [name for name in LAYERS if LAYERS[name].__module__.startswith("vidgauge.")]
EVERY = [(name, execution) for name in OURS for execution in LAYERS[name].executions()]
IDS = ["-".join([name, *execution.values()]) for name, execution in EVERY]


def made(name: str, **execution: str) -> Layer:
    torch.manual_seed(0)
    config = LAYERS[name].example(CHANNELS, GRID)
    if "heads" in config:
        config["heads"] = 2
    return build(name, **config, **execution).double()


def inputs(layer: Layer, batch: int = 2) -> tuple[torch.Tensor, ...]:
    shape = (batch, CHANNELS, *GRID) if layer.takes == "video_bcthw" else (batch, *GRID, CHANNELS)
    generator = torch.Generator().manual_seed(1)
    more = layer.more_inputs(shape, generator)
    return tuple(x.double() for x in (torch.randn(shape, generator=generator), *more))


def run(layer: Layer, given: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """The layer's output; what would be compiled runs as written, which takes seconds less."""
    try:
        with torch.no_grad(), torch.compiler.set_stance("force_eager"):
            out: torch.Tensor = layer(*given)
    except UsageError as error:
        if "does not run on cpu" not in str(error):
            raise
        pytest.skip(str(error))
    return out


def test_there_are_eighteen_operators_and_none_is_another() -> None:
    eighteen = CONVOLUTIONS | ATTENTIONS
    assert set(OURS) >= eighteen
    assert len({LAYERS[name] for name in eighteen}) == 18
    outputs = {}
    for name in eighteen:
        layer = made(name)
        generator = torch.Generator().manual_seed(0)
        for parameter in layer.parameters():  # a start as the identity would hide what an operator does
            nn.init.normal_(parameter, generator=generator)
        outputs[name] = run(layer, inputs(layer)).flatten()
    for a, b in itertools.combinations(sorted(eighteen), 2):
        equal = outputs[a].shape == outputs[b].shape and torch.allclose(outputs[a], outputs[b])
        assert equal == ((a, b) == ("conv2d", "spatial_conv")), (a, b)
    # These two are the same map by construction, carried out by unlike operators: a 2-D kernel on the frames as a
    # batch, and a 3-D kernel on the clip.
    assert {parameter.ndim for parameter in made("conv2d").parameters()} == {4, 1}
    assert {parameter.ndim for parameter in made("spatial_conv").parameters()} == {5, 1}


@pytest.mark.parametrize(("name", "execution"), EVERY, ids=IDS)
def test_the_cost_is_what_runs(name: str, execution: dict[str, str]) -> None:
    layer = made(name, **execution)
    given = inputs(layer)
    run(layer, given)  # skips where the machine has no such kernel
    with torch.no_grad():
        macs = enumerate_macs(lambda: layer(*given))
    cost = layer.cost(given[0].shape)
    assert (cost.forward_flops, cost.useful_forward_flops) == (2 * macs.computed, 2 * macs.useful)
    assert cost.useful_backward_flops <= cost.backward_flops
    assert cost.parameters == sum(parameter.numel() for parameter in layer.parameters())


@pytest.mark.parametrize(("name", "execution"), EVERY, ids=IDS)
def test_every_execution_gives_the_same(name: str, execution: dict[str, str]) -> None:
    layer, default = made(name, **execution), made(name)
    layer.load_state_dict(default.state_dict())
    given = inputs(layer)
    torch.testing.assert_close(run(layer, given), run(default, given), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", OURS)
def test_gradients_reach_all_inputs_and_parameters(name: str) -> None:
    layer = made(name)
    given = tuple(x.requires_grad_() for x in inputs(layer))
    torch.autograd.backward((layer(*given) ** 2).sum())
    for tensor in (*given, *layer.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()
        assert tensor.grad.abs().sum() > 0


@pytest.mark.parametrize("name", OURS)
def test_clips_of_a_batch_do_not_mix(name: str) -> None:
    layer = made(name)
    given = inputs(layer, batch=3)
    alone = run(layer, tuple(x[1:2] for x in given))
    torch.testing.assert_close(run(layer, given)[1:2], alone, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", OURS)
def test_every_layer_says_what_it_takes_and_where_it_is_from(name: str) -> None:
    layer = made(name)
    with pytest.raises(UsageError, match=layer.takes):
        layer.cost((1, CHANNELS, 4))
    with pytest.raises(UsageError, match="was built for 8 channels"):
        layer.cost((1, 9, *GRID) if layer.takes == "video_bcthw" else (1, *GRID, 9))
    assert (LAYERS[name].__doc__ or "").strip()


_PLUGIN = """
    import torch
    from torch import nn
    from vidgauge.reference_models.cost import elementwise
    from vidgauge.reference_models.layer import Layer
    from vidgauge.reference_models.layers import LAYERS

    @LAYERS.register("scale")
    class Scale(Layer):
        '''Each channel times a number of its own.'''
        takes = "tokens_bthwc"

        def __init__(self, channels):
            super().__init__()
            self.in_channels = channels
            self.factors = nn.Parameter(torch.ones(channels))

        @classmethod
        def example(cls, channels, grid):
            return {"channels": channels}

        def forward(self, x):
            return x * self.factors

        def cost(self, shape):
            self.split(shape)
            return elementwise(torch.Size(shape).numel()).model_copy(update={"parameters": self.in_channels})
"""


@pytest.mark.long
def test_a_layer_of_another_package_is_listed_priced_and_profiled(tmp_path: Path) -> None:
    (tmp_path / "others_layers.py").write_text(textwrap.dedent(_PLUGIN))
    metadata = tmp_path / "others_layers-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: others-layers\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[vidgauge.layer]\nscale = others_layers\n")
    suite = """
        summary = "one"
        threads = 1
        timing = { max_rounds = 5 }
        [[cases]]
        name = "mine"
        shape = [2, 3, 3, 4]
        batches = [1]
        directions = ["forward"]
        budget = 0.1
        baseline = "scale"
        variants = [{ layer = "scale", config = { channels = 4 } }]
    """
    (tmp_path / "mine.toml").write_text(textwrap.dedent(suite))
    listed = _vidgauge(tmp_path, "list", "layers", "--shape", "1,4,2,3,3")
    assert "scale" in listed
    assert "channels=4" in listed
    profiled = _vidgauge(tmp_path, "profile", "mine.toml", "--store", "s.sqlite", "--json")
    assert '"status": "ok"' in profiled


def _vidgauge(folder: Path, *arguments: str) -> str:
    environment: dict[str, Any] = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, "-P", "-c", "from vidgauge.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout


def test_the_zoo_imports_without_torch() -> None:
    code = "import sys, vidgauge.reference_models.layers; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0
