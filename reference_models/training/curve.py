"""How a loss went down: a few points of a phase, each the mean of the steps since the one before."""

Curve = list[tuple[int, float, float]]
"""Steps done, seconds since the run began, mean loss."""
MOST_POINTS = 60


def follow(curve: Curve, number: int, steps: int, seconds: float, loss: float) -> None:
    """Take a step into the curve: it ends the last point's stretch of steps, or begins the next one's.

    Stretches are of equal length, but for the last one. Nothing beside the curve is needed to go on with it.

    Args:
        curve: of the phase, changed in place.
        number: of the step, from 0.
        steps: how many the phase has.
        seconds: since the run began.
        loss: of the step.
    """
    length = -(-steps // MOST_POINTS)
    if number % length == 0:
        curve.append((number + 1, seconds, loss))
        return
    _, _, mean = curve[-1]
    curve[-1] = (number + 1, seconds, mean + (loss - mean) / (number % length + 1))
