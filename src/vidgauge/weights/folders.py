"""Where weights are kept."""

from pathlib import Path

from vidgauge import files


def cache_folder() -> Path:
    """Where fetched and converted weights are kept: ``$XDG_CACHE_HOME/vidgauge/weights``."""
    return files.cache_folder("weights")
