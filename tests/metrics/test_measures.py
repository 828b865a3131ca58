"""Every measure over made-up evidence: the statistic it stands for, counts, parameters, and what it notes."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.frechet import frechet_distance_of_features
from vidgauge.metrics.inception import inception_score, inception_scores
from vidgauge.metrics.kernel import kernel_distance, kernel_distances_of_subsets
from vidgauge.metrics.measures import MEASURES, VideoMeasure
from vidgauge.metrics.similarity import frame_similarity, text_similarity
from vidgauge.metrics.uncertainty.bootstrap import bootstrap

PARAMETERS: dict[str, list[dict[str, Any]]] = {
    "fvd": [{}, {"convention": "ddof-0"}, {"trials": 3}],
    "kvd": [{}, {"estimator": "biased", "degree": 2}, {"trials": 3}],
    "fid": [{}, {"convention": "ridge-1e-6"}],
    "kid": [{"subsets": 4, "size": 20}],
    "is": [{}, {"convention": "tgan"}],
    "clipsim": [{}, {"average": "embeddings"}],
    "clipsim-ratio": [{}],
    "clipscore": [{}, {"convention": "torchmetrics"}],
    "frame-consistency": [{"pairs": pairs} for pairs in ("consecutive", "all", "first-and-previous", "first")],
}
CASES = [(name, parameters) for name, several in PARAMETERS.items() for parameters in several]


def evidence(seed: int, n: int = 24, dimension: int = 6, frames: int = 5) -> Evidence:
    """Two clips a file."""
    generator = np.random.default_rng(seed)
    shift = 0.2 * seed
    logits = generator.normal(size=(n, 4))
    outputs = {
        "features_nd": generator.normal(shift, 1, size=(n, dimension)),
        "frames_ntd": generator.normal(shift + 0.5, 1, size=(n, frames, dimension)),
        "texts_nd": generator.normal(0.5, 1, size=(n, dimension)),
        "probabilities_nk": np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True),
    }
    return Evidence(
        {name: array.astype(np.float32) for name, array in outputs.items()}, [f"{i // 2}.mp4" for i in range(n)]
    )


def measured(name: str, **parameters: Any) -> tuple[VideoMeasure, list[Evidence]]:  # noqa: ANN401
    rule = MEASURES[name](**parameters)
    return rule, [evidence(1), evidence(2)] if rule.compares else [evidence(2)]


def repeated(given: Evidence, counts: np.ndarray) -> Evidence:
    outputs = {name: np.repeat(array, counts, axis=0) for name, array in given.outputs.items()}
    return Evidence(outputs, list(np.repeat(given.sources, counts)))


def test_every_measure_is_tried() -> None:
    assert set(PARAMETERS) == set(MEASURES.names())


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_values_counts_and_intervals(name: str, parameters: dict[str, Any]) -> None:
    rule, sets = measured(name, **parameters)
    statistic = rule.statistic(*sets)
    value = statistic()
    assert np.isfinite(value)
    assert statistic() == value
    assert rule.statistic(*sets)() == value
    ones = [np.ones(len(each)) for each in sets]
    if name != "kid":
        assert statistic(*ones) == pytest.approx(value, rel=1e-9)
    low_high = bootstrap(
        statistic, value, [each.sources for each in sets], replicates=100, level=0.9, minimum=10, seed=0
    )
    assert low_high.low is not None
    assert low_high.high is not None
    assert low_high.low < value < low_high.high
    assert all(isinstance(note, str) for note in rule.notes(*sets))
    assert rule.measure.name == name
    assert rule.summary


@pytest.mark.parametrize(
    ("name", "parameters"), [case for case in CASES if "trials" not in case[1] and case[0] != "kid"]
)
def test_counts_equal_repetition(name: str, parameters: dict[str, Any]) -> None:
    rule, sets = measured(name, **parameters)
    generator = np.random.default_rng(3)
    counts = [np.repeat(generator.integers(0, 4, len(each) // 2), 2) for each in sets]  # alike within a file
    expected = rule.statistic(*(repeated(each, c) for each, c in zip(sets, counts, strict=True)))()
    assert rule.statistic(*sets)(*(c.astype(float) for c in counts)) == pytest.approx(expected, rel=1e-7)


def test_fvd_and_kvd_are_their_functions() -> None:
    a, b = (evidence(seed).outputs["features_nd"] for seed in (1, 2))
    for convention in ("ddof-1", "ddof-0", "ridge-1e-6", "tfgan", "tfgan-float32"):
        rule, sets = measured("fvd", convention=convention)
        assert rule.statistic(*sets)() == frechet_distance_of_features(a, b, convention=convention)
    rule, sets = measured("kvd")
    assert rule.statistic(*sets)() == pytest.approx(kernel_distance(a, b), rel=1e-10)
    rule, sets = measured("kvd", degree=2, coef0=0.0, estimator="biased")
    assert rule.statistic(*sets)() == pytest.approx(
        kernel_distance(a, b, degree=2, coef0=0, estimator="biased"), rel=1e-10
    )


@pytest.mark.parametrize("name", ["fvd", "kvd"])
def test_trials_are_averaged(name: str) -> None:
    rule, sets = measured(name, trials=3)
    whole, _ = measured(name)
    parts = [
        whole.statistic(
            *(Evidence({"features_nd": s.outputs["features_nd"][i : i + 8]}, s.sources[i : i + 8]) for s in sets)
        )()
        for i in (0, 8, 16)
    ]
    assert rule.statistic(*sets)() == pytest.approx(np.mean(parts), rel=1e-10)
    assert f"standard deviation over 3 trials, as published: {np.std(parts):.4g}" in rule.notes(*sets)
    assert rule.fewest == 6
    # A trial in which nothing counts is left out.
    counts = np.r_[np.ones(8), np.zeros(8), np.ones(8)]
    assert rule.statistic(*sets)(counts, counts) == pytest.approx((parts[0] + parts[2]) / 2, rel=1e-7)


def test_fid_and_kid_take_all_frames_together() -> None:
    a, b = (np.asarray(evidence(seed).outputs["frames_ntd"]).reshape(-1, 6) for seed in (1, 2))
    rule, sets = measured("fid")
    assert rule.statistic(*sets)() == pytest.approx(frechet_distance_of_features(a, b), rel=1e-10)
    rule, sets = measured("kid", subsets=5, size=30)
    expected = kernel_distances_of_subsets(a, b, subsets=5, size=30).mean()
    assert rule.statistic(*sets)() == pytest.approx(expected, rel=1e-10)
    # What resampling looks at is the estimate from all pairs.
    ones = np.ones(24)
    assert rule.statistic(*sets)(ones, ones) == pytest.approx(kernel_distance(a, b), rel=1e-10)
    assert rule.notes(*sets) == []
    rule, sets = measured("kid", subsets=2)
    assert rule.statistic(*sets)() == pytest.approx(kernel_distance(a, b), rel=1e-10)  # 120 frames, no more
    assert rule.notes(*sets) == ["subsets of 120 frames, for want of 1000"]


def test_the_covariance_from_too_few_samples_is_flagged() -> None:
    small, large = evidence(1, n=10), evidence(2, n=24)
    assert MEASURES["fvd"]().notes(small, large) == ["10 clips are fewer than twice the 6 features: biased upwards"]
    assert MEASURES["fvd"]().notes(large, large) == []
    assert MEASURES["fid"]().notes(small, large) == []
    (note,) = MEASURES["fid"]().notes(evidence(1, n=2), large)
    assert note.startswith("10 frames are fewer than twice the 6 features")
    assert "8 clips are fewer" in measured("fvd", trials=3)[0].notes(large, large)[1]


def test_inception_scores_say_what_papers_deviate_over_and_how_many_clips_they_had() -> None:
    rule, sets = measured("is", convention="stylegan-v")
    probabilities = sets[0].outputs["probabilities_nk"]
    of_parts = inception_scores(probabilities, "stylegan-v")
    assert rule.statistic(*sets)() == pytest.approx(of_parts.mean(), rel=1e-12)
    assert rule.notes(*sets) == [
        f"standard deviation over 10 splits, as published: {of_parts.std():.4g}",
        "24 clips instead of 2048: biased low against published scores",
    ]
    assert rule.fewest == 10
    plain, sets = measured("is")
    assert plain.statistic(*sets)() == pytest.approx(inception_score(probabilities), rel=1e-12)
    assert plain.notes(*sets) == []
    assert plain.fewest == 1


def test_clip_measures_are_means_over_clips() -> None:
    one, other = evidence(1).outputs, evidence(2).outputs
    frames, texts = other["frames_ntd"], other["texts_nd"]
    rule, sets = measured("clipsim", average="embeddings")
    assert rule.statistic(*sets)() == pytest.approx(text_similarity(frames, texts, "embeddings").mean(), rel=1e-12)
    rule, sets = measured("frame-consistency", pairs="all")
    assert rule.statistic(*sets)() == pytest.approx(frame_similarity(frames, "all").mean(), rel=1e-12)
    rule, sets = measured("clipsim-ratio")
    expected = text_similarity(frames, texts).mean() / text_similarity(one["frames_ntd"], one["texts_nd"]).mean()
    assert rule.statistic(*sets)() == pytest.approx(expected, rel=1e-12)


def test_clipscores_clamp_at_different_places() -> None:
    frames = np.array([[[1.0, 0.0], [-1.0, 0.0]], [[0.6, 0.8], [-1.0, 0.0]]], dtype=np.float32)
    given = Evidence({"frames_ntd": frames, "texts_nd": np.array([[1, 0], [1, 0]], dtype=np.float32)}, ["a", "b"])
    hessel, torchmetrics = (measured("clipscore", convention=name)[0] for name in ("hessel", "torchmetrics"))
    assert hessel.statistic(given)() == pytest.approx(2.5 * (1 + 0 + 0.6 + 0) / 4)
    assert torchmetrics.statistic(given)() == 0  # the mean cosine is -0.1
    assert torchmetrics.statistic(given)(np.array([1.0, 0.0])) == pytest.approx(0, abs=1e-6)
    counted = np.array([0.0, 2.0])
    assert hessel.statistic(given)(counted) == pytest.approx(2.5 * 0.3)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("fvd", {"convention": "sqrtm"}),
        ("fvd", {"ddof": 1}),
        ("fvd", {"trials": 0}),
        ("kvd", {"estimator": "u-statistic"}),
        ("kid", {"size": 1}),
        ("is", {"convention": "tgan3"}),
        ("clipsim", {"average": "both"}),
        ("frame-consistency", {"pairs": "last"}),
    ],
)
def test_unknown_parameters_are_refused(name: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MEASURES[name](**parameters)
