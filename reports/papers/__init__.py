"""Tables of papers by name, one TOML file each: adding one is adding a file, and editing none."""

from vidgauge.registry import Registry
from vidgauge.reports.paper_tables import PaperTable

PAPERS: Registry[PaperTable] = Registry("paper's table", __name__, PaperTable.model_validate)
