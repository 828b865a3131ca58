"""Videos to test with: every container and codec that the decoder's own build can write."""

import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest
import torch
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

# extension -> codec, pixel format
CODINGS = {
    ".avi": ("mpeg4", "yuv420p"),
    ".gif": ("gif", "rgb8"),
    ".mkv": ("libx264", "yuv420p"),
    ".mov": ("libx264", "yuv444p10le"),
    ".mp4": ("libx264", "yuv420p"),
    ".webm": ("libvpx-vp9", "yuv420p"),
}


def moving_pattern(frames: int = 24, height: int = 48, width: int = 64) -> torch.Tensor:
    """A blurred random picture that slides to the right."""
    coarse = torch.randint(0, 256, (1, 3, 6, 8), generator=torch.Generator().manual_seed(0)).float()
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    picture = smooth[0].permute(1, 2, 0).round().to(torch.uint8)
    return torch.stack([picture.roll(2 * number, dims=1) for number in range(frames)])


@pytest.fixture
def pattern() -> Callable[..., torch.Tensor]:
    return moving_pattern


@pytest.fixture
def encode(tmp_path: Path) -> Callable[..., Path]:
    def encode_file(
        name: str,
        frames_thwc: torch.Tensor | None = None,
        rate: Fraction | int = 25,
        hundredths: list[int] | None = None,
        container_options: dict[str, str] | None = None,
    ) -> Path:
        """Write a file as its extension says; ``hundredths`` of a second are the frames' times, if they vary."""
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        frames_thwc = moving_pattern() if frames_thwc is None else frames_thwc
        codec, pixel_format = CODINGS[path.suffix]
        with av.open(str(path), "w", options=container_options or {}) as container:
            stream = container.add_stream(codec, rate=rate)
            assert isinstance(stream, VideoStream)
            stream.height, stream.width = frames_thwc.shape[1:3]
            stream.pix_fmt = pixel_format
            stream.gop_size = 12
            for number, frame_hwc in enumerate(frames_thwc.numpy()):
                frame = VideoFrame.from_ndarray(frame_hwc, format="rgb24")
                if hundredths is not None:
                    frame.pts, frame.time_base = hundredths[number], Fraction(1, 100)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return encode_file


class Program(NamedTuple):
    """The ``ffmpeg`` program: an independent maker and reader of videos."""

    executable: str
    folder: Path

    def run(self, *arguments: str) -> bytes:
        command = [self.executable, "-v", "error", "-nostdin", "-y", *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout

    def make(self, name: str, *arguments: str, frames: int = 60, size: str = "64x48") -> Path:
        """A moving test picture, 25 a second, coded by the arguments."""
        source = ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25")
        self.run(*source, "-frames:v", str(frames), "-threads", "1", *arguments, name)
        return self.folder / name

    def frames(self, path: Path, height: int, width: int) -> np.ndarray:
        """What it decodes, as ``uint8`` of (time, height, width, 3)."""
        raw = self.run("-i", str(path), "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
        return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe(), tmp_path)
