"""Several processes that score together: who looks at which video, and what all of them must know.

They are those of ``torchrun``, or of anything else that sets its variables. Features meet in the cache, on a disk that
all processes see; what goes between processes is little: contents, failures, and whether someone has ended.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed

from vidgauge.errors import UsageError, VidgaugeError

T = TypeVar("T")

_PATIENCE = timedelta(hours=24)
"""Some ranks have longer videos than others. One that ends is noticed at once, whatever this says."""


class Ranks:
    """One process among several, or the only one."""

    def __init__(self, rank: int = 0, world: int = 1) -> None:
        self.rank, self.world = rank, world

    @property
    def first(self) -> bool:
        """Whether this is the one that computes statistics and speaks."""
        return self.rank == 0

    def mine(self, id: str) -> bool:  # noqa: A002 - what the entries call it
        """Whether this process looks at that video: by a hash, so that the others have no say."""
        lot = hashlib.sha256(id.encode(errors="surrogateescape")).digest()
        return int.from_bytes(lot[:8]) % self.world == self.rank

    def gather(self, one: T) -> list[T]:
        """What each process has, known to all, in their order.

        Raises:
            VidgaugeError: if one of them has ended.
        """
        if self.world == 1:
            return [one]
        every: list[Any] = [None] * self.world
        try:
            torch.distributed.all_gather_object(every, one)
        except RuntimeError as error:
            raise VidgaugeError(
                f"rank {self.rank}: another process has ended; what was computed is kept: run the same command again"
            ) from error
        return every

    @contextmanager
    def together(self) -> Iterator[None]:
        """All come to the end of the block, or none does.

        Raises:
            VidgaugeError: where the block failed in another process, saying how.
        """
        try:
            yield
        except VidgaugeError as error:
            self.gather(str(error))
            raise
        for rank, problem in enumerate(self.gather("")):
            if problem:
                raise VidgaugeError(f"rank {rank}: {problem}")


@contextmanager
def ranks_here(device: str) -> Iterator[Ranks]:
    """The processes that were started together with this one.

    Args:
        device: where networks run: with ``cuda`` messages go by NCCL, else by Gloo.

    Raises:
        UsageError: if the variables that a launcher sets do not make sense.
    """
    try:
        rank, world = (int(os.environ.get(name, default)) for name, default in (("RANK", "0"), ("WORLD_SIZE", "1")))
    except ValueError:
        raise UsageError("RANK and WORLD_SIZE must be whole numbers; start with torchrun, or unset them") from None
    if world == 1 or torch.distributed.is_initialized():  # a program that has ranks of its own keeps them
        yield Ranks()
        return
    torch.distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo", timeout=_PATIENCE)
    try:
        yield Ranks(rank, world)
    finally:
        torch.distributed.destroy_process_group()


def device_here(asked: str | None) -> str:
    """The device of this process: what was asked for, else the GPU of its local rank, else the CPU.

    Raises:
        UsageError: for a device that is not there.
    """
    if asked is None:
        asked = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(asked)
    except RuntimeError:
        raise UsageError(f"no device {asked!r}; give cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"no device {asked!r}; give cpu, cuda or cuda:N")
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        index = int(os.environ.get("LOCAL_RANK", "0")) if device.index is None else device.index
        if index >= count:
            raise UsageError(f"device {asked!r} is not here: there are {count} CUDA devices; give --device cpu")
        torch.cuda.set_device(index)
        return f"cuda:{index}"
    return "cpu"
