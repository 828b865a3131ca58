"""Videos in: decoding, clip sampling, data set layouts and the procedural Moving Shapes world."""

from typing import TYPE_CHECKING

from vidgauge.lazy import lazy_names

if TYPE_CHECKING:
    from vidgauge.datasets.clips import ClipRule as ClipRule
    from vidgauge.datasets.errors import VideoError as VideoError
    from vidgauge.datasets.opening import open as open  # noqa: A004 - the public name
    from vidgauge.datasets.prompts import Prompt as Prompt
    from vidgauge.datasets.prompts import read_prompts as read_prompts
    from vidgauge.datasets.sample import Sample as Sample
    from vidgauge.datasets.sources import SOURCES as SOURCES
    from vidgauge.datasets.video import Video as Video
    from vidgauge.datasets.video import decode_frames as decode_frames
    from vidgauge.datasets.video import read_video as read_video
    from vidgauge.datasets.writing import write_video as write_video

# Imported when first asked for, because decoding needs torch and listing does not.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "SOURCES": "sources",
        "ClipRule": "clips",
        "Prompt": "prompts",
        "Sample": "sample",
        "Video": "video",
        "VideoError": "errors",
        "decode_frames": "video",
        "open": "opening",
        "read_prompts": "prompts",
        "read_video": "video",
        "write_video": "writing",
    },
)
