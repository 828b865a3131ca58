"""How published files of I3D call its tensors."""

from collections.abc import Callable, Iterable

_NORM = ("weight", "bias", "running_mean", "running_var")


def tensorflow_names(units: Iterable[str]) -> dict[str, str]:
    """Variables of TensorFlow's graph by our names.

    Args:
        units: where, in our network, a convolution with batch norm stands.
    """
    parts = {
        "conv_3d.weight": "conv_3d/w",
        "batch_norm.bias": "batch_norm/beta",
        "batch_norm.running_mean": "batch_norm/moving_mean",
        "batch_norm.running_var": "batch_norm/moving_variance",
    }
    scope = "RGB/inception_i3d/"
    logits = f"{scope}Logits/Conv3d_0c_1x1/conv_3d/"
    return _names(units, lambda own: f"{scope}{own.replace('.', '/')}/", parts, (f"{logits}w", f"{logits}b"))


def port_names(units: Iterable[str]) -> list[dict[str, str]]:
    """Tensors of the two ports to PyTorch by our names; the arguments of ``tensorflow_names``."""
    units = list(units)
    return [
        _names(
            units,
            of_port,
            {"conv_3d.weight": "conv3d.weight"} | {f"batch_norm.{part}": f"{norm}.{part}" for part in _NORM},
            (f"{logits}.weight", f"{logits}.bias"),
        )
        for of_port, norm, logits in ((_short, "bn", "logits.conv3d"), (_numbered, "batch3d", "conv3d_0c_1x1.conv3d"))
    ]


def _names(
    units: Iterable[str], of_unit: Callable[[str], str], parts: dict[str, str], logits: tuple[str, str]
) -> dict[str, str]:
    found = {f"{own}.{part}": of_unit(own) + theirs for own in units for part, theirs in parts.items()}
    return found | dict(zip(("Logits.Conv3d_0c_1x1.weight", "Logits.Conv3d_0c_1x1.bias"), logits, strict=True))


def _short(own: str) -> str:
    """In the port from which VideoGPT, TATS, DIGAN and cd-fvd have theirs: ``Mixed_3b.b1a``."""
    block, _, rest = own.partition(".")
    if not rest:
        return f"{block}."
    branch, letter = rest[len("Branch_")], "a" if rest.endswith("0a_1x1") else "b"
    return f"{block}.b{branch}{letter if branch != '0' else ''}."


def _numbered(own: str) -> str:
    """In the port that counts the layers of a branch: ``mixed_3b.branch_1.0``."""
    block, _, rest = own.lower().partition(".")
    if not rest:
        return f"{block}."
    branch = rest[: len("branch_0")]
    place = "" if branch == "branch_0" else "0." if rest.endswith("0a_1x1") else "1."
    return f"{block}.{branch}.{place}"
