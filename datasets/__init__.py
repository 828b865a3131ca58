"""Videos in: decoding, clip sampling, data set layouts and the procedural Moving Shapes world."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidgauge.datasets.clips import ClipRule as ClipRule
    from vidgauge.datasets.errors import VideoError as VideoError
    from vidgauge.datasets.opening import open as open  # noqa: A004 - the public name
    from vidgauge.datasets.sample import Sample as Sample
    from vidgauge.datasets.sources import SOURCES as SOURCES
    from vidgauge.datasets.video import Video as Video
    from vidgauge.datasets.video import decode_frames as decode_frames
    from vidgauge.datasets.video import read_video as read_video
    from vidgauge.datasets.writing import write_video as write_video

# Where each public name lives; imported when first asked for, because decoding needs torch and listing does not.
_HOMES = {
    "SOURCES": "sources",
    "ClipRule": "clips",
    "Sample": "sample",
    "Video": "video",
    "VideoError": "errors",
    "decode_frames": "video",
    "open": "opening",
    "read_video": "video",
    "write_video": "writing",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"vidgauge.datasets.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
