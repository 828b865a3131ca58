"""The torchmetrics classes keep torchmetrics' contract, and their numbers are those of the functions and of `score`."""

import copy
import csv
import pickle
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection
from torchmetrics.utilities.exceptions import TorchMetricsUserError
from torchmetrics.wrappers import FeatureShare

from vidgauge.datasets import write_video
from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.errors import UsageError
from vidgauge.metrics import (
    CLIPSIM,
    FrameConsistency,
    FrechetVideoDistance,
    KernelVideoDistance,
    VideoInceptionScore,
    build_network,
    inception_score,
    kernel_distance,
    score,
)
from vidgauge.metrics.frechet import frechet_distance_of_features
from vidgauge.metrics.modules.video_input import as_bytes
from vidgauge.metrics.modules.video_metric import _widest
from vidgauge.metrics.protocols import PROTOCOLS, Samples

pytestmark = pytest.mark.filterwarnings("ignore:.*biased upwards:UserWarning")

Kind = Any  # one of the classes below, each with arguments of its own
Filled = Any
Batch = dict[str, Any]

KINDS: list[Kind] = [CLIPSIM, FrameConsistency, FrechetVideoDistance, KernelVideoDistance, VideoInceptionScore]
DISTANCES: list[Kind] = [FrechetVideoDistance, KernelVideoDistance]
PROTOCOL_OF = {
    CLIPSIM: "clipsim",
    FrameConsistency: "frame-consistency",
    FrechetVideoDistance: "fvd",
    KernelVideoDistance: "kvd",
    VideoInceptionScore: "is",
}
REAL, MADE = (list(MovingShapes(height=32, width=32, seed=seed, count=count)) for seed, count in ((41, 5), (42, 4)))
VIDEOS = {
    real: torch.stack([sample.frames_thwc for sample in samples]).permute(0, 4, 1, 2, 3)
    for real, samples in ((True, REAL), (False, MADE))
}
CAPTIONS = [sample.caption or "" for sample in MADE]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def batch(kind: Kind, part: slice, real: bool = False) -> Batch:
    """What a metric's update takes of some of the videos."""
    given: Batch = {"video_bcthw": VIDEOS[real][part]}
    if kind is CLIPSIM:
        given["captions"] = CAPTIONS[part]
    if kind in DISTANCES:
        given["real"] = real
    return given


def batches(kind: Kind, *cuts: int) -> list[Batch]:
    """All videos in batches that end at the cuts, the real ones first where there is need of them."""
    parts = [slice(start, end) for start, end in zip((0, *cuts), (*cuts, None), strict=True)]
    real = [batch(kind, part, real=True) for part in parts] if kind in DISTANCES else []
    return [*real, *(batch(kind, part) for part in parts)]


def updated(metric: Filled, given: list[Batch]) -> Filled:
    for one in given:
        metric.update(**one)
    return metric


def resized(video_bcthw: Tensor) -> Tensor:
    frames = video_bcthw.double().transpose(1, 2).flatten(0, 1) / 255
    large = nn.functional.interpolate(frames, (64, 64), mode="bilinear", antialias=True)
    return large.reshape(len(video_bcthw), -1, 3, 64, 64).transpose(1, 2)


@cache
def seen(name: str, real: bool) -> dict[str, Tensor]:
    """The outputs of an embedded network, straight from it."""
    network: Any = build_network(name, weights="embedded").double()
    outputs: dict[str, Tensor] = network.extract(resized(VIDEOS[real]))
    if name == "shapes-clip":
        outputs["texts_nd"] = network.embed_captions(CAPTIONS)
    return outputs


def oracle(kind: Kind, made: slice = slice(None)) -> float:
    """The score by the networks and the functions alone."""
    if kind is VideoInceptionScore:
        return inception_score(seen("shapes-classifier", False)["probabilities_nk"][made].float())
    if kind in DISTANCES:
        distance = frechet_distance_of_features if kind is FrechetVideoDistance else kernel_distance
        real, generated = (seen("shapes-classifier", real)["features_nd"].float() for real in (True, False))
        return distance(real, generated[made])
    outputs = seen("shapes-clip", False)
    frames = nn.functional.normalize(outputs["frames_ntd"][made], dim=2)
    if kind is FrameConsistency:
        return float((frames[:, 1:] * frames[:, :-1]).sum(2).mean())
    texts = nn.functional.normalize(outputs["texts_nd"][made], dim=1)
    return float((frames * texts[:, None]).sum(2).mean())


@cache
def _filled(kind: Kind) -> Filled:
    return updated(kind(), batches(kind, 2))


