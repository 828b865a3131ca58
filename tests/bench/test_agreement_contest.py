"""Agreement with other packages: what is compared, on small cases and with references made for the purpose."""

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from vidgauge.bench.contests import CONTESTS, LongContest
from vidgauge.bench.contests import agreement as contest
from vidgauge.bench.contests.agreement import references, statistics
from vidgauge.bench.contests.agreement.cd_fvd import CdFvd
from vidgauge.bench.contests.agreement.comparison import (
    STATISTICS_BOUND,
    Comparison,
    compare,
    in_order,
    version,
)
from vidgauge.bench.contests.agreement.features import Case, two_sets
from vidgauge.bench.contests.agreement.files import COUNTS, FRAMES, HEIGHT, WIDTH, Files
from vidgauge.bench.contests.agreement.pairs import PROTOCOLS_OF_PAIRS, measures_of_pairs, networks_of_pairs
from vidgauge.bench.contests.agreement.videos import videos
from vidgauge.bench.contests.agreement.weights import SMALL, Weights, seeded, settle
from vidgauge.datasets import read_video
from vidgauge.environment import Environment
from vidgauge.errors import VidgaugeError
from vidgauge.metrics.frechet import FrechetConvention, frechet_distance_of_features
from vidgauge.metrics.inception import InceptionConvention
from vidgauge.metrics.similarity import FramePairs
from vidgauge.store import read_json

pytestmark = pytest.mark.long

COMMITTED = Path(__file__).parents[2] / "reports" / "results" / "cpu" / "agreement.json"
ASKED_FOR = {
    "cd-fvd",
    "clean-fid",
    "open-clip-torch",
    "pytorch-fid",
    "scikit-learn",
    "torch-fidelity",
    "torchmetrics",
}
"""The references that can be installed."""


def made(**changes: Any) -> Comparison:  # noqa: ANN401 - fields of every type
    fields: dict[str, Any] = {
        "part": "statistics",
        "measure": "a distance",
        "reference": "a package",
        "package": "numpy",
        "case": "by hand",
        "bound": 1e-6,
        "ours": lambda: 2.0,
        "theirs": lambda: 2.0,
    }
    return Comparison(**(fields | changes))


# One comparison


@pytest.mark.parametrize(
    ("ours", "theirs", "difference", "within"),
    [
        (2.0, 2.0, 0.0, True),
        (2.0 + 1e-6, 2.0, 5e-7, True),
        (2.0 + 1e-5, 2.0, 5e-6, False),
        (0.0, 0.0, 0.0, True),
        (0.5, 0.0, 0.5, False),
        ([1.0, -8.0], [1.0, -8.000004], 5e-7, True),
        ([1.00004, -8.0], [1.0, -8.0], 5e-6, False),
    ],
)
def test_the_difference_is_a_share_of_the_references_largest_number(
    ours: Any,  # noqa: ANN401 - a number or several
    theirs: Any,  # noqa: ANN401
    difference: float,
    within: bool,
) -> None:
    found = compare(made(ours=lambda: ours, theirs=lambda: theirs))
    assert found["value"] == pytest.approx(difference, rel=1e-3)
    assert found["details"]["within"] is within
    assert found["n"] == np.size(ours)
    assert found["details"]["version"] == version("numpy")


def raises(message: str) -> Any:  # noqa: ANN401 - stands for a computation
    def compute() -> float:
        raise RuntimeError(message)

    return compute


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"package": "no-such-package"}, "skipped", "no-such-package is not installed"),
        ({"theirs": raises("no\n such  root")}, "failed", "a package failed: RuntimeError: no such root"),
        ({"ours": raises("oh")}, "failed", "ours failed: RuntimeError: oh"),
        ({"theirs": lambda: [1.0, 2.0]}, "failed", "ours has the shape (), a package's (2,)"),
        ({"theirs": lambda: np.nan}, "failed", "a package gave numbers that are not finite"),
        ({"ours": lambda: np.inf}, "failed", "ours gave numbers that are not finite"),
    ],
)
def test_what_cannot_be_compared_says_why(changes: dict[str, Any], status: str, reason: str) -> None:
    found = compare(made(**changes))
    assert (found["status"], found["reason"]) == (status, reason)
    assert found["details"]["bound"] == 1e-6


def test_references_are_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    def loud() -> float:
        sys.stdout.write("result: 2")
        sys.stderr.write("warning: 2")
        np.asarray(1.0) / np.asarray(0.0)
        return 2.0

    assert compare(made(theirs=loud))["value"] == 0
    assert capfd.readouterr() == ("", "")


def test_rows_in_any_order_are_the_same_features() -> None:
    features = np.random.default_rng(0).normal(size=(5, 3))
    assert np.array_equal(in_order(features[[3, 1, 0, 4, 2]]), in_order(features))
    assert np.array_equal(in_order(features[:, None, :])[:, 0], in_order(features))


