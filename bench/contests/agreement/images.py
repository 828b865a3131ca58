"""Distances between frames as packages for images compute them, from the PNG files of the frames to the number."""

from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor

from vidgauge.bench.contests.agreement.comparison import peer
from vidgauge.bench.contests.agreement.files import COUNTS, FRAMES, Files
from vidgauge.bench.contests.agreement.weights import Weights
from vidgauge.metrics.networks import build_network

_BATCH = 16


class Images:
    """Each package's own way from our frames to its number, with our random weights in its network."""

    def __init__(self, files: Files, weights: Weights) -> None:
        self._files, self._weights = files, weights
        self._torch_fidelity = cache(self._calculate_metrics)

    def pytorch_fid(self) -> float:
        """Its command's ``calculate_fid_given_paths``."""
        with self._weights.at_hand("inception"):
            found = peer("pytorch_fid.fid_score").calculate_fid_given_paths(
                self._folders(), batch_size=_BATCH, device="cpu", dims=2048, num_workers=0
            )
        return float(found)

    def clean_fid(self) -> float:
        """Its ``compute_fid``; its network is an archive that it fetches, for which ours stands in."""
        network: Any = build_network("inception", weights=self._weights.inception)

        def features(bytes_nchw: Tensor) -> Tensor:
            pooled: Tensor = network.pool((bytes_nchw - 128) / 128)
            return pooled

        found = peer("cleanfid.fid").compute_fid(
            *self._folders(),
            mode="clean",
            custom_feat_extractor=features,
            num_workers=0,
            batch_size=_BATCH,
            device=torch.device("cpu"),
            verbose=False,
        )
        return float(found)

    def torch_fidelity(self, metric: Literal["fid", "kid"]) -> float:
        """One of its distances, both from one pass of ``calculate_metrics``."""
        return self._torch_fidelity()[metric]

    def _calculate_metrics(self) -> dict[str, float]:
        found = peer("torch_fidelity").calculate_metrics(
            input1=self._folders()[0],
            input2=self._folders()[1],
            fid=True,
            kid=True,
            kid_subset_size=min(COUNTS.values()) * FRAMES,
            feature_extractor_weights_path=str(self._weights.inception),
            batch_size=_BATCH,
            cuda=False,
            cache=False,
            verbose=False,
        )
        return {"fid": found["frechet_inception_distance"], "kid": found["kernel_inception_distance_mean"]}

    def torchmetrics(self) -> float:
        """``FrechetInceptionDistance``, whose network resizes with antialiasing."""
        metric = peer("torchmetrics.image.fid").FrechetInceptionDistance(
            feature_extractor_weights_path=str(self._weights.inception)
        )
        for side in COUNTS:
            for frames_nchw in torch.split(self._files.bytes_nchw(side), _BATCH):
                metric.update(frames_nchw, real=side == "real")
        return float(metric.compute())

    def _folders(self) -> list[str]:
        return [str(self._files.images[side]) for side in COUNTS]