def filled(kind: Kind) -> Filled:
    """A metric that has seen all videos, in two batches."""
    return _filled(kind).clone()


@pytest.mark.parametrize("kind", KINDS)
def test_the_value_is_that_of_the_functions_however_videos_are_batched(kind: Kind) -> None:
    at_once, batched = updated(kind(), batches(kind)).compute(), filled(kind).compute()
    assert at_once.shape == ()
    assert at_once.dtype == torch.float64
    assert not at_once.requires_grad
    assert batched.item() == pytest.approx(at_once.item(), rel=1e-12)
    assert at_once.item() == pytest.approx(oracle(kind), rel=1e-6)


def test_values_equal_those_of_score_on_lossless_files(tmp_path: Path) -> None:
    for folder, samples in (("real", REAL), ("made", MADE)):
        for sample in samples:
            write_video(tmp_path / folder / f"{sample.id}.mkv", sample.frames_thwc, sample.fps)
    with (tmp_path / "captions.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "caption"), *((f"{s.id}.mkv", s.caption) for s in MADE)])
    captions = tmp_path / "captions.csv"
    names = [f"{PROTOCOL_OF[kind]}.shapes" for kind in KINDS]
    scored = {
        record.protocol.name: record.value
        for record in score(tmp_path / "real", tmp_path / "made", names, captions=captions, workers=0)
    }
    for kind, name in zip(KINDS, names, strict=True):
        assert filled(kind).compute().item() == pytest.approx(scored[name], rel=1e-12)


def test_floats_are_the_bytes_that_they_round_to() -> None:
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 1, 16, 16).expand(1, 3, 1, 16, 16)
    for dtype in (torch.float16, torch.float32, torch.float64):  # bfloat16 knows fewer levels
        assert torch.equal(as_bytes(levels.to(dtype) / 255), levels)
        assert torch.equal(as_bytes(levels.to(dtype) / 255 * 0.998 + 0.001), levels)
    metric = FrameConsistency()
    metric.update(VIDEOS[False].double() / 255)
    assert metric.compute().item() == filled(FrameConsistency).compute().item()


@pytest.mark.parametrize("kind", [CLIPSIM, FrameConsistency, VideoInceptionScore])
def test_forward_gives_the_value_of_the_batch_and_accumulates(kind: Kind) -> None:
    metric = kind()
    first, second = (metric(**one) for one in batches(kind, 2))
    assert first.item() == pytest.approx(oracle(kind, slice(0, 2)), rel=1e-6)
    assert second.item() == pytest.approx(oracle(kind, slice(2, None)), rel=1e-6)
    assert metric.compute().item() == pytest.approx(oracle(kind), rel=1e-6)
    assert metric.update_count == 2
    assert metric._forward_cache is second  # what Lightning logs of a step