def test_the_contest_gives_a_record_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    several = [
        made(),
        made(part="networks", measure="features", theirs=lambda: 3.0),
        made(part="videos", reference="another", package="no-such-package"),
    ]
    monkeypatch.setattr(contest, "comparisons", lambda _: iter(several))
    entered = CONTESTS["agreement"]
    assert not isinstance(entered, LongContest)
    told: list[tuple[float, str]] = []
    records = list(entered(Environment.capture(), lambda done, what: told.append((done, what))))
    assert [record.protocol.name for record in records] == [f"agreement.{one.part}" for one in several]
    assert [record.status for record in records] == ["ok", "ok", "skipped"]
    assert [record.details.get("within") for record in records] == [True, False, None]
    assert len({record.protocol.fingerprint for record in records}) == 3
    assert records[2].subject.config["reference"] == "another"
    assert [done for done, _ in told] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert told[1][1] == "features, a package"


# What is compared


def test_there_is_one_row_for_each_and_every_convention_is_there(tmp_path: Path) -> None:
    rows = list(contest.comparisons(tmp_path))
    assert len({(row.measure, row.reference, row.case) for row in rows}) == len(rows)
    measures = {row.measure for row in rows}
    for name, convention in (
        ("Fréchet distance", FrechetConvention),
        ("Inception Score", InceptionConvention),
        ("frame consistency", FramePairs),
    ):
        assert {f"{name}, {one}" for one in get_args(convention)} <= measures
    assert {row.package for row in rows} >= ASKED_FOR
    assert {row.part for row in rows} == {"statistics", "networks", "videos"}
    assert {one.relative_to(tmp_path).parts[0] for one in tmp_path.rglob("*") if one.is_file()} == set()


def test_statistics_agree_on_small_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "CASES", (Case(20, 90, 60, 1e-2), Case(20, 250, 250)))
    monkeypatch.setattr(statistics, "WIDE_CASES", {"torch-fidelity": Case(40, 30, 20)})
    seen = set()
    for comparison in [*statistics.statistics(), *measures_of_pairs()]:
        found = compare(comparison)
        if found.get("status") == "skipped":
            assert version(comparison.package) is None
            continue
        assert found["details"].get("within"), (comparison.measure, comparison.reference, found)
        seen.add(comparison.package)
    assert {"numpy", "scikit-learn", "scipy", "torch", "torch-fidelity", "torchmetrics"} <= seen


@pytest.mark.parametrize("convention", ["ddof-0", "ridge-1e-6", "tfgan-float32"])
def test_another_convention_is_beyond_the_bound(convention: FrechetConvention) -> None:
    real, generated = two_sets(Case(40, 300, 250, 1e-2))
    row = made(
        bound=STATISTICS_BOUND,
        ours=lambda: frechet_distance_of_features(real, generated, convention=convention),
        theirs=lambda: references.torch_fidelity(real, generated),
    )
    assert not compare(row)["details"]["within"]


def test_features_made_by_hand_have_the_spectrum_that_is_named() -> None:
    real, generated = two_sets(Case(30, 4000, 3000, 1e-2))
    assert (real.shape, generated.shape, str(real.dtype)) == ((4000, 30), (3000, 30), "float32")
    assert real[:, -1].std() / real[:, 0].std() == pytest.approx(1e-2, rel=0.05)
    values = [np.linalg.eigvalsh(np.cov(features, rowvar=False)) for features in (real, generated)]
    assert values[1][-1] / values[0][-1] == pytest.approx(1.2**2, rel=0.1)
    commutator = np.cov(real, rowvar=False) @ np.cov(generated, rowvar=False)
    assert np.abs(commutator - commutator.T).max() > 0.01 * np.abs(commutator).max()


# References made for the purpose


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **contents: Any) -> None:  # noqa: ANN401
    module = ModuleType(name)
    module.__dict__.update(contents)
    monkeypatch.setitem(sys.modules, name, module)


def test_clean_fid_draws_from_the_second_set_first_and_chance_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[np.ndarray] = []

    def kernel_distance(first: np.ndarray, second: np.ndarray, num_subsets: int, max_subset_size: int) -> float:
        drawn.extend([first, second, np.random.rand(3)])  # noqa: NPY002 - its own source
        return float(num_subsets + max_subset_size)

    stand_in(monkeypatch, "cleanfid.fid", kernel_distance=kernel_distance)
    real, generated = two_sets(Case(5, 9, 8))
    before = np.random.get_state(legacy=False)["state"]["key"]  # noqa: NPY002
    assert references.clean_fid_kid(2, 4, 7)(real, generated) == 6
    assert np.array_equal(drawn[0], generated)
    assert np.array_equal(drawn[1], real)
    assert np.array_equal(drawn[2], np.random.RandomState(7).rand(3))
    assert np.array_equal(np.random.get_state(legacy=False)["state"]["key"], before)  # noqa: NPY002


