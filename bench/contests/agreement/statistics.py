"""Statistics of the same features: every convention that we name beside every reference that has it."""

from collections.abc import Iterator
from functools import cache, partial

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

from vidgauge.bench.contests.agreement import references
from vidgauge.bench.contests.agreement.comparison import STATISTICS_BOUND, Comparison, Compute
from vidgauge.bench.contests.agreement.features import Case, embeddings, logits, two_sets
from vidgauge.bench.contests.agreement.references import TwoSets
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.frechet import FrechetConvention, frechet_distance_of_features
from vidgauge.metrics.inception import CONVENTIONS as INCEPTION_CONVENTIONS
from vidgauge.metrics.inception import InceptionConvention, inception_scores
from vidgauge.metrics.kernel import kernel_distance, kernel_distances_of_subsets
from vidgauge.metrics.measures.clipscore import CLIPScore
from vidgauge.metrics.similarity import FramePairs, frame_similarity, text_similarity

CASES = tuple(
    Case(400, real, generated, smallest)
    for real, generated in ((1000, 1000), (300, 256))
    for smallest in (1.0, 1e-2, 1e-3)
)
"""I3D's width, with more samples than dimensions and with fewer, which makes covariances singular."""
WIDE_CASES = {"cd-fvd": Case(1408, 1800, 1800, 1e-2), "torch-fidelity": Case(2048, 600, 600, 1e-2)}
"""The widths of VideoMAE and Inception for one reference each: roots of general matrices take long there."""
SUBSETS = {"subsets": 20, "size": 200, "seed": 2020}
SINGLE_PRECISION_BOUND = 1e-3
"""Of TF-GAN's distance in float32: it is off by up to a hundredth itself where directions have little variance."""

_FRECHET: dict[FrechetConvention, list[tuple[str, str, TwoSets]]] = {
    "ddof-1": [
        ("torch-fidelity", "torch-fidelity", references.torch_fidelity),
        ("pytorch-fid", "pytorch-fid", references.pytorch_fid),
        ("clean-fid", "clean-fid", references.clean_fid),
        ("torchmetrics", "torchmetrics", references.torchmetrics_fid),
    ],
    "ddof-0": [("cd-fvd", "cd-fvd", references.cd_fvd)],
    "ridge-1e-6": [("FastVideo's formula by SciPy", "scipy", references.fastvideo_recipe)],
    "tfgan": [
        ("cd-fvd's copy of TATS, in float64", "cd-fvd", references.tats(torch.float64)),
        ("TF-GAN's formula in NumPy", "numpy", references.tfgan_recipe),
    ],
    "tfgan-float32": [("cd-fvd's copy of TATS", "cd-fvd", references.tats(torch.float32))],
}


def statistics() -> Iterator[Comparison]:
    """All of them, nothing computed yet."""
    for case in CASES:
        yield from _frechet(case)
    for reference, case in WIDE_CASES.items():
        yield from (one for one in _frechet(case) if one.reference == reference)
    yield from _kernel(CASES[1])
    yield from _inception()
    yield from _cosines()


def _frechet(case: Case) -> Iterator[Comparison]:
    for convention, all_references in _FRECHET.items():
        # Once for all references, and only if one of them is there.
        ours = cache(partial(_our_frechet, case, convention))
        bound = SINGLE_PRECISION_BOUND if convention == "tfgan-float32" else STATISTICS_BOUND
        for reference, package, function in all_references:
            yield Comparison(
                part="statistics",
                measure=f"Fréchet distance, {convention}",
                reference=reference,
                package=package,
                case=case.title,
                bound=bound,
                ours=ours,
                theirs=partial(_of_two_sets, function, case),
            )


def _kernel(case: Case) -> Iterator[Comparison]:
    by_hand = "scikit-learn's polynomial_kernel, summed by hand"
    all_pairs = "kernel distance (KVD, KID), all pairs"
    of_subsets = f"KID, {SUBSETS['subsets']} subsets of {SUBSETS['size']}"
    cubic, square = partial(_our_kernel, case), partial(_our_kernel, case, biased=True)
    rows: list[tuple[str, str, str, Compute, TwoSets]] = [
        (
            all_pairs,
            by_hand,
            "scikit-learn",
            cubic,
            references.scikit_learn(),
        ),
        (all_pairs, "torchmetrics", "torchmetrics", cubic, references.torchmetrics_kid),
        (
            "kernel distance, biased, degree 2 without constant",
            by_hand,
            "scikit-learn",
            square,
            references.scikit_learn(2, 0.0, biased=True),
        ),
    ]
    subsets = cache(partial(_our_subsets, case))
    rows += [
        (of_subsets, "torch-fidelity", "torch-fidelity", subsets, references.torch_fidelity_kid(**SUBSETS)),
        (of_subsets, "clean-fid", "clean-fid", subsets, references.clean_fid_kid(**SUBSETS)),
    ]
    for measure, reference, package, ours, function in rows:
        yield Comparison(
            part="statistics",
            measure=measure,
            reference=reference,
            package=package,
            case=case.title,
            bound=STATISTICS_BOUND,
            ours=ours,
            theirs=partial(_of_two_sets, function, case),
        )


