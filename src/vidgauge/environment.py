"""Where a number was measured: processor, threads, GPU, libraries, decoders, commit."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from pydantic import Field

from vidgauge.fingerprint import fingerprint
from vidgauge.record import Frozen

_LIBRARIES = ("torch", "torchvision", "torchmetrics", "open-clip-torch", "numpy", "scipy", "av", "vidgauge")
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "ONEDNN_MAX_CPU_ISA",
    "ATEN_CPU_CAPABILITY",
)
_NOT_IN_FINGERPRINT = frozenset({"commit", "dirty"})  # so that two commits can be compared


class Environment(Frozen):
    """What may change a number, and the commit, which is recorded beside it."""

    system: str
    """Operating system and kernel release."""
    python: str
    cpu: str
    """Model name of the processor."""
    cpus: int
    """Logical processors this process may use."""
    memory_bytes: int | None = None
    """Physical memory; empty where the system does not say."""
    threads: int
    """Threads torch uses inside one operator."""
    gpu: str | None = None
    """Name of the first CUDA device, if any."""
    driver: str | None = None
    """CUDA version torch was built for, where there is a GPU."""
    libraries: dict[str, str]
    """Versions by distribution name."""
    ffmpeg: dict[str, str]
    """Versions of the libav libraries that decode."""
    variables: dict[str, str] = Field(default_factory=dict)
    """Environment variables that change speed or results, where set."""
    commit: str | None = None
    """Commit of the vidgauge checkout, where it runs from one."""
    dirty: bool | None = None
    """Whether that checkout had uncommitted changes."""

    @property
    def fingerprint(self) -> str:
        """Hash of all fields but the commit and its dirty flag."""
        return fingerprint(self.model_dump(exclude=set(_NOT_IN_FINGERPRINT)))

    @property
    def code(self) -> str:
        """The commit as records carry it: with ``+changes`` where the checkout had any, empty outside a checkout."""
        return (self.commit or "") + ("+changes" if self.dirty else "")

    @classmethod
    def capture(cls) -> "Environment":
        """Look at this machine and process. Imports torch; takes about a second."""
        import torch

        commit, dirty = _commit()
        cuda = torch.cuda.is_available()
        return cls(
            system=f"{platform.system()} {platform.release()}",
            python=platform.python_version(),
            cpu=_cpu_model(),
            cpus=processors(),
            memory_bytes=_memory_bytes(),
            threads=torch.get_num_threads(),
            gpu=torch.cuda.get_device_name(0) if cuda else None,
            driver=torch.version.cuda if cuda else None,
            libraries=_library_versions(),
            ffmpeg=_ffmpeg_versions(),
            variables={name: os.environ[name] for name in _THREAD_VARIABLES if name in os.environ},
            commit=commit,
            dirty=dirty,
        )


def processors() -> int:
    """Logical processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _library_versions() -> dict[str, str]:
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _ffmpeg_versions() -> dict[str, str]:
    try:
        import av
    except ImportError:
        return {}
    return {name: ".".join(map(str, version)) for name, version in av.library_versions.items()}


def _commit() -> tuple[str | None, bool | None]:
    """Commit and dirty flag, if the package runs from its own checkout (an installed wheel has none)."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "setup.py").is_file() or "site-packages" in root.parts:
        return None, None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit, bool(_git(root, "status", "--porcelain"))
    except (OSError, subprocess.SubprocessError):  # no git, or not a repository
        return None, None


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]  # fixed words only
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603
