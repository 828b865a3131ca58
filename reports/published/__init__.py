"""Numbers that papers report, one TOML file for each table: adding one is adding a file, and editing none."""

from vidgauge.registry import Registry
from vidgauge.reports.publications import Publication

PUBLICATIONS: Registry[Publication] = Registry("publication", __name__, Publication.model_validate)
