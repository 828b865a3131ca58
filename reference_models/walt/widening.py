"""A transformer for wider videos that starts from one for square videos: its positions are interpolated.

W.A.L.T fine-tunes its base for 9:16 so, positions both absolute and relative. How is not stated; ours, linearly.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.positions import RelativeBias


@torch.no_grad()
def widen_(wide: nn.Module, narrow: nn.Module) -> None:
    """Take over all weights of a transformer whose token grid and windows have other extents.

    Args:
        wide: written to.
        narrow: of the same layers and widths.
    """
    given, modules = narrow.state_dict(), dict(narrow.named_modules())
    reaches = {
        f"{name}.table": (_reached(module.reach), _reached(modules[name].reach))
        for name, module in wide.named_modules()
        if isinstance(module, RelativeBias)
    }
    for name, own in wide.state_dict().items():
        before = given[name]
        if name in reaches:
            ours, theirs = reaches[name]
            own.copy_(_stretched(before.view(-1, *theirs), ours).flatten(1))
        elif name == "space":
            own.copy_(_stretched(before.movedim(-1, 0)[:, None], (1, *own.shape[:2]))[:, 0].movedim(0, -1))
        else:
            own.copy_(before)


def _reached(reach: Grid) -> Grid:
    """Offsets along each axis."""
    time, height, width = (2 * distance + 1 for distance in reach)
    return time, height, width


def _stretched(numbers_cthw: Tensor, extents: Grid) -> Tensor:
    return functional.interpolate(numbers_cthw[None], extents, mode="trilinear", align_corners=True)[0]
