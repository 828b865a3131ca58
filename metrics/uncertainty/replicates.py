"""One number many times over, in several threads; the same numbers for any number of threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from vidgauge.environment import processors
from vidgauge.metrics.arrays import Array


def replicated(
    replicate: Callable[[int], float], count: int, *, threads: int | None = None, announce: Callable[[float], None]
) -> Array:
    """What a function makes of 0, 1, ... count - 1.

    Args:
        replicate: may run in several threads at once; draws what it draws from a generator of its own.
        count: how many.
        threads: how many at once; as many as there are processors if not given.
        announce: told what fraction is done.
    """
    found = np.empty(count)
    # Many small decompositions: threads inside each would spend their time waiting for each other.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads or processors()) as pool:
        try:
            for number, value in enumerate(pool.map(replicate, range(count))):
                found[number] = value
                announce((number + 1) / count)
        finally:
            pool.shutdown(cancel_futures=True)  # where one fails, or someone interrupts
    return found
