"""The suites: one TOML file each."""

from vidgauge.bench.suite import Suite, parse_suite
from vidgauge.registry import Registry

SUITES: Registry[Suite] = Registry("suite", "vidgauge.bench.suites", parse=parse_suite)
