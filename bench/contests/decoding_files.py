"""The files that decoders meet: made here, so that anyone can make the same ones."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

RATE = 25
FRAMES = 300


@dataclass(frozen=True)
class Coding:
    """How a file is coded; where nothing is said, as the encoder likes it best."""

    name: str
    """As tables call it, without the size."""
    codec: str
    extension: str
    width: int
    height: int
    options: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Name and size."""
        return f"{self.name} {self.width}x{self.height}"


CODINGS = (
    Coding("MPEG-4 in AVI", "mpeg4", ".avi", 320, 240, {"b": "800k"}),
    Coding("H.264 in MP4", "libx264", ".mp4", 320, 240),
    Coding("H.264 in MP4", "libx264", ".mp4", 1280, 720),
    Coding("HEVC in MP4", "libx265", ".mp4", 320, 240, {"x265-params": "log-level=none"}),
    Coding("VP9 in WebM", "libvpx-vp9", ".webm", 320, 240, {"deadline": "realtime", "cpu-used": "8"}),
)
LONG = Coding("H.264 in MP4", "libx264", ".mp4", 1920, 1080, {"preset": "veryfast"})


def scene(width: int, height: int, frames: int) -> Iterator[NDArray[np.uint8]]:
    """A background that pans, a round piece of another picture that crosses it, and a camera's noise.

    The pictures have the amplitudes of natural ones, which fall as 1/frequency (Field 1987, J. Opt. Soc. Am. A 4, 12).
    """
    rng = np.random.default_rng(0)
    behind, before = (_picture(width, height, rng) for _ in range(2))
    noise = [rng.normal(0, 2, (height, width, 1)).round().astype(np.int16) for _ in range(8)]
    y, x = np.mgrid[:height, :width]
    for number in range(frames):
        centre = width * (0.2 + 0.6 * number / frames)
        inside = (x - centre) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2
        frame_hwc = np.roll(behind, (number, 2 * number), axis=(0, 1))
        frame_hwc[inside] = np.roll(before, (-2 * number, number), axis=(0, 1))[inside]
        yield (frame_hwc + noise[number % len(noise)]).clip(0, 255).astype(np.uint8)


def write(folder: Path, coding: Coding, frames: int = FRAMES) -> Path:
    """Encode the scene into a new file of the folder."""
    path = folder / f"{coding.codec}-{coding.width}x{coding.height}{coding.extension}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(coding.codec, rate=RATE, options=coding.options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = coding.width, coding.height, "yuv420p"
        for frame_hwc in scene(coding.width, coding.height, frames):
            container.mux(stream.encode(VideoFrame.from_ndarray(frame_hwc, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def write_long(folder: Path, minutes: float, coding: Coding) -> Path:
    """A file of so many minutes: ten seconds, encoded once and strung together without encoding them again."""
    part = write(folder, coding, frames=10 * RATE)
    path = folder / f"long{coding.extension}"
    with av.open(str(path), "w") as container:
        for number in range(round(minutes * 6)):
            _append(container, part, seconds=10 * number)
    part.unlink()
    return path


def _append(container: OutputContainer, part: Path, seconds: int) -> None:
    with av.open(str(part)) as source:
        stream = source.streams.video[0]
        copy = container.streams.video[0] if container.streams.video else container.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is None or packet.pts is None:  # the packet that ends the stream
                continue
            shift = int(seconds / packet.time_base)
            packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, copy
            container.mux(packet)


def _picture(width: int, height: int, rng: np.random.Generator) -> NDArray[np.int16]:
    """RGB (height, width, 3) whose opposite edges meet: strong in brightness, weaker in colour."""
    brightness, *colours = (_natural(width, height, rng) for _ in range(4))
    channels = [128 + 40 * brightness + 12 * colour for colour in colours]
    return np.stack(channels, axis=2).clip(0, 255).astype(np.int16)


def _natural(width: int, height: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise with the mean 0, the standard deviation 1, and amplitudes that fall as 1/frequency."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.normal(size=(height, width))) / frequency
    noise: NDArray[np.float64] = np.fft.irfft2(spectrum, s=(height, width))
    scaled: NDArray[np.float64] = noise / noise.std()
    return scaled
