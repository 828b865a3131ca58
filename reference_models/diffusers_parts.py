"""Parts of diffusers' pipelines by name: transformers, U-Nets and autoencoders as something to measure.

They are named in place of a layer: ``diffusers:CogVideoXTransformer3DModel`` with the constructor's arguments, or
``diffusers:FOLDER`` with a folder of ``save_pretrained``, of which only ``config.json`` is read. Weights are random
either way: speed and size do not hang on them, and nothing is fetched.
"""

import copy
import importlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar, cast

import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from vidgauge.errors import UsageError, VidgaugeError, near_misses
from vidgauge.reference_models.cost import Cost
from vidgauge.reference_models.measured import Measured, Takes

PREFIX = "diffusers:"
CONFIG = "config.json"
TAKES: Takes = "video_bcthw"
"""Of all parts; each is handed the video in the order of axes that it wants."""

_T = TypeVar("_T")
_Layout = Literal["bcthw", "btchw", "frames"]
_FRAMES_FIRST = ("CogVideoXTransformer3DModel", "ConsisIDTransformer3DModel", "UNetSpatioTemporalConditionModel")
_OF_IMAGES = ("AutoencoderKL", "AutoencoderTiny", "AsymmetricAutoencoderKL", "VQModel")
_TEXT_PER_FRAME = ("UNetMotionModel",)
_VIDEO = ("sample", "hidden_states", "x")
"""What the first argument of a part is called."""
_TEXT_WIDTHS = ("encoder_hid_dim", "text_embed_dim", "text_dim", "caption_channels", "cross_attention_dim")
_TEXT_LENGTHS = ("max_text_seq_length", "max_sequence_length")
_TOKENS = 77
"""Of a text where no configuration says how many: CLIP's."""
_STEP = 500
"""The noise level's number, of about a thousand."""


def opened_diffusers() -> ModuleType:
    """The library.

    Raises:
        VidgaugeError: where it is not installed.
    """
    try:
        return importlib.import_module("diffusers")
    except ImportError as error:
        raise VidgaugeError(
            f"diffusers cannot be imported ({error}); install it with: pip install 'vidgauge[diffusers]'"
        ) from error


def build_part(name: str, config: Mapping[str, Any]) -> "DiffusersPart":
    """Make a part on torch's default device, with weights from torch's default generator.

    Args:
        name: ``diffusers:CLASS`` or ``diffusers:FOLDER``.
        config: arguments of the constructor; of a folder's they change what ``config.json`` says.

    Raises:
        UsageError: where there is no such class or folder, or it does not take the arguments.
        VidgaugeError: where diffusers is not installed.
    """
    chosen, given = _described(name.removeprefix(PREFIX))
    library = opened_diffusers()
    kind = getattr(library, chosen, None)
    if not (inspect.isclass(kind) and issubclass(kind, nn.Module)):
        names = [each for each in dir(library) if "Model" in each or "Autoencoder" in each]
        raise UsageError(f"diffusers has no part {chosen!r}; {near_misses(chosen, names)}")
    known = [each for each in inspect.signature(kind).parameters if each not in ("args", "kwargs")]
    if unknown := [key for key in config if key not in known]:
        raise UsageError(f"{chosen} takes no {unknown[0]!r}; {near_misses(unknown[0], known)}")
    arguments = {key: value for key, value in (dict(given) | dict(config)).items() if key in known}
    try:
        return DiffusersPart(kind(**arguments), arguments)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{chosen}: {error}") from error


def _described(where: str) -> tuple[str, dict[str, Any]]:
    """The class that is meant, and what a folder says of it."""
    if where.isidentifier() and not Path(where).is_dir():
        return where, {}
    file = Path(where) / CONFIG
    try:
        said = json.loads(file.read_text("utf-8"))
        return str(said.pop("_class_name")), said
    except (OSError, ValueError, KeyError) as error:
        if (Path(where) / "model_index.json").is_file():
            parts = sorted(path.parent.name for path in Path(where).glob(f"*/{CONFIG}"))
            raise UsageError(
                f"{where} is a whole pipeline; give one of its parts, {where}/ and {', '.join(parts)}"
            ) from None
        raise UsageError(f"{where} is no folder of a part of diffusers: {file.name}: {error}") from error


