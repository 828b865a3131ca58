"""Networks under equal random weights, on the same prepared input: ours beside each reference's own module."""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vidgauge.bench.contests.agreement.comparison import FEATURES_BOUND, Comparison, Compute, peer
from vidgauge.bench.contests.agreement.weights import SEED, SMALL, Weights, clips_bcthw, small_videomae
from vidgauge.metrics.networks import build_network

Features = NDArray[np.float64]
Pair = tuple[Compute, Compute]
"""Ours and theirs."""
Outputs = Callable[[], dict[str, Features]]
CAPTIONS = ("a red star orbits clockwise over stripes", "a small blue disc")
CLIP_MODEL = "ViT-B-32-quickgelu"


def networks(weights: Weights) -> Iterator[Comparison]:
    """All of them, nothing built yet."""
    clips, frames = "2 clips of 16 frames of 224x224", "4 frames of 299x299"
    small = f"width {SMALL['width']}, {SMALL['depth']} blocks instead of 1408 and 40"
    i3d = _each(_i3d(weights), ("logits_nd", "pool_nd"))
    inception = _each(_inception(weights), ("frames_ntd", "logits_ntd"))
    fidelity, longer = "FeatureExtractorInceptionV3", clips.replace("16", "32")
    rows: list[tuple[str, str, str, str, Pair]] = [
        ("I3D, logits", "cd-fvd", "InceptionI3d", clips, i3d["logits_nd"]),
        ("I3D, pooled features", "cd-fvd", "InceptionI3d", clips, i3d["pool_nd"]),
        ("VideoMAE, features", "cd-fvd", "VisionTransformer", f"{clips}; {small}", _videomae(weights, 16)),
        ("VideoMAE, features, 32 frames", "cd-fvd", "VisionTransformer", f"{longer}; {small}", _videomae(weights, 32)),
        ("Inception, features", "torch-fidelity", fidelity, frames, inception["frames_ntd"]),
        ("Inception, logits", "torch-fidelity", fidelity, frames, inception["logits_ntd"]),
        ("Inception, features", "torchmetrics", "NoTrainInceptionV3", frames, _torchmetrics(weights, inception)),
        ("Inception, features, scaled to -1..1", "pytorch-fid", "InceptionV3", frames, _pytorch_fid(weights)),
        ("CLIP ViT-B/32, frames", "open-clip-torch", "encode_image", "4 frames of 224x224", _clip_frames()),
        ("CLIP ViT-B/32, captions", "open-clip-torch", "encode_text", f"{len(CAPTIONS)} captions", _clip_captions()),
    ]
    for measure, package, name, case, (ours, theirs) in rows:
        yield Comparison(
            part="networks",
            measure=measure,
            reference=f"{package}: {name}",
            package=package,
            case=case,
            bound=FEATURES_BOUND,
            ours=ours,
            theirs=theirs,
        )


def _each(of_all: tuple[Outputs, Outputs], names: tuple[str, ...]) -> dict[str, Pair]:
    """For each output, ours and theirs, from one pass of each network."""
    ours, theirs = (cache(outputs) for outputs in of_all)
    return {name: (partial(_one, ours, name), partial(_one, theirs, name)) for name in names}


def _one(outputs: Outputs, name: str) -> Features:
    return outputs()[name]


def _i3d(weights: Weights) -> tuple[Outputs, Outputs]:
    def ours() -> dict[str, Features]:
        return _outputs(build_network("i3d", weights=weights.i3d, batch_norm_eps=1e-5), clips_bcthw(2, 224))

    def theirs() -> dict[str, Features]:
        network = peer("cdfvd.third_party.i3d.pytorch_i3d").InceptionI3d(400).eval()
        network.load_state_dict(torch.load(weights.i3d, weights_only=True))
        video = 2 * clips_bcthw(2, 224) - 1
        pooled = _run(lambda video: network.extract_features(video).flatten(1), video)
        return {"logits_nd": _run(network, video), "pool_nd": pooled}

    return ours, theirs


