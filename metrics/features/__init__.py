"""Features on disk: what a network made of a video is computed once, and read ever after.

A folder holds one shelf for each way of looking (network, weights, preprocessing, clip rule, decoder), and a shelf any
number of sealed safetensors files, which are added to it whole and never changed. Videos are known by their content, so
that a copy or another name is the same video. Whoever was killed has lost what it had not yet shelved, no more; any
number of processes may read and add at the same time.
"""

from vidgauge.metrics.features.cache import FeatureCache, folder_of, makers, opened, shelves_in
from vidgauge.metrics.features.contents import content_of
from vidgauge.metrics.features.sealed import read_facts, read_sealed, write_sealed
from vidgauge.metrics.features.shelf import Shelf, ShelvedRows, Whole

__all__ = [
    "FeatureCache",
    "Shelf",
    "ShelvedRows",
    "Whole",
    "content_of",
    "folder_of",
    "makers",
    "opened",
    "read_facts",
    "read_sealed",
    "shelves_in",
    "write_sealed",
]
