"""What is measured: the layer zoo and the reference systems."""

from typing import TYPE_CHECKING

from vidgauge.lazy import lazy_names

if TYPE_CHECKING:
    from vidgauge.reference_models.systems import build as build
    from vidgauge.reference_models.systems import presets as presets

__getattr__, __dir__ = lazy_names(__name__, {"build": "systems", "presets": "systems"})
