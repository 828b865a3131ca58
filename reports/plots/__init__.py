"""Plots of the page: each family in a file, which finds in a table what it can draw and draws nothing else."""

from vidgauge.reports.comparison import Table
from vidgauge.reports.plots.along import along
from vidgauge.reports.plots.learning_curves import learning_curves
from vidgauge.reports.plots.n_curves import n_curves
from vidgauge.reports.plots.plot import Plot
from vidgauge.reports.plots.roofline import roofline
from vidgauge.reports.plots.speedups import speedups

MOST_PLOTS = 16


def plots(table: Table) -> tuple[list[Plot], int]:
    """The plots of a table, and how many more were not drawn."""
    few = [*learning_curves(table), *n_curves(table), *roofline(table), *speedups(table)]
    many = list(along(table))
    room = max(0, MOST_PLOTS - len(few))
    return [*many[:room], *few], len(many[room:])
