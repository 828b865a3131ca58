"""Which published numbers there are, as records."""

from fnmatch import fnmatchcase

from vidgauge.errors import UsageError, near_misses
from vidgauge.record import Record
from vidgauge.reports.choice import Patterns, several
from vidgauge.reports.published import PUBLICATIONS


def published_records(names: Patterns = "*", *, unverified: bool = False) -> list[Record]:
    """The numbers of these publications, to stand beside measured ones.

    Args:
        names: names or shell patterns of publications, as ``vidgauge list published`` lists them.
        unverified: also numbers that nobody has checked against their paper.

    Returns:
        One record a number, older papers first; of each pattern those that no earlier one has.

    Raises:
        UsageError: where no publication has such a name.
    """
    known, chosen = PUBLICATIONS.names(), list[str]()
    for pattern in several(names):
        found = [name for name in known if fnmatchcase(name, pattern)]
        if not found:
            raise UsageError(
                f"there is no publication {pattern!r}; {near_misses(pattern, known)}; see 'vidgauge list published'"
            )
        chosen += sorted(found, key=lambda name: PUBLICATIONS[name].paper.arxiv)  # which begins with year and month
    return [record for name in dict.fromkeys(chosen) for record in PUBLICATIONS[name].records(unverified=unverified)]
