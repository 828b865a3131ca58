"""Text encoders behind one interface: a small one of our own, and frozen ones through their libraries."""

from typing import TYPE_CHECKING

from vidgauge.lazy import lazy_names

if TYPE_CHECKING:
    from vidgauge.reference_models.text.encoder import Text as Text
    from vidgauge.reference_models.text.encoder import TextEncoder as TextEncoder
    from vidgauge.reference_models.text.encoder import dropped as dropped
    from vidgauge.reference_models.text.encoder import joined as joined
    from vidgauge.reference_models.text.frozen_clip import clip as clip
    from vidgauge.reference_models.text.frozen_t5 import t5 as t5
    from vidgauge.reference_models.text.small_clip import SmallClip as SmallClip
    from vidgauge.reference_models.text.word_encoder import WordEncoder as WordEncoder

_HOMES = {"Text": "encoder", "TextEncoder": "encoder", "dropped": "encoder", "joined": "encoder"}
_HOMES |= {"WordEncoder": "word_encoder", "SmallClip": "small_clip", "t5": "frozen_t5", "clip": "frozen_clip"}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
