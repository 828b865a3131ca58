"""Part of a suite: the cases and variants that a pattern names."""

from fnmatch import fnmatchcase

from vidgauge.bench.suite import Case, Suite
from vidgauge.errors import UsageError, near_misses


def select(suite: Suite, pattern: str) -> tuple[Suite, list[str]]:
    """Keep the cases whose name fits the pattern, and of the others the variants that do, with their baseline.

    Args:
        suite: all of it.
        pattern: as of a shell, such as ``conv*``.

    Returns:
        the rest of the suite, and what was left out.

    Raises:
        UsageError: where nothing fits.
    """
    cases: list[Case] = []
    left_out: list[str] = []
    for case in suite.cases:
        if fnmatchcase(case.name, pattern):
            cases.append(case)
            continue
        fitting = [variant for variant in case.variants if fnmatchcase(variant.name, pattern)]
        if not fitting:
            left_out.append(f"case {case.name}")
            continue
        kept = [variant for variant in case.variants if variant in fitting or variant.name == case.baseline]
        left_out += [f"{case.name}: {variant.name}" for variant in case.variants if variant not in kept]
        cases.append(case.model_copy(update={"variants": kept}))
    if not cases:
        names = dict.fromkeys(name for case in suite.cases for name in (case.name, *(v.name for v in case.variants)))
        raise UsageError(f"nothing in suite {suite.name!r} is called {pattern!r}; {near_misses(pattern, list(names))}")
    return suite.model_copy(update={"cases": cases}), left_out
