"""Network weights: where a file lives, how it is verified and loaded, and what to do when it is not at hand.

A card (TOML) describes one file. It is looked for, in this order, in the folder that ``VIDGAUGE_WEIGHTS`` or
``--weights-dir`` names, beside the card inside the package, in the cache, and at its public addresses. Published files
that are no safetensors are converted once (``vidgauge weights add`` or ``fetch``); from then on the conversion is read.
"""

from vidgauge.files import sha256
from vidgauge.weights.card import Training, WeightsCard
from vidgauge.weights.converting import Conversion, conversion, convert
from vidgauge.weights.fetching import fetch
from vidgauge.weights.finding import Found, digest, examine, find, look
from vidgauge.weights.folders import cache_folder
from vidgauge.weights.loading import load_into, load_tensors, locate, misfit, unknown_code
from vidgauge.weights.reading import format_of, read_tensors

__all__ = [
    "Conversion",
    "Found",
    "Training",
    "WeightsCard",
    "cache_folder",
    "conversion",
    "convert",
    "digest",
    "examine",
    "fetch",
    "find",
    "format_of",
    "load_into",
    "load_tensors",
    "locate",
    "look",
    "misfit",
    "read_tensors",
    "sha256",
    "unknown_code",
]
