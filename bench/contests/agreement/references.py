"""The statistics as others compute them, each through the package's own function; and formulas that no package has.

Packages are imported when a function is called. Features come as float32, as networks give them; where a reference
would go on in that precision, it is given the same numbers as float64, so that formulas are compared and not rounding.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.linalg
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from vidgauge.bench.contests.agreement.comparison import peer
from vidgauge.bench.contests.agreement.features import Features

Logits = NDArray[np.float64]
TwoSets = Callable[[Features, Features], float]


def pytorch_fid(a_nd: Features, b_nd: Features) -> float:
    """As its command does with its activations, which are float64."""
    return float(peer("pytorch_fid.fid_score").calculate_frechet_distance(*_moments(a_nd), *_moments(b_nd)))


def clean_fid(a_nd: Features, b_nd: Features) -> float:
    """Its ``fid_from_feats``."""
    return float(peer("cleanfid.fid").fid_from_feats(a_nd.astype(np.float64), b_nd.astype(np.float64)))


def torch_fidelity(a_nd: Features, b_nd: Features) -> float:
    """Its statistics of features, and the distance of those."""
    metric = peer("torch_fidelity.metric_fid")
    statistics = [metric.fid_features_to_statistics(_tensor(features)) for features in (a_nd, b_nd)]
    return float(*metric.fid_statistics_to_metric(*statistics, verbose=False).values())


def torchmetrics_fid(a_nd: Features, b_nd: Features) -> float:
    """``FrechetInceptionDistance`` with a network that hands features through."""
    metric = peer("torchmetrics.image.fid").FrechetInceptionDistance(feature=_HandsThrough(a_nd.shape[1]))
    metric.set_dtype(torch.float64)
    metric.update(_tensor(a_nd), real=True)
    metric.update(_tensor(b_nd), real=False)
    return float(metric.compute())


def cd_fvd(a_nd: Features, b_nd: Features) -> float:
    """Its ``FeatureStats`` and ``compute_fvd_from_stats``."""
    statistics = [_cd_fvd_statistics(features) for features in (b_nd, a_nd)]
    # A method that reads nothing of its object where both statistics are given; to make one is to load a network.
    return float(peer("cdfvd.fvd").cdfvd.compute_fvd_from_stats(SimpleNamespace(), *statistics))


def tats(dtype: torch.dtype) -> TwoSets:
    """TATS's port of TF-GAN's distance, which cd-fvd ships, in that precision; it computes in float32."""

    def distance(a_nd: Features, b_nd: Features) -> float:
        sets = (torch.from_numpy(features).to(dtype) for features in (a_nd, b_nd))
        return float(peer("cdfvd.third_party.i3d.utils").frechet_distance(*sets))

    return distance


def tfgan_recipe(a_nd: Features, b_nd: Features) -> float:
    """TF-GAN's ``_symmetric_matrix_square_root`` and ``trace_sqrt_product`` in NumPy, float64."""

    def root(symmetric: NDArray[np.float64]) -> NDArray[np.float64]:
        left, values, right = np.linalg.svd(symmetric)
        return np.asarray((left * np.where(values < 1e-10, values, np.sqrt(values))) @ right)

    (mean_a, cov_a), (mean_b, cov_b) = _moments(a_nd), _moments(b_nd)
    root_a = root(cov_a)
    traces = np.trace(cov_a + cov_b) - 2 * np.trace(root(root_a @ cov_b @ root_a))
    return float(traces + np.sum((mean_a - mean_b) ** 2))


def fastvideo_recipe(a_nd: Features, b_nd: Features) -> float:
    """1e-6 on the diagonals of both covariances, then SciPy's root of their product."""
    (mean_a, cov_a), (mean_b, cov_b) = _moments(a_nd), _moments(b_nd)
    ridge = 1e-6 * np.eye(len(mean_a))
    cov_a, cov_b = cov_a + ridge, cov_b + ridge
    root = scipy.linalg.sqrtm(cov_a @ cov_b).real
    return float(np.sum((mean_a - mean_b) ** 2) + np.trace(cov_a + cov_b - 2 * root))


def scikit_learn(degree: int = 3, coef0: float = 1.0, *, biased: bool = False) -> TwoSets:
    """MMD^2 by hand from the kernel matrices of ``sklearn.metrics.pairwise.polynomial_kernel``, as TATS has it."""

    def distance(a_nd: Features, b_nd: Features) -> float:
        kernel = peer("sklearn.metrics.pairwise").polynomial_kernel
        a, b = a_nd.astype(np.float64), b_nd.astype(np.float64)
        within = 0.0
        for x in (a, b):
            pairs, n = kernel(x, x, degree=degree, coef0=coef0), len(x)
            within += pairs.mean() if biased else (pairs.sum() - np.trace(pairs)) / (n * (n - 1))
        return float(within - 2 * kernel(a, b, degree=degree, coef0=coef0).mean())

    return distance


