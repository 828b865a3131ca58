"""The worker's doings, run in this process."""

from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import nn

from vidgauge.bench.messages import Built, Done, Failed, Job, Message, Probed, Step, Timed, Weighed
from vidgauge.bench.suite import Variant
from vidgauge.bench.timing.rounds import TimingRule
from vidgauge.bench.worker import run
from vidgauge.reference_models.cost import Cost, elementwise
from vidgauge.reference_models.layer import Layer
from vidgauge.reference_models.layers import LAYERS

CONV = Variant(layer="conv3d", config={"in_channels": 2, "out_channels": 2})
SPATIAL = Variant(layer="spatial_conv", label="flat", config={"in_channels": 2, "out_channels": 2})


class Greedy(Layer):
    takes = "video_bcthw"

    def __init__(self) -> None:
        super().__init__()
        self.in_channels = 2
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.ones(2**55)

    def cost(self, shape: Sequence[int]) -> Cost:
        self.split(shape)
        return elementwise(1)


class Flawed(Greedy):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise ArithmeticError(f"no answer\nfor rank {x.ndim}")


LAYERS.register("greedy-worker-test")(Greedy)
LAYERS.register("flawed-worker-test")(Flawed)


@pytest.fixture(autouse=True)
def _keep_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def messages(*variants: Variant, **fields: object) -> list[Message]:
    job = Job.model_validate(
        {
            "variants": variants,
            "baseline": "conv3d",
            "shape": (1, 2, 3, 4, 4),
            "dtype": "float32",
            "device": "cpu",
            "direction": "forward",
            "threads": 1,
            "seed": 0,
            "rule": TimingRule(warmup_rounds=1, max_rounds=6),
            "budget": 0.05,
            "memory_runs": 1,
            **fields,
        }
    )
    sent: list[Message] = []
    run(job, sent.append)
    return sent


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last_3d"])
def test_every_variant_is_built_probed_and_timed(direction: str, layout: str) -> None:
    variants = [variant.model_copy(update={"layout": layout}) for variant in (CONV, SPATIAL)]
    sent = messages(*variants, direction=direction)
    assert [message.variant for message in sent if isinstance(message, Built)] == ["conv3d", "flat"]
    probed = [message for message in sent if isinstance(message, Probed)]
    assert all(len(message.backends) == 1 for message in probed)
    weighed = [message for message in sent if isinstance(message, Weighed)]
    assert len(weighed) == 2
    assert all(len(message.peaks) == 1 or message.no_peak for message in weighed)
    (timed,) = (message for message in sent if isinstance(message, Timed))
    assert sent.index(timed) < sent.index(weighed[0])
    assert sent[-1] == Done()
    assert set(timed.samples) == {"conv3d", "flat", "conv3d (again)"}
    assert {len(samples.seconds) for samples in timed.samples.values()} <= {5, 6}


def test_kernels_of_one_frame_have_a_layout_of_their_own() -> None:
    flat = Variant(layer="conv2d", config={"in_channels": 2, "out_channels": 2}, layout="channels_last_3d")
    assert messages(CONV, flat)[-1] == Done()


def test_each_sample_is_announced_under_the_variants_own_name() -> None:
    steps = [message for message in messages(CONV, SPATIAL) if isinstance(message, Step) and message.doing == "time"]
    assert {step.variant for step in steps} == {"conv3d", "flat"}
    assert all(0 <= step.fraction <= 1 for step in steps)


def test_without_its_baseline_nothing_runs_twice() -> None:
    (timed,) = (message for message in messages(SPATIAL) if isinstance(message, Timed))
    assert set(timed.samples) == {"flat"}


def test_wanting_too_much_memory_is_told_as_such() -> None:
    failed = messages(CONV, Variant(layer="greedy-worker-test"))[-1]
    assert isinstance(failed, Failed)
    assert (failed.variant, failed.status) == ("greedy-worker-test", "oom")
    assert failed.reason.startswith("first call: RuntimeError")


def test_whatever_a_layer_raises_is_told_in_one_line() -> None:
    failed = messages(CONV, Variant(layer="flawed-worker-test"))[-1]
    expected = "first call: ArithmeticError: no answer for rank 5"
    assert failed == Failed(variant="flawed-worker-test", status="failed", reason=expected)


def test_a_layer_that_does_not_take_the_input_fails_alone() -> None:
    tokens = Variant(layer="joint_attention", config={"channels": 4, "heads": 2}, layout="channels_last_3d")
    failed = messages(CONV, tokens)[-1]
    assert isinstance(failed, Failed)
    assert (failed.variant, failed.status) == ("joint_attention", "failed")
    assert "channels_last_3d is a layout of video_bcthw" in failed.reason


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_a_layer_is_given_all_its_inputs(direction: str) -> None:
    text = Variant(layer="cross_attention", config={"channels": 4, "heads": 2, "context_channels": 6})
    assert messages(text, baseline="cross_attention", shape=(1, 2, 3, 3, 4), direction=direction)[-1] == Done()
