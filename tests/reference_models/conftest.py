"""What the tests of the reference models share."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from vidgauge.reference_models.systems import PIPELINES, PipelinePreset


@pytest.fixture(scope="module")
def toy() -> Iterator[ModuleType]:
    """The toy pipeline, registered as toy/tiny for the tests of one file."""
    spec = importlib.util.spec_from_file_location("toy_pipeline", Path(__file__).with_name("toy_pipeline.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    PIPELINES.register("toy/tiny")(PipelinePreset("a toy", module.Toy))
    yield module
    del PIPELINES._entries["toy/tiny"]