def torchmetrics_kid(a_nd: Features, b_nd: Features) -> float:
    """``KernelInceptionDistance`` over one subset of all samples, which its random choice cannot change."""
    kid = peer("torchmetrics.image.kid").KernelInceptionDistance
    metric = kid(feature=_HandsThrough(a_nd.shape[1]), subsets=1, subset_size=min(len(a_nd), len(b_nd)))
    metric.set_dtype(torch.float64)
    metric.update(_tensor(a_nd), real=True)
    metric.update(_tensor(b_nd), real=False)
    return float(metric.compute()[0])


def torch_fidelity_kid(subsets: int, size: int, seed: int) -> TwoSets:
    """Its mean over random subsets."""

    def distance(a_nd: Features, b_nd: Features) -> float:
        found = peer("torch_fidelity.metric_kid").kid_features_to_metric(
            _tensor(a_nd), _tensor(b_nd), kid_subsets=subsets, kid_subset_size=size, rng_seed=seed, verbose=False
        )
        return float(found["kernel_inception_distance_mean"])

    return distance


def clean_fid_kid(subsets: int, size: int, seed: int) -> TwoSets:
    """Its ``kernel_distance``, which draws from NumPy's global generator, and from its second set first."""

    def distance(a_nd: Features, b_nd: Features) -> float:
        state = np.random.get_state()  # noqa: NPY002 - clean-fid's own source of chance; put back as it was
        np.random.seed(seed)  # noqa: NPY002
        try:
            found = peer("cleanfid.fid").kernel_distance(
                b_nd.astype(np.float64), a_nd.astype(np.float64), num_subsets=subsets, max_subset_size=size
            )
        finally:
            np.random.set_state(state)  # noqa: NPY002
        return float(found)

    return distance


def torch_fidelity_is(logits_nk: Logits, splits: int, seed: int | None) -> float:
    """Its score of logits; shuffled where there is a seed."""
    found = peer("torch_fidelity.metric_isc").isc_features_to_metric(
        torch.from_numpy(logits_nk), splits=splits, shuffle=seed is not None, rng_seed=seed
    )
    return float(found["inception_score_mean"])


def torchmetrics_is(logits_nk: Logits) -> float:
    """``InceptionScore`` in one split, which its random order cannot change."""
    metric = peer("torchmetrics.image.inception").InceptionScore(feature=_HandsThrough(logits_nk.shape[1]), splits=1)
    metric.set_dtype(torch.float64)
    metric.update(torch.from_numpy(logits_nk))
    return float(metric.compute()[0])


def tgan_recipe(logits_nk: Logits) -> float:
    """TGAN's formula: 1e-7 inside both logarithms, all samples in one part."""
    probabilities = np.exp(logits_nk) / np.exp(logits_nk).sum(axis=1, keepdims=True)
    marginal = probabilities.mean(axis=0)
    return float(np.exp(np.mean(np.sum(probabilities * np.log((probabilities + 1e-7) / (marginal + 1e-7)), axis=1))))


def torchmetrics_clipscore(images_nd: Tensor, texts_nd: Tensor) -> float:
    """``CLIPScore`` with a model that hands embeddings through."""
    metric = peer("torchmetrics.multimodal.clip_score").CLIPScore(
        model_name_or_path=lambda: (_EmbeddedModel(texts_nd), _processor)
    )
    images = list(images_nd[:, :, None, None])  # one embedding is a picture of one pixel
    metric.update(images, [str(number) for number in range(len(images))])
    return float(metric.compute())


class _HandsThrough(nn.Module):
    """In place of a network: features are what it is given."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.num_features = dimension

    def forward(self, features_nd: Tensor) -> Tensor:
        return features_nd


class _EmbeddedModel(nn.Module):
    """In place of CLIP: a caption is the number of its embedding, a picture holds its own."""

    config = SimpleNamespace()

    def __init__(self, texts_nd: Tensor) -> None:
        super().__init__()
        self._texts_nd = texts_nd

    def get_image_features(self, pixels_nchw: Tensor) -> Tensor:
        return pixels_nchw.flatten(1)

    def get_text_features(self, numbers: Tensor, attention_mask: Tensor) -> Tensor:  # noqa: ARG002 - its signature
        return self._texts_nd[numbers[:, 0]]


def _processor(**given: Any) -> dict[str, Tensor]:  # noqa: ANN401 - images or text, and options
    if "images" in given:
        return {"pixel_values": torch.stack(given["images"])}
    numbers = torch.tensor([[int(text)] for text in given["text"]])
    return {"input_ids": numbers, "attention_mask": torch.ones_like(numbers)}


def _cd_fvd_statistics(features_nd: Features) -> Any:  # noqa: ANN401 - a class of cd-fvd's
    statistics = peer("cdfvd.utils.metric_utils").FeatureStats(capture_mean_cov=True)
    statistics.append(features_nd)
    return statistics


def _moments(features_nd: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    features = np.asarray(features_nd, dtype=np.float64)
    return features.mean(axis=0), np.cov(features, rowvar=False)


def _tensor(features_nd: Features) -> Tensor:
    return torch.from_numpy(features_nd).double()