@pytest.mark.parametrize("kind", DISTANCES)
@pytest.mark.parametrize("reset_real_features", [True, False])
def test_forward_compares_a_generated_batch_with_all_real_videos(kind: Kind, reset_real_features: bool) -> None:
    metric = kind(reset_real_features=reset_real_features)
    assert metric(**batch(kind, slice(None), real=True)) is None
    assert metric(**batch(kind, slice(0, 1))) is None  # one video has no covariance
    assert metric(**batch(kind, slice(1, 3))).item() == pytest.approx(oracle(kind, slice(1, 3)), rel=1e-6)
    assert metric(**batch(kind, slice(3, None))) is None
    assert len(torch.cat(metric.metric_state["real_features"])) == len(REAL)
    assert metric.compute().item() == pytest.approx(oracle(kind), rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_compute_is_cached_until_the_next_update_and_reset_starts_anew(kind: Kind) -> None:
    metric = filled(kind)
    whole = metric.compute()
    assert metric.compute() is whole
    metric.update(**batch(kind, slice(0, 1)))
    assert metric.compute().item() != whole.item()
    metric.reset()
    assert metric.update_count == 0
    assert updated(metric, batches(kind)).compute().item() == pytest.approx(whole.item(), rel=1e-12)


@pytest.mark.parametrize("kind", DISTANCES)
def test_real_features_outlive_a_reset_where_asked(kind: Kind) -> None:
    real, made = batches(kind)
    metric = updated(kind(reset_real_features=False), [real, made])
    metric.reset()
    metric.update(**made)
    assert metric.compute().item() == pytest.approx(oracle(kind), rel=1e-6)
    forgetful = filled(kind)
    forgetful.reset()
    forgetful.update(**made)
    with pytest.raises(UsageError, match=r"needs at least 2 videos in a set; one has 0"):
        forgetful.compute()


@pytest.mark.parametrize("kind", KINDS)
def test_states_merge(kind: Kind) -> None:
    first, second = (updated(kind(), part) for part in (batches(kind, 2)[::2], batches(kind, 2)[1::2]))
    from_state = first.clone()
    first.merge_state(second)
    from_state.merge_state(second.metric_state)
    for merged in (first, from_state):
        assert merged.compute().item() == pytest.approx(oracle(kind), rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_states_of_another_protocol_do_not_merge_or_load(kind: Kind) -> None:
    metric, other = filled(kind), kind(random_weights=1)
    with pytest.raises(UsageError, match="different protocols or networks cannot be put together"):
        metric.merge_state(other)
    other.persistent(True)
    with pytest.raises(RuntimeError, match="the saved states are of another protocol or network"):
        metric.load_state_dict(other.state_dict())
    assert metric.compute().item() == pytest.approx(oracle(kind), rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_metrics_are_copied_and_pickled_with_their_states(kind: Kind) -> None:
    metric = updated(kind(), batches(kind, 2)[:-1])
    early = len(torch.cat(metric.metric_state[metric.generated]))
    others = [metric.clone(), copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))]
    for other in others:
        assert type(other) is kind
        assert hash(other) != hash(metric)
        other.update(**batches(kind, 2)[-1])
        assert other.compute().item() == pytest.approx(oracle(kind), rel=1e-6)
    assert len(torch.cat(metric.metric_state[metric.generated])) == early  # none of it came back


@pytest.mark.parametrize("kind", KINDS)
def test_state_dict_is_empty_unless_asked_for_and_comes_back(kind: Kind) -> None:
    metric = filled(kind)
    assert metric.state_dict() == {}
    metric.persistent(True)
    saved = metric.state_dict()
    assert set(saved) == set(metric.metric_state)
    fresh = kind()
    fresh.load_state_dict(saved)
    with pytest.warns(UserWarning, match="before the ``update`` method"):
        value = fresh.compute()
    assert value.item() == metric.compute().item()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_states_in_half_precision(kind: Kind, dtype: torch.dtype) -> None:
    half = updated(kind().set_dtype(dtype), batches(kind))
    assert {rows.dtype for rows in half.metric_state[half.generated]} == {dtype}
    assert half.compute().item() == pytest.approx(oracle(kind), rel=0.05)
    assert filled(kind).set_dtype(dtype).compute().item() == pytest.approx(half.compute().item(), rel=1e-6)
    assert filled(kind).half().double().float().bfloat16().compute().item() == filled(kind).compute().item()
    wide = filled(kind).set_dtype(torch.float64)
    assert {rows.dtype for rows in wide.metric_state[wide.generated]} == {torch.float64}
    assert wide.compute().item() == pytest.approx(oracle(kind), rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_moves_take_states_and_network_along(kind: Kind) -> None:
    metric = filled(kind).to("meta")
    assert metric.device == torch.device("meta")
    states = [row for state in metric.metric_state.values() for row in state]
    held: Any = metric.network
    assert {tensor.device.type for tensor in (*states, *held.network.parameters())} == {"meta"}
    assert {tensor.dtype for tensor in held.network.parameters()} == {torch.float64}
    assert filled(kind).to("cpu").compute().device == torch.device("cpu")
    assert (_widest(torch.device("cuda")), _widest(torch.device("mps"))) == (torch.float64, torch.float32)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_videos_and_metric_on_a_gpu(kind: Kind) -> None:
    metric = kind().to("cuda")
    for one in batches(kind, 2):
        metric.update(**one | {"video_bcthw": one["video_bcthw"].to("cuda")})
    value = metric.compute()
    assert value.device.type == "cuda"
    assert value.item() == pytest.approx(oracle(kind), rel=1e-5)
    assert metric.to("cpu").compute().item() == value.item()


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_report_reads_is_declared_and_cannot_be_changed(kind: Kind) -> None:
    metric = kind()
    assert metric.higher_is_better == (kind not in DISTANCES)
    assert metric.is_differentiable is False
    assert metric.full_state_update is False
    assert metric.higher_is_better == (metric.rule.measure.better == "higher")
    with pytest.raises(RuntimeError):
        metric.higher_is_better = not metric.higher_is_better
    figure, axis = filled(kind).plot()
    assert axis.lines[0].get_ydata()[0] == pytest.approx(oracle(kind), rel=1e-6)
    assert len(metric.plot([torch.tensor(1.0), torch.tensor(2.0)], axis)[1].lines[1].get_xdata()) == 2
    plt.close(figure)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_around_it_neither_trains_casts_saves_nor_optimises_the_network(kind: Kind) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 2)
            self.metric = kind()

    model = Model().train().half()
    assert set(model.state_dict()) == {"layer.weight", "layer.bias"}
    assert len(list(model.parameters())) == 2
    with torch.autocast("cpu", torch.bfloat16):
        updated(model.metric, batches(kind))
    assert model.metric.compute().item() == pytest.approx(oracle(kind), rel=1e-6)


def test_mixed_precision_does_not_reach_a_network_in_float32() -> None:
    metric = FrameConsistency(PROTOCOLS["frame-consistency.shapes"].model_copy(update={"dtype": "float32"}))
    metric.update(VIDEOS[False])
    plain = metric.compute().item()
    metric.reset()
    with torch.autocast("cpu", torch.bfloat16):
        metric.update(VIDEOS[False])
    assert metric.compute().item() == plain


def collection() -> MetricCollection:
    metrics: dict[str, Metric | MetricCollection] = {kind.__name__: kind() for kind in KINDS}
    return MetricCollection(metrics)


def test_a_collection_of_all_runs_a_shared_network_once_and_leaves_real_videos_out() -> None:
    metrics = collection()
    for part in (slice(0, 2), slice(2, None)):
        metrics.update(VIDEOS[True][part], real=True)
        metrics.update(VIDEOS[False][part], real=False, captions=CAPTIONS[part])
    groups = [set(group) for group in metrics.compute_groups.values()]
    assert {"FrechetVideoDistance", "KernelVideoDistance"} in groups
    assert len(groups) == 4
    for kind in KINDS:
        assert metrics.compute()[kind.__name__].item() == pytest.approx(oracle(kind), rel=1e-6)
    # update and forward may alternate
    metrics.reset()
    assert set(metrics(VIDEOS[True], real=True).values()) == {None}
    step = metrics(VIDEOS[False][:2], real=False, captions=CAPTIONS[:2])
    metrics.update(VIDEOS[False][2:], real=False, captions=CAPTIONS[2:])
    for kind in KINDS:
        assert step[kind.__name__].item() == pytest.approx(oracle(kind, slice(0, 2)), rel=1e-6)
        assert metrics.compute()[kind.__name__].item() == pytest.approx(oracle(kind), rel=1e-6)


def test_metrics_that_differ_later_do_not_share_states_because_they_begin_alike() -> None:
    protocol = PROTOCOLS["frame-consistency.shapes"]
    first = protocol.model_copy(update={"parameters": {"pairs": "first"}})
    metrics = MetricCollection({"previous": FrameConsistency(), "first": FrameConsistency(first)})
    still = VIDEOS[False][:2, :, :1].expand(-1, -1, 16, -1, -1)
    metrics.update(still)
    metrics.update(VIDEOS[False])
    alone = updated(FrameConsistency(first), [{"video_bcthw": still}, {"video_bcthw": VIDEOS[False]}])
    assert metrics.compute()["first"].item() == alone.compute().item() != metrics.compute()["previous"].item()
    kept = MetricCollection([FrechetVideoDistance(reset_real_features=False), KernelVideoDistance()])
    kept.update(VIDEOS[True], real=True)
    assert len(kept.compute_groups) == 2


def test_feature_share_shows_the_network_each_clip_once() -> None:
    kinds: list[Kind] = [FrechetVideoDistance, KernelVideoDistance, VideoInceptionScore]
    shared = FeatureShare({kind.__name__: kind() for kind in kinds})
    clips: list[int] = []
    held: Any = next(iter(shared.values())).network
    held.network.network.register_forward_pre_hook(lambda _, seen: clips.append(len(seen[0])))
    shared.update(VIDEOS[True], real=True)
    shared.update(VIDEOS[False], real=False)
    assert sum(clips) == len(VIDEOS[True]) + len(VIDEOS[False])
    for kind in kinds:
        assert shared.compute()[kind.__name__].item() == pytest.approx(oracle(kind), rel=1e-6)
    clip = FeatureShare([CLIPSIM(), FrameConsistency()])
    clip.update(VIDEOS[False], captions=CAPTIONS)
    assert clip.compute()["CLIPSIM"].item() == pytest.approx(oracle(CLIPSIM), rel=1e-6)
    with pytest.warns(UserWarning, match="not the same for all metrics"):
        FeatureShare([FrechetVideoDistance(), CLIPSIM()])


class Brightness(nn.Module):
    """Features of one's own: mean and deviation of each video's levels."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, video_bcthw: Tensor) -> Tensor:
        levels = video_bcthw.flatten(1).double() * self.scale
        return torch.stack([levels.mean(1), levels.std(1)], dim=1)


@pytest.mark.parametrize("kind", DISTANCES)
def test_a_network_of_ones_own_gets_the_videos_as_they_are(kind: Kind) -> None:
    network = Brightness().train()
    metric = kind(network=network)
    assert not network.training
    videos = [VIDEOS[True][:, :, :5].double() / 255 / 3, VIDEOS[False][:, :, :9].double() / 255 / 3]
    metric.update(videos[0], real=True)
    metric.update(videos[1], real=False)
    distance = frechet_distance_of_features if kind is FrechetVideoDistance else kernel_distance
    expected = distance(*(network(video).detach() for video in videos))
    assert metric.compute().item() == pytest.approx(expected, rel=1e-3)  # features are kept in float32
    assert metric.state_dict() == {}
    again = pickle.loads(pickle.dumps(metric))
    again.merge_state(metric)
    assert len(torch.cat(again.real_features)) == 2 * len(REAL)


def test_probabilities_of_ones_own() -> None:
    class Certain(nn.Module):
        def forward(self, video_bcthw: Tensor) -> Tensor:
            return torch.eye(5)[torch.arange(len(video_bcthw)) % 5]

    metric = VideoInceptionScore(network=Certain())
    metric.update(torch.zeros(10, 3, 2, 4, 4))
    assert metric.compute().item() == pytest.approx(5)


def test_parts_of_an_inception_score() -> None:
    protocol = PROTOCOLS["is.shapes"].model_copy(update={"parameters": {"convention": "magvit"}})
    metric = VideoInceptionScore(protocol)
    assert metric(VIDEOS[False][:3]) is None  # four parts
    metric.update(VIDEOS[False][3:])
    with pytest.warns(UserWarning, match="4 clips instead of 40000: biased low"):
        whole = metric.compute()
    assert metric.parts().shape == (4,)
    assert metric.parts().mean().item() == pytest.approx(whole.item(), rel=1e-12)
    metric.reset()
    metric.update(VIDEOS[False][:3])
    for ask in (metric.parts, metric.compute):
        with pytest.raises(UsageError, match="needs at least 4 videos in a set; one has 3"):
            ask()


@pytest.mark.filterwarnings("default")
def test_bias_is_told_once() -> None:
    metric = filled(FrechetVideoDistance)
    metric._warned.clear()
    with pytest.warns(UserWarning, match="fvd.shapes: 4 clips are fewer than twice the 64 features: biased upwards"):
        metric.compute()
    metric.update(**batch(FrechetVideoDistance, slice(0, 1)))
    enough = FrechetVideoDistance(network=Brightness())  # two features
    updated(enough, batches(FrechetVideoDistance))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metric.compute()
        enough.compute()


def test_fewer_videos_than_published_are_told() -> None:
    fewer = PROTOCOLS["fvd.shapes"].model_copy(update={"samples": Samples(real=5, generated=9)})
    metric = updated(FrechetVideoDistance(fewer, network=Brightness()), batches(FrechetVideoDistance))
    message = "fvd.shapes: 4 generated videos instead of 9: not comparable with published numbers$"
    with pytest.warns(UserWarning, match=message):
        metric.compute()


def test_captions_that_are_not_read_are_told_once() -> None:
    metric = CLIPSIM()
    with pytest.warns(UserWarning, match=r"clipsim.shapes: shapes-clip does not know 1 words: xylophone"):
        metric.update(VIDEOS[False][:1], ["a xylophone"])
    metric.update(VIDEOS[False][:1], ["a xylophone"])


def test_errors_leave_the_metric_as_it_was() -> None:
    metric = filled(FrechetVideoDistance)
    for call in (metric.update, metric.forward):
        with pytest.raises(UsageError):
            call(VIDEOS[False].float(), real=False)
    assert metric.compute().item() == pytest.approx(oracle(FrechetVideoDistance), rel=1e-6)
    metric._is_synced = True
    with pytest.raises(TorchMetricsUserError, match="unsync"):
        metric(VIDEOS[False], real=False)


def test_frames_are_counted_as_the_protocol_wants_them() -> None:
    whole = PROTOCOLS["frame-consistency.shapes"].with_clips(offset="whole", frames=4)
    metric = FrameConsistency(whole)
    metric.update(VIDEOS[False][:, :, :9])
    metric.update(VIDEOS[False])
    with pytest.raises(UsageError, match=r"looks at clips of at least 4 frames; these have 3"):
        metric.update(VIDEOS[False][:, :, :3])
    assert len(np.concatenate([rows.numpy() for rows in metric.similarities])) == 2 * len(MADE)