def _videomae(weights: Weights, frames: int) -> Pair:
    def ours() -> Features:
        network = build_network("videomae-g", weights=weights.videomae, **SMALL)
        return _outputs(network, clips_bcthw(2, 224, frames))["features_nd"]

    def theirs() -> Features:
        network = small_videomae().eval()
        network.load_state_dict(torch.load(weights.videomae, weights_only=True))
        return _run(network.forward_features, clips_bcthw(2, 224, frames))

    return ours, theirs


def _inception(weights: Weights) -> tuple[Outputs, Outputs]:
    def ours() -> dict[str, Features]:
        return _outputs(build_network("inception", weights=weights.inception), _frames(299))

    def theirs() -> dict[str, Features]:
        extractor = peer("torch_fidelity.feature_extractor_inceptionv3").FeatureExtractorInceptionV3
        network = extractor("inception", ["2048", "logits_unbiased"], str(weights.inception))
        with torch.inference_mode():
            features_nd, logits_nd = network(_bytes(299))
        return {"frames_ntd": _array(features_nd[None]), "logits_ntd": _array(logits_nd[None])}

    return ours, theirs


def _torchmetrics(weights: Weights, inception: dict[str, Pair]) -> Pair:
    def theirs() -> Features:
        extractor = peer("torchmetrics.image.fid").NoTrainInceptionV3
        return _run(extractor("inception", ["2048"], str(weights.inception)), _bytes(299))[None]

    return inception["frames_ntd"][0], theirs


def _pytorch_fid(weights: Weights) -> Pair:
    def ours() -> Features:
        network = build_network("inception", weights=weights.inception, scaling="pytorch-fid")
        return _outputs(network, _frames(299))["frames_ntd"]

    def theirs() -> Features:
        with weights.at_hand("inception"):  # its constructor fetches the published file
            network = peer("pytorch_fid.inception").InceptionV3([3]).eval()
        return _run(lambda frames_nchw: network(frames_nchw)[0].flatten(1)[None], _bytes(299) / 255)

    return ours, theirs


def _clip_frames() -> Pair:
    def ours() -> Features:
        return _outputs(_our_clip(), _frames(224))["frames_ntd"]

    def theirs() -> Features:
        network, mean, std = open_clip_model(), *_mean_and_deviation()
        frames_nchw = (_bytes(224) / 255 - mean) / std
        return _run(lambda frames: network.encode_image(frames, normalize=True)[None], frames_nchw)

    return ours, theirs


def _clip_captions() -> Pair:
    def ours() -> Features:
        return _run(_our_clip().embed_captions, list(CAPTIONS))

    def theirs() -> Features:
        tokens = peer("open_clip").get_tokenizer(CLIP_MODEL)(list(CAPTIONS))
        network = open_clip_model()
        return _run(lambda texts: network.encode_text(texts, normalize=True), tokens)

    return ours, theirs


@cache
def open_clip_model() -> Any:  # noqa: ANN401 - OpenCLIP has no types
    """OpenCLIP's own model with the random weights that ours has."""
    model = peer("open_clip").create_model(CLIP_MODEL, pretrained=None, load_weights=False).eval()
    model.load_state_dict(_our_clip().clip.state_dict())
    return model


@cache
def _our_clip() -> Any:  # noqa: ANN401 - a module, by its methods a CaptionNetwork
    return build_network("clip", seed=SEED, model=CLIP_MODEL)


def _mean_and_deviation() -> list[Tensor]:
    open_clip = peer("open_clip")
    return [
        torch.tensor(value)[:, None, None] for value in (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    ]


def _frames(size: int) -> Tensor:
    """Four frames as one clip of ours."""
    return clips_bcthw(1, size, frames=4)


def _bytes(size: int) -> Tensor:
    """The same as most references take them."""
    return (255 * _frames(size)[0].transpose(0, 1)).round().to(torch.uint8)


def _outputs(network: Any, video_bcthw: Tensor) -> dict[str, Features]:  # noqa: ANN401 - by its methods a VideoNetwork
    with torch.inference_mode():
        return {name: _array(found) for name, found in network.extract(video_bcthw).items()}


def _run(compute: Callable[[Any], Tensor], given: object) -> Features:
    with torch.inference_mode():
        return _array(compute(given))


def _array(features: Tensor) -> Features:
    return np.asarray(features.numpy(), dtype=np.float64)
