"""The FFmpeg that PyAV's wheel brings, for peers that bring none."""

import os
import re
import sys
from pathlib import Path

import av

_LIBRARY = re.compile(r"(?P<name>lib(?:av|sw)[a-z]+)-[0-9a-f]+\.so\.(?P<version>\d+)\..*")


def with_ffmpeg_of_pyav(folder: Path) -> dict[str, str]:
    """Environment variables with which torchcodec, which brings no FFmpeg, finds the one that PyAV's wheel brings.

    So both decode by the same libraries. Links give them the names that they had before they were packed.
    """
    bundled = Path(av.__file__).parent.with_name("av.libs")
    if sys.platform != "linux" or not bundled.is_dir():
        return dict(os.environ)
    folder.mkdir()
    for library in bundled.iterdir():
        (folder / library.name).symlink_to(library)
        if match := _LIBRARY.fullmatch(library.name):
            (folder / f"{match['name']}.so.{match['version']}").symlink_to(library)
    before = os.environ.get("LD_LIBRARY_PATH")
    return os.environ | {"LD_LIBRARY_PATH": str(folder) + (f":{before}" if before else "")}
