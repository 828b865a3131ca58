"""A plugin for pytest: every layer of a suite as a benchmark of pytest-benchmark.

``pytest -p vidgauge.bench.pytest_suites --vidgauge-suite quick --benchmark-json quick.json`` runs them, nothing else.
pytest-benchmark times one layer after the other, so what its table shows between two of them includes what the machine
did in between; ``vidgauge profile`` interleaves them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from vidgauge.bench.case_subject import case_subject
from vidgauge.bench.messages import Built, Job, Message, Probed
from vidgauge.bench.parts import Part, check_parts, parts
from vidgauge.bench.profiling import find_suite
from vidgauge.bench.suite import Device, Suite, Variant
from vidgauge.bench.timing.rounds import Action, TimingRule
from vidgauge.bench.variant_facts import KEY, VariantFacts
from vidgauge.bench.worker import allow_tf32, prepare
from vidgauge.environment import Environment
from vidgauge.errors import UsageError

_SEED = 0
_BENCHMARKS = Path(__file__).with_name("benchmarks.py")


@dataclass(frozen=True)
class Asked:
    """A variant at one part of a suite."""

    suite: Suite
    part: Part
    variant: Variant
    device: Device

    @property
    def group(self) -> str:
        """What all variants of its part share: pytest-benchmark makes one table of them."""
        shape = "x".join(map(str, self.part.shape))
        return f"{self.part.case.name}-{self.part.dtype}-{self.part.direction}-{shape}"

    @property
    def name(self) -> str:
        """Its name among all benchmarks."""
        return f"{self.group}-{self.variant.name}"

    @property
    def threads(self) -> int:
        """Inside one operator."""
        return self.suite.threads or torch.get_num_threads()

    @property
    def job(self) -> Job:
        """What a worker would be asked for, with this variant alone."""
        whole = self.part.job(self.suite, device=self.device, threads=self.threads, seed=_SEED)
        # The rule's clock, the wall's, makes every call wait for the GPU.
        return whole.model_copy(update={"variants": [self.variant], "rule": TimingRule()})


@dataclass(frozen=True)
class Ready:
    """A layer that was called once, and what is known of it."""

    group: str
    action: Action
    facts: VariantFacts


_PLAN = pytest.StashKey[dict[str, Asked]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which suite, and where it runs."""
    group = parser.getgroup("vidgauge")
    group.addoption("--vidgauge-suite", metavar="SUITE", help="Run a suite's layers (a name or a TOML file) alone.")
    group.addoption("--vidgauge-device", choices=("cpu", "cuda"), default="cpu", help="Where they run: cpu or cuda.")


def pytest_configure(config: pytest.Config) -> None:
    """Plan the benchmarks: of the session's files only ours is left."""
    name, device = config.getoption("--vidgauge-suite"), config.getoption("--vidgauge-device")
    if name is None:
        return
    if not config.pluginmanager.hasplugin("benchmark"):
        raise pytest.UsageError("a suite needs pytest-benchmark; install it with: pip install pytest-benchmark")
    if device == "cuda" and not torch.cuda.is_available():
        raise pytest.UsageError("there is no CUDA device here; take --vidgauge-device cpu")
    try:
        config.stash[_PLAN] = {asked.name: asked for asked in _plan(find_suite(name), device)}
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    config.args = [str(_BENCHMARKS)]


def _plan(suite: Suite, device: Device) -> Iterator[Asked]:
    """Every variant at every part that has a time: searches for the largest extent have none."""
    timed = [part for part in parts(suite) if not part.case.largest]
    check_parts(suite, timed)
    for part in timed:
        yield from (Asked(suite, part, variant, device) for variant in part.variants)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each variant."""
    if "ready_layer" in metafunc.fixturenames:
        plan = metafunc.config.stash[_PLAN]
        metafunc.parametrize("ready_layer", list(plan), indirect=True, ids=list(plan))


@pytest.fixture
def ready_layer(request: pytest.FixtureRequest) -> Ready:
    """The layer, built and called once; what this machine lacks is skipped."""
    asked = request.config.stash[_PLAN][request.param]
    if reason := asked.part.why_not(asked.device):
        pytest.skip(reason)
    torch.set_num_threads(asked.threads)
    allow_tf32(asked.part.dtype == "tf32")
    heard: list[Message] = []
    try:
        action = prepare(asked.variant, asked.job, lambda *_: None, heard.append)
    except (UsageError, NotImplementedError) as error:
        pytest.skip(" ".join(str(error).split()))
    built, probed = heard
    assert isinstance(built, Built)
    assert isinstance(probed, Probed)
    return Ready(asked.group, action, _facts(asked, built, probed))


def _facts(asked: Asked, built: Built, probed: Probed) -> VariantFacts:
    subject = case_subject(asked.suite, asked.part, asked.job, asked.variant, probed.backends)
    return VariantFacts(
        name=subject.name,
        kind=asked.variant.kind,
        baseline=asked.part.case.baseline,
        config=subject.config,
        cost=built.cost,
        compile_seconds=probed.compile_seconds,
        graph_breaks=probed.graph_breaks,
    )


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Add what pytest-benchmark does not see of the machine: threads, GPU, libraries, our commit."""
    if _PLAN in config.stash:
        threads = next(iter(config.stash[_PLAN].values())).threads
        machine_info[KEY] = Environment.capture().model_dump(mode="json") | {"threads": threads}
