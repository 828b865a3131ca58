"""Memory formats of a video: channels before time, height and width, or after them."""

import torch

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last_3d": torch.channels_last_3d}
"""Of a video. Each convolution gives the same numbers in both, and its output has the format of its input. Not every
kernel of torch keeps to that: where one gives back a contiguous tensor (ATen's own conv3d on a CPU does), the layer
copies it."""
CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
"""By the number of a tensor's dimensions; with fewer there is no such format."""


def layout_of(video_bcthw: torch.Tensor) -> torch.memory_format:
    """Channels last where they are, else contiguous. One channel fits both formats; its stride tells them apart."""
    last = video_bcthw.stride(1) == 1 and video_bcthw.is_contiguous(memory_format=torch.channels_last_3d)
    return torch.channels_last_3d if last else torch.contiguous_format


def as_laid_out(out_bcthw: torch.Tensor, video_bcthw: torch.Tensor) -> torch.Tensor:
    """The output in the layout of the input; a copy only where it is in another."""
    return out_bcthw.contiguous(memory_format=layout_of(video_bcthw))
