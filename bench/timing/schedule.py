"""When a run of rounds is looked at, and how much error each look may spend.

Who looks at the interval after every round and stops once it pleases will sooner or later see what is not there. So the
numbers of rounds at which a run may stop are fixed beforehand, each half as many again as the last, and the error is
shared out among them: by Bonferroni's inequality, the chances of going wrong at one look or another add up to no more
than the sum of the shares. The scheduled looks have one half of the error, in equal parts; the end of the run, wherever
budget or rule put it, has the other. So the intervals of all looks and of the end hold together at the level, and which
of them is printed depends on the number of rounds alone: a verdict and its interval cannot disagree.
"""

LEVEL = 0.99
"""Confidence that all intervals of a ratio hold that a run may come to show, and so the one that it ends with."""
LOOKS = (13, 20, 29, 44, 66, 99, 148, 222, 333, 500, 750, 1124)
"""Numbers of rounds at which a run may stop: 13 is the fewest whose extremes meet a look's share of the error."""


def error_at(rounds: int) -> float:
    """The error that the interval of a ratio may have after so many rounds, both sides together."""
    error = (1 - LEVEL) / 2
    return error / len(LOOKS) if rounds in LOOKS else error
