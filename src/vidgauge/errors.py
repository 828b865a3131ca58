"""Errors that a person caused or can mend: one line each, and an exit status."""


class VidgaugeError(Exception):
    """Something failed for a reason that the message explains in one line; the command line exits with 1."""

    exit_status = 1


class UsageError(VidgaugeError, ValueError):
    """What was asked for cannot be done: the message names what was given and what is allowed; exit status 2."""

    exit_status = 2


def near_misses(given: str, allowed: list[str], limit: int = 3) -> str:
    """Say which allowed names look like the given one, and list them all when there are few."""
    import difflib

    close = difflib.get_close_matches(given, allowed, n=limit, cutoff=0.5)
    listed = ", ".join(allowed) if len(allowed) <= 20 else f"{len(allowed)} names"
    return (f"did you mean {' or '.join(repr(name) for name in close)}? " if close else "") + f"(there are: {listed})"