def test_cd_fvd_is_given_both_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    class FeatureStats:
        def __init__(self, capture_mean_cov: bool) -> None:
            assert capture_mean_cov

        def append(self, features_nd: np.ndarray) -> None:
            self.mean = features_nd.mean()

    def compute_fvd_from_stats(_: object, fake: FeatureStats, real: FeatureStats) -> float:
        return float(real.mean - fake.mean)

    stand_in(monkeypatch, "cdfvd.utils.metric_utils", FeatureStats=FeatureStats)
    stand_in(monkeypatch, "cdfvd.fvd", cdfvd=SimpleNamespace(compute_fvd_from_stats=compute_fvd_from_stats))
    real, generated = two_sets(Case(5, 9, 8))
    assert references.cd_fvd(real, generated) == pytest.approx(float(real.mean() - generated.mean()))


def test_a_process_of_cd_fvd_that_fails_says_why(tmp_path: Path) -> None:
    files = SimpleNamespace(videos={"real": tmp_path, "generated": tmp_path})
    weights = SimpleNamespace(i3d=tmp_path / "none.pt")
    with pytest.raises(VidgaugeError, match=r"its process ended with status 1: \w+"):
        CdFvd(tmp_path, files, weights).distance("i3d", 256)  # type: ignore[arg-type]  # stand-ins


# Networks and weights


def test_batch_norms_are_settled_so_that_features_differ() -> None:
    network = seeded(
        lambda: nn.Sequential(
            *(layer for _ in range(12) for layer in (nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU()))
        )
    )
    pictures = torch.rand(4, 8, 32, 32, generator=torch.Generator().manual_seed(0))
    shrunken = network(pictures).std(dim=0).mean()
    settle(network, lambda: network(pictures))
    assert float(network(pictures).std(dim=0).mean()) > 0.1 > 100 * float(shrunken)
    assert not any(module.training for module in network.modules())
    # Statistics are kept, and not taken anew from what comes next.
    torch.testing.assert_close(network(pictures)[:1], network(pictures[:1]), rtol=0, atol=1e-3)


def test_files_of_weights_are_at_hand_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGAUGE_WEIGHTS", "/mine")
    monkeypatch.delenv("TORCH_HOME", raising=False)
    weights = Weights(tmp_path)
    with weights.at_hand("inception"):
        found = Path(os.environ["VIDGAUGE_WEIGHTS"])
        assert found == Path(torch.hub.get_dir()) / "checkpoints"
        assert weights.inception.parent == found
        names = {"pt_inception-2015-12-05-6726825d.pth", "weights-inception-2015-12-05-6726825d.pth"}
        assert {path.name for path in found.iterdir()} == names
    assert os.environ["VIDGAUGE_WEIGHTS"] == "/mine"
    assert "TORCH_HOME" not in os.environ


def test_lpips_agrees() -> None:
    with_alexnet, _ = networks_of_pairs()
    assert compare(with_alexnet)["details"]["within"]


def test_the_small_videomae_has_the_proportions_of_the_large() -> None:
    assert SMALL["hidden"] * 11 == SMALL["width"] * 48


# Files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("files"))


def test_videos_and_pictures_hold_the_same_frames(files: Files) -> None:
    for side, count in COUNTS.items():
        paths = sorted(files.videos[side].iterdir())
        assert len(paths) == count
        frames = torch.cat([read_video(path).frames_thwc for path in paths])
        assert frames.shape == (count * FRAMES, HEIGHT, WIDTH, 3)
        assert torch.equal(frames.permute(0, 3, 1, 2), files.bytes_nchw(side))
        pictures = [np.asarray(Image.open(path)) for path in sorted(files.images[side].iterdir())]
        assert np.array_equal(frames.numpy(), np.stack(pictures))
        assert np.array_equal(np.asarray(files.pictures(side)[1][2]), pictures[FRAMES + 2])
    assert not torch.equal(files.bytes_nchw("real")[:FRAMES], files.bytes_nchw("generated")[:FRAMES])


def test_pairs_agree_from_files(files: Files, tmp_path: Path) -> None:
    rows = [row for row in videos(tmp_path, files, Weights(tmp_path / "weights")) if row.measure in PROTOCOLS_OF_PAIRS]
    assert len(rows) == 2
    # The other, SSIM, takes torchmetrics half a minute here; the contest itself compares it.
    found = compare(next(row for row in rows if row.measure == "psnr.torchmetrics"))
    assert found["details"]["within"], found


# The committed records


def test_committed_records_are_of_todays_comparisons_and_within_their_bounds(tmp_path: Path) -> None:
    records, _ = read_json(COMMITTED)
    found = {(one.subject.name, one.subject.config["reference"], one.subject.config["case"]) for one in records}
    today = {(row.measure, row.reference, row.case) for row in contest.comparisons(tmp_path)}
    assert found == today, "run the contest again: what it compares has changed"
    outside = [one for one in records if not one.details.get("within")]
    assert not [(one.subject.name, one.subject.config["reference"], one.reason, one.value) for one in outside]
    assert {record.details["package"] for record in records} >= ASKED_FOR