class DiffusersPart(Measured):
    """A part, given random inputs of the shapes that its configuration asks for.

    Args:
        module: the part.
        arguments: that it was made with.

    Raises:
        UsageError: for a part that needs something nobody here knows how to make.
    """

    takes = TAKES

    def __init__(self, module: nn.Module, arguments: Mapping[str, Any]) -> None:
        super().__init__()
        self.module, self._arguments = module, dict(arguments)
        self._config: Mapping[str, Any] = dict(getattr(module, "config", {}))
        self.in_channels = int(self._config.get("in_channels", 3))
        self._kind = type(module).__name__
        parameters = list(inspect.signature(module.forward).parameters.values())
        if not parameters or parameters[0].name not in _VIDEO:
            raise UsageError(
                f"{self._kind} does not begin with a video; it takes {', '.join(p.name for p in parameters)}"
            )
        self._video, self._plain = parameters[0].name, "return_dict" in {p.name for p in parameters}
        self._more = self._wanted(parameters[1:])

    @property
    def layout(self) -> _Layout:
        """The order of axes that the part wants; ``frames`` where it knows images alone."""
        if "2D" in self._kind or self._kind in _OF_IMAGES:
            return "frames"
        return "btchw" if self._kind in _FRAMES_FIRST else "bcthw"

    def forward(self, x: torch.Tensor, *more: torch.Tensor) -> torch.Tensor:
        """What the part makes of a video (B, C, T, H, W), as the part gives it."""
        given = dict(zip(self._more, more, strict=True)) | ({"return_dict": False} if self._plain else {})
        out = self.module(**{self._video: self._arranged(x)}, **given)
        while isinstance(out, tuple | list):
            out = out[0]
        return cast("torch.Tensor", out)

    def more_inputs(self, shape: Sequence[int], generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        """Noise level, text and what else the part needs, in the order in which ``forward`` takes them."""
        batch = shape[0] * (shape[2] if self.layout == "frames" else 1)
        text = batch * (shape[2] if self._kind in _TEXT_PER_FRAME else 1)
        return tuple(self._made(name, text if "encoder" in name else batch, generator) for name in self._more)

    def cost(self, shape: Sequence[int]) -> Cost:
        """What torch's counter sees of one call forward and back; there are no formulas of ours for such parts.

        ``elementwise_flops`` and ``copy_bytes`` are not counted and 0; ``min_bytes`` are those of the parameters and of
        what modules without parts of their own hand on.
        """
        self.split(shape)
        try:
            with torch.device("meta"):
                shadow = DiffusersPart(type(self.module)(**copy.deepcopy(self._arguments)), self._arguments)
            return shadow.to(next(self.parameters()).dtype).eval()._counted(shape)
        except (RuntimeError, NotImplementedError):  # a part that computes while it is built, or asks for its device
            return self._counted(shape)

    def _counted(self, shape: Sequence[int]) -> Cost:
        weight = next(self.parameters())
        more = self.more_inputs(shape, torch.Generator().manual_seed(0))
        inputs = [torch.zeros(*shape), *more]
        placed = [each.to(weight.device, weight.dtype if each.is_floating_point() else each.dtype) for each in inputs]
        passed = _Passed(self)
        with torch.enable_grad(), FlopCounterMode(display=False) as counter, passed:
            out = self(placed[0].requires_grad_(), *placed[1:])
            forward = int(counter.get_total_flops())
            out.sum().backward()  # the counter does not take autograd.grad
        self.zero_grad()
        return passed.cost(self, forward, int(counter.get_total_flops()) - forward)

    def _arranged(self, video_bcthw: torch.Tensor) -> torch.Tensor:
        if self.layout == "bcthw":
            return video_bcthw
        frames_first = video_bcthw.transpose(1, 2)
        return frames_first if self.layout == "btchw" else frames_first.flatten(0, 1)

    def _wanted(self, parameters: Sequence[inspect.Parameter]) -> list[str]:
        """Which further arguments it is given: those that it needs, and noise level and text where it has them."""
        wanted = [
            each.name
            for each in parameters
            if each.kind is not each.VAR_KEYWORD
            and (
                each.default is each.empty
                or each.name in ("timestep", "encoder_hidden_states")
                or self._guided(each.name)
            )
        ]
        if unknown := [name for name in wanted if name not in _MAKERS]:
            raise UsageError(f"{self._kind} needs {', '.join(unknown)}; only {', '.join(_MAKERS)} can be made here")
        return wanted

    def _guided(self, name: str) -> bool:
        return name == "guidance" and bool(self._config.get("guidance_embeds"))

    def _made(self, name: str, batch: int, generator: torch.Generator) -> torch.Tensor:
        return _MAKERS[name](self._config, batch, generator)


def _first(config: Mapping[str, Any], names: Sequence[str], otherwise: _T) -> int | _T:
    found = (value for name in names if isinstance(value := config.get(name), int) and not isinstance(value, bool))
    return next(found, otherwise)


def _text(config: Mapping[str, Any], batch: int, generator: torch.Generator) -> torch.Tensor:
    width = _first(config, _TEXT_WIDTHS, None)
    if width is None:
        raise UsageError(f"the width of the text is in none of {', '.join(_TEXT_WIDTHS)}")
    return torch.randn(batch, _first(config, _TEXT_LENGTHS, _TOKENS), width, generator=generator)


def _of_the_config(name: str) -> "_Maker":
    def made(config: Mapping[str, Any], batch: int, generator: torch.Generator) -> torch.Tensor:
        return torch.randn(batch, int(config[name]), generator=generator)

    return made


def _added_times(config: Mapping[str, Any], batch: int, generator: torch.Generator) -> torch.Tensor:
    del generator  # frame rate, motion and noise level, as Stable Video Diffusion has them
    count = int(config["projection_class_embeddings_input_dim"]) // int(config["addition_time_embed_dim"])
    return torch.ones(batch, count)


_Maker = Callable[[Mapping[str, Any], int, torch.Generator], torch.Tensor]
_MAKERS: dict[str, _Maker] = {
    "timestep": lambda _, batch, __: torch.full((batch,), _STEP),
    "encoder_hidden_states": _text,
    "encoder_attention_mask": lambda config, batch, _: torch.ones(
        batch, _first(config, _TEXT_LENGTHS, _TOKENS), dtype=torch.bool
    ),
    "pooled_projections": _of_the_config("pooled_projection_dim"),
    "added_time_ids": _added_times,
    "guidance": lambda _, batch, __: torch.full((batch,), 6000.0),
}
"""What can be made, by the name of the argument."""


class _Passed:
    """What modules hand on and autograd keeps, in a ``with`` block."""

    def __init__(self, network: nn.Module) -> None:
        self._handed = 0
        self._kept: dict[int, torch.Tensor] = {}
        self._own = {id(parameter) for parameter in network.parameters()}
        leaves = [module for module in network.modules() if not list(module.children())]
        self._handles = [module.register_forward_hook(self._hand) for module in leaves]
        self._saving = saved_tensors_hooks(self._keep, lambda tensor: tensor)

    def __enter__(self) -> None:
        self._saving.__enter__()

    def __exit__(self, *error: object) -> None:
        self._saving.__exit__(*error)
        for handle in self._handles:
            handle.remove()

    def cost(self, network: nn.Module, forward: int, backward: int) -> Cost:
        """All that was seen."""
        counts = [(each.numel(), each.numel() * each.element_size()) for each in network.parameters()]
        return Cost(
            parameters=sum(count for count, _ in counts),
            forward_flops=forward,
            useful_forward_flops=forward,
            backward_flops=backward,
            useful_backward_flops=backward,
            elementwise_flops=0,
            min_bytes=sum(size for _, size in counts) + 2 * self._handed,
            copy_bytes=0,
            activation_bytes=sum(each.numel() * each.element_size() for each in self._kept.values()),
        )

    def _hand(self, _module: nn.Module, _given: tuple[Any, ...], out: object) -> None:
        if isinstance(out, torch.Tensor):
            self._handed += out.numel() * out.element_size()

    def _keep(self, tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in self._own:
            self._kept[tensor.untyped_storage()._cdata] = tensor
        return tensor
