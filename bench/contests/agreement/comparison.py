"""One result of ours beside somebody else's: what is compared, how far apart the two are, how far they may be."""

import importlib
import importlib.metadata
import io
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Part = Literal["statistics", "networks", "videos"]
Values = NDArray[np.float64]
Compute = Callable[[], ArrayLike]

STATISTICS_BOUND = 1e-6
FEATURES_BOUND = 1e-4


@dataclass(frozen=True)
class Comparison:
    """A number or an array of ours, and the same from a reference."""

    part: Part
    """Statistics of the same features, networks of equal random weights on the same input, or files to score."""
    measure: str
    """What is computed, such as ``Fréchet distance, ddof-1``."""
    reference: str
    """As tables call it."""
    package: str
    """The distribution that computes it; of a formula that no package has, the one it is written out in."""
    case: str
    """On what."""
    bound: float
    """Of the relative difference."""
    ours: Compute
    theirs: Compute


def compare(comparison: Comparison) -> dict[str, Any]:
    """The fields of a record that say what came out: how far apart the two are, or why that is not known."""
    details: dict[str, Any] = {"package": comparison.package, "version": version(comparison.package)}
    details["bound"] = comparison.bound
    if details["version"] is None:
        return {"status": "skipped", "reason": f"{comparison.package} is not installed", "details": details}
    try:
        theirs = _values(comparison.theirs)
    except Exception as error:  # noqa: BLE001 - whatever a reference raises is its result
        return {"status": "failed", "reason": _reason(comparison.reference, error), "details": details}
    try:
        ours = _values(comparison.ours)
    except Exception as error:  # noqa: BLE001 - nor may one of ours take the other rows with it
        return {"status": "failed", "reason": _reason("ours", error), "details": details}
    if ours.shape != theirs.shape:
        reason = f"ours has the shape {ours.shape}, {comparison.reference}'s {theirs.shape}"
        return {"status": "failed", "reason": reason, "details": details}
    for whose, values in (("ours", ours), (comparison.reference, theirs)):
        details |= {"ours" if whose == "ours" else "theirs": size(values)}
        if not np.isfinite(values).all():
            return {"status": "failed", "reason": f"{whose} gave numbers that are not finite", "details": details}
    difference = relative_difference(ours, theirs)
    details |= {"shape": list(ours.shape), "within": difference <= comparison.bound}
    return {"value": difference, "n": ours.size, "no_interval": "computed, not sampled", "details": details}


def relative_difference(ours: Values, theirs: Values) -> float:
    """The largest difference as a share of the reference's largest number; 0 where the two are equal."""
    largest = np.abs(theirs).max()
    apart = np.abs(ours - theirs).max()
    return float(apart / largest) if largest else float(apart)


def in_order(features_nd: ArrayLike) -> Values:
    """Features sorted by their first number, for some loaders shuffle."""
    features = np.asarray(features_nd, dtype=np.float64)
    return np.asarray(features[np.argsort(features.reshape(len(features), -1)[:, 0])])


def size(values: Values) -> float | None:
    """One number for a table: the number itself, or the root mean square of several; None where it is not finite."""
    found = float(values) if values.ndim == 0 else float(np.sqrt(np.mean(values**2)))
    return found if np.isfinite(found) else None


def version(package: str) -> str | None:
    """Of a distribution; None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def peer(module: str) -> Any:  # noqa: ANN401 - what other people's modules hold is theirs to say
    """A module of a reference, imported when it is called and not before: it may be missing, and slow to come."""
    return importlib.import_module(module)


def _values(compute: Compute) -> Values:
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")  # references say much that is not asked for
        return np.asarray(compute(), dtype=np.float64)


def _reason(whose: str, error: Exception) -> str:
    return " ".join(f"{whose} failed: {type(error).__name__}: {error}".split())[:200]
