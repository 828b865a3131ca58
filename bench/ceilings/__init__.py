"""Measured ceilings of this machine: how many operations and bytes a second it reaches at best."""

from typing import TYPE_CHECKING

from vidgauge.lazy import lazy_names

if TYPE_CHECKING:
    from vidgauge.bench.ceilings.ceiling_records import records as records
    from vidgauge.bench.ceilings.measuring import measure as measure
    from vidgauge.bench.ceilings.measuring import remeasure as remeasure
    from vidgauge.bench.ceilings.result import Ceilings as Ceilings
    from vidgauge.bench.ceilings.result import drift as drift

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Ceilings": "result",
        "drift": "result",
        "measure": "measuring",
        "records": "ceiling_records",
        "remeasure": "measuring",
    },
)
