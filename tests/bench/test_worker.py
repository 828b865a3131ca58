"""The worker's doings, run in this process."""

from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import nn

from vidgauge.bench.backend import observe
from vidgauge.bench.messages import Built, Done, Failed, Job, Message, Probed, Step, Timed, Weighed
from vidgauge.bench.suite import Variant
from vidgauge.bench.timing.rounds import TimingRule
from vidgauge.bench.worker import run
from vidgauge.reference_models.cost import Cost, elementwise
from vidgauge.reference_models.layer import Layer
from vidgauge.reference_models.layers import LAYERS, build

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
    threads, tf32, precision = (
        torch.get_num_threads(),
        torch.backends.cudnn.allow_tf32,
        torch.get_float32_matmul_precision(),
    )
    yield
    torch.set_num_threads(threads)
    torch.backends.cudnn.allow_tf32 = tf32
    torch.set_float32_matmul_precision(precision)


def messages(*variants: Variant, **fields: object) -> list[Message]:
    job = Job.model_validate(
        {
            "variants": variants,
            "baseline": "conv3d",
            "shape": (1, 2, 3, 4, 4),
            "dtype": "float32",
            "device": "cpu",
            "direction": "inference",
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


@pytest.mark.parametrize("direction", ["inference", "forward", "backward", "forward+backward"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last_3d"])
def test_every_variant_is_built_probed_and_timed(direction: str, layout: str) -> None:
    variants = [variant.model_copy(update={"layout": layout}) for variant in (CONV, SPATIAL)]
    sent = messages(*variants, direction=direction)
    assert [message.variant for message in sent if isinstance(message, Built)] == ["conv3d", "flat"]
    probed = [message for message in sent if isinstance(message, Probed)]
    assert all(len(message.backends) == 1 for message in probed)
    if layout == "contiguous":  # the convolution; its bias is part of it
        passes = {"inference": 1, "forward": 1, "backward": 1, "forward+backward": 2}
        assert probed[0].operators == passes[direction]
    assert not any(isinstance(message, Weighed) for message in sent)
    (timed,) = (message for message in sent if isinstance(message, Timed))
    assert sent[-1] == Done()
    assert set(timed.samples) == {"conv3d", "flat", "conv3d (again)"}
    assert {len(samples.seconds) for samples in timed.samples.values()} <= {5, 6}


@pytest.mark.parametrize("direction", ["inference", "forward+backward"])
def test_every_variant_is_weighed_in_turn(direction: str) -> None:
    sent = messages(CONV, SPATIAL, direction=direction, task="weigh", memory_runs=3)
    weighed = [message for message in sent if isinstance(message, Weighed)]
    assert [message.variant for message in weighed] == ["conv3d", "flat"]
    assert {len(message.peak.runs) for message in weighed} == {3}
    least = 4 * (2 * 3 * 4 * 4)  # the output alone
    assert all((message.peak.cross_check or message.peak.bytes) >= least for message in weighed)
    assert not any(isinstance(message, Timed | Probed | Built) for message in sent)
    assert sent[-1] == Done()


def test_kernels_of_one_frame_have_a_layout_of_their_own() -> None:
    flat = Variant(layer="conv2d", config={"in_channels": 2, "out_channels": 2}, layout="channels_last_3d")
    assert messages(CONV, flat)[-1] == Done()


def test_operators_of_the_first_call_alone_do_not_count() -> None:
    """It makes a mask, which takes more operators than the rest of the call, and is kept."""
    config = {"channels": 4, "heads": 2, "window": [3, 3], "form": "masked"}
    window = Variant(layer="spatial_window_attention", config=config)
    layer, x = build(window.layer, **config), torch.zeros(1, 2, 9, 9, 4)
    with torch.no_grad():
        first, later = (observe(lambda: layer(x)).operators for _ in range(2))
    assert first > 2 * later
    counts = {}
    for direction in ("inference", "forward", "backward"):
        sent = messages(window, baseline=window.name, shape=x.shape, direction=direction)
        (counts[direction],) = (message.operators for message in sent if isinstance(message, Probed))
    assert counts["inference"] == counts["forward"] == later
    assert counts["backward"] is not None
    assert counts["backward"] > later


def test_each_sample_is_announced_under_the_variants_own_name() -> None:
    steps = [message for message in messages(CONV, SPATIAL) if isinstance(message, Step) and message.doing == "time"]
    assert {step.variant for step in steps} == {"conv3d", "flat"}
    assert all(0 <= step.fraction <= 1 for step in steps)


def test_without_its_baseline_nothing_runs_twice() -> None:
    (timed,) = (message for message in messages(SPATIAL) if isinstance(message, Timed))
    assert set(timed.samples) == {"flat"}


def test_an_unsupported_kernel_is_skipped_with_the_reason() -> None:
    config = {"channels": 4, "heads": 2, "kernel": "cudnn"}
    attention = Variant(layer="joint_attention", config=config)
    failed = messages(attention, baseline="joint_attention", shape=(1, 2, 3, 3, 4))[-1]
    assert isinstance(failed, Failed)
    assert (failed.status, failed.variant) == ("skipped", "joint_attention")
    assert "kernel 'cudnn' does not run on cpu" in failed.reason


def test_to_see_whether_it_fits_each_is_called_once() -> None:
    sent = messages(CONV, SPATIAL, task="fit")
    assert [message.variant for message in sent if isinstance(message, Built)] == ["conv3d", "flat"]
    assert not any(isinstance(message, Timed | Weighed | Probed) for message in sent)
    assert sent[-1] == Done()
    failed = messages(Variant(layer="greedy-worker-test"), task="fit")[-1]
    assert isinstance(failed, Failed)
    assert failed.status == "oom"


def test_what_compiles_is_named_and_its_first_call_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda layer, **_options: layer)
    compiled = CONV.model_copy(update={"label": "compiled", "compile": True})
    flex = Variant(layer="conv3d", label="flex", config=CONV.config)
    probed = [message for message in messages(CONV, compiled, flex) if isinstance(message, Probed)]
    assert [one.compile_seconds is not None for one in probed] == [False, True, False]
    assert probed[0].backends == ["Slow3d"]
    assert probed[1].backends[0] == "inductor"
    assert set(probed[1].backends[1:]) == {"Slow3d"}
    assert probed[1].graph_breaks == 0


def test_a_layer_that_does_not_compile_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("no compiler here")

    monkeypatch.setattr(torch, "compile", refuse)
    failed = messages(CONV, CONV.model_copy(update={"label": "compiled", "compile": True}))[-1]
    assert isinstance(failed, Failed)
    assert (failed.variant, failed.status) == ("compiled", "failed")
    assert "no compiler here" in failed.reason


def test_tf32_is_a_choice_of_its_own() -> None:
    assert messages(CONV, dtype="tf32", task="fit")[-1] == Done()
    assert torch.get_float32_matmul_precision() == "high"
    assert messages(CONV, dtype="float32", task="fit")[-1] == Done()
    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.backends.cudnn.allow_tf32


def test_wanting_too_much_memory_is_told_as_such() -> None:
    failed = messages(CONV, Variant(layer="greedy-worker-test"))[-1]
    assert isinstance(failed, Failed)
    assert (failed.variant, failed.status) == ("greedy-worker-test", "oom")
    assert failed.reason.startswith("first call: RuntimeError")


def test_whatever_a_layer_raises_is_told_in_one_line() -> None:
    failed = messages(CONV, Variant(layer="flawed-worker-test"))[-1]
    expected = "first call: ArithmeticError: no answer for rank 5"
    assert failed == Failed(variant="flawed-worker-test", status="failed", reason=expected)


def test_a_layer_that_refuses_the_input_is_skipped_alone() -> None:
    tokens = Variant(layer="joint_attention", config={"channels": 4, "heads": 2}, layout="channels_last_3d")
    failed = messages(CONV, tokens)[-1]
    assert isinstance(failed, Failed)
    assert (failed.variant, failed.status) == ("joint_attention", "skipped")
    assert "channels_last_3d is a layout of video_bcthw" in failed.reason


@pytest.mark.parametrize("direction", ["inference", "forward+backward"])
def test_a_layer_is_given_all_its_inputs(direction: str) -> None:
    text = Variant(layer="cross_attention", config={"channels": 4, "heads": 2, "context_channels": 6})
    assert messages(text, baseline="cross_attention", shape=(1, 2, 3, 3, 4), direction=direction)[-1] == Done()
