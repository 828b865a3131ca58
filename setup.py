"""Map the top-level folders onto the one import package."""

from setuptools import find_packages, setup

PARTS = ("bench", "datasets", "metrics", "reference_models", "reports")
setup(
    package_dir={"vidgauge": "src/vidgauge"} | {f"vidgauge.{part}": part for part in PARTS},
    packages=[
        *("vidgauge", *(f"vidgauge.{sub}" for sub in find_packages("src/vidgauge"))),
        # The list is computed, so that a new sub-package cannot be missing from the wheel.
        *(f"vidgauge.{name}" for part in PARTS for name in (part, *(f"{part}.{sub}" for sub in find_packages(part)))),
    ],
)
