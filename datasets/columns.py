"""Many whole numbers in little memory."""

from array import array
from collections.abc import Iterator

_UNKNOWN = -(2**63)  # so libav marks a time that is not known


class Column:
    """Whole numbers of 64 bits, some of them unknown (None): eight bytes each, where a list takes forty."""

    def __init__(self) -> None:
        self._values = array("q")

    def append(self, value: int | None) -> None:
        """Put one at the end."""
        self._values.append(_UNKNOWN if value is None else value)

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, number: int) -> int | None:
        value = self._values[number]
        return None if value == _UNKNOWN else value

    def __iter__(self) -> Iterator[int | None]:
        return (None if value == _UNKNOWN else value for value in self._values)