def _inception() -> Iterator[Comparison]:
    for convention, rule in INCEPTION_CONVENTIONS.items():
        ours = partial(_our_inception_score, convention)
        theirs: list[tuple[str, str, Compute]] = []
        if rule.epsilon > np.finfo(np.float64).eps:  # less is lost in rounding
            theirs.append(("TGAN's formula in NumPy", "numpy", lambda: references.tgan_recipe(logits())))
        else:
            function = partial(_torch_fidelity_is, rule.parts, rule.shuffle)
            theirs.append(("torch-fidelity", "torch-fidelity", function))
        if convention == "whole":
            theirs.append(("torchmetrics", "torchmetrics", lambda: references.torchmetrics_is(logits())))
        for reference, package, compute in theirs:
            yield Comparison(
                part="statistics",
                measure=f"Inception Score, {convention}",
                reference=reference,
                package=package,
                case="N=2000, 101 classes",
                bound=STATISTICS_BOUND,
                ours=ours,
                theirs=compute,
            )


def _cosines() -> Iterator[Comparison]:
    by_torch = "torch's cosine_similarity"
    rows: list[tuple[str, str, str, Compute, Compute]] = [
        ("CLIPSIM, mean of cosines", by_torch, "torch", _our_clipsim, _torch_clipsim),
        ("CLIPSIM, cosine of means", by_torch, "torch", _our_clipsim_of_means, _torch_clipsim_of_means),
        ("CLIPScore, torchmetrics", "torchmetrics", "torchmetrics", _our_clipscore, _torchmetrics_clipscore),
    ]
    for pairs in _TORCH_PAIRS:
        measure = f"frame consistency, {pairs}"
        rows.append((measure, by_torch, "torch", partial(_our_pairs, pairs), _TORCH_PAIRS[pairs]))
    for measure, reference, package, ours, theirs in rows:
        yield Comparison(
            part="statistics",
            measure=measure,
            reference=reference,
            package=package,
            case="12 clips of 16 frames, d=512",
            bound=STATISTICS_BOUND,
            ours=ours,
            theirs=theirs,
        )


def _of_two_sets(function: TwoSets, case: Case) -> float:
    real, generated = two_sets(case)
    return function(real.copy(), generated.copy())  # some ports subtract the mean in place


def _our_frechet(case: Case, convention: FrechetConvention) -> float:
    return frechet_distance_of_features(*two_sets(case), convention=convention)


def _our_kernel(case: Case, *, biased: bool = False) -> float:
    if biased:
        return kernel_distance(*two_sets(case), degree=2, coef0=0.0, estimator="biased")
    return kernel_distance(*two_sets(case))


def _our_subsets(case: Case) -> float:
    return float(kernel_distances_of_subsets(*two_sets(case), **SUBSETS).mean())


def _our_inception_score(convention: InceptionConvention) -> float:
    probabilities_nk = torch.from_numpy(logits()).softmax(dim=1)
    return float(inception_scores(probabilities_nk, convention).mean())


def _torch_fidelity_is(splits: int, seed: int | None) -> float:
    return references.torch_fidelity_is(logits(), splits, seed)


def _our_clipsim() -> float:
    return float(text_similarity(*embeddings()).mean())


def _torch_clipsim() -> float:
    frames_ntd, texts_nd = _tensors()
    return float(F.cosine_similarity(frames_ntd, texts_nd[:, None], dim=2).mean())


def _our_clipsim_of_means() -> float:
    return float(text_similarity(*embeddings(), average="embeddings").mean())


def _torch_clipsim_of_means() -> float:
    frames_ntd, texts_nd = _tensors()
    return float(F.cosine_similarity(F.normalize(frames_ntd, dim=2).mean(dim=1), texts_nd, dim=1).mean())


def _our_clipscore() -> float:
    frames_ntd, texts_nd = embeddings()
    outputs = {"frames_ntd": frames_ntd.astype(np.float32), "texts_nd": texts_nd.astype(np.float32)}
    evidence = Evidence(outputs, [str(number) for number in range(len(texts_nd))])
    return CLIPScore(convention="torchmetrics").statistic(evidence)()


def _torchmetrics_clipscore() -> float:
    frames_ntd, texts_nd = (tensor.float() for tensor in _tensors())
    return references.torchmetrics_clipscore(
        frames_ntd.flatten(0, 1), texts_nd.repeat_interleave(frames_ntd.shape[1], dim=0)
    )


def _our_pairs(pairs: FramePairs) -> float:
    return float(frame_similarity(embeddings()[0], pairs).mean())


def _torch_consecutive() -> float:
    frames_ntd, _ = _tensors()
    return float(F.cosine_similarity(frames_ntd[:, 1:], frames_ntd[:, :-1], dim=2).mean())


def _torch_all_pairs() -> float:
    frames_ntd, _ = _tensors()
    cosines_ntt = F.cosine_similarity(frames_ntd[:, :, None], frames_ntd[:, None], dim=3)
    different_tt = ~torch.eye(frames_ntd.shape[1], dtype=torch.bool)
    return float(cosines_ntt[:, different_tt].mean())


def _torch_first() -> float:
    frames_ntd, _ = _tensors()
    return float(F.cosine_similarity(frames_ntd[:, 1:], frames_ntd[:, :1], dim=2).mean())


def _torch_first_and_previous() -> float:
    frames_ntd, _ = _tensors()
    previous = F.cosine_similarity(frames_ntd[:, 1:], frames_ntd[:, :-1], dim=2)
    first = F.cosine_similarity(frames_ntd[:, 1:], frames_ntd[:, :1], dim=2)
    return float((previous.relu() + first.relu()).mean() / 2)


_TORCH_PAIRS: dict[FramePairs, Compute] = {
    "consecutive": _torch_consecutive,
    "all": _torch_all_pairs,
    "first-and-previous": _torch_first_and_previous,
    "first": _torch_first,
}


def _tensors() -> list[Tensor]:
    return [torch.from_numpy(array) for array in embeddings()]
