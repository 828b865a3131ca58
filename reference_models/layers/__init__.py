"""The layer zoo: one file per operator, each registered under its name. torch is imported when the zoo is opened."""

import inspect
from typing import TYPE_CHECKING, get_args, get_type_hints

from vidgauge.errors import UsageError
from vidgauge.registry import Registry

if TYPE_CHECKING:
    from vidgauge.reference_models.layer import Layer

LAYERS: "Registry[type[Layer]]" = Registry("layer", "vidgauge.reference_models.layers")
_BY_NAME = inspect.Parameter.KEYWORD_ONLY


def signature(name: str, /) -> inspect.Signature:
    """The arguments of a layer, those named by ``**options: Unpack[...]`` among them.

    Raises:
        UsageError: where there is no such layer, with near misses.
    """
    parameters = []
    for parameter in inspect.signature(LAYERS[name]).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            (options,) = get_args(parameter.annotation)
            kinds = get_type_hints(options).items()
            parameters += [
                parameter.replace(name=key, kind=_BY_NAME, default=..., annotation=kind) for key, kind in kinds
            ]
        else:
            parameters.append(parameter)
    return inspect.Signature(parameters)


def check(name: str, /, **config: object) -> None:
    """Refuse a layer that does not exist, or a configuration with unknown or missing keys.

    Raises:
        UsageError: with near misses, or with the arguments the layer takes.
    """
    takes = signature(name)
    try:
        takes.bind(**config)
    except TypeError as error:
        given = ", ".join(f"{key}={value!r}" for key, value in config.items()) or "nothing"
        raise UsageError(
            f"layer {name!r} was given {given}: {error}; it takes {takes}".replace(" = Ellipsis", "")
        ) from None


def __getattr__(name: str) -> "type[Layer]":
    """A layer by the name of its class: ``from vidgauge.reference_models.layers import Conv3d``."""
    if name[:1].isupper():  # what is not a class is not in the zoo, and asking must not open it
        for registered in LAYERS:
            if LAYERS[registered].__name__ == name:
                return LAYERS[registered]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def build(name: str, /, **config: object) -> "Layer":
    """Make a layer by its name.

    Args:
        name: one of ``LAYERS``.
        config: the constructor's keyword arguments, such as ``in_channels`` or ``window``.

    Raises:
        UsageError: where the name, a key or a value is not allowed.
    """
    check(name, **config)
    return LAYERS[name](**config)
