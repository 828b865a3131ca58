"""Two processes with unequal shares of the videos give, on each, the value of one process with all of them."""

import importlib.util
import json
import warnings
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from vidgauge.metrics.frechet import frechet_distance_of_features

WORKER = Path(__file__).with_name("distributed_worker.py")


@pytest.fixture(scope="module")
def worker() -> Any:  # noqa: ANN401 - a module
    """The worker's module in this process, for the same videos."""
    spec = importlib.util.spec_from_file_location("distributed_worker", WORKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ranks(worker: Any, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, Any]]]:  # noqa: ANN401
    """What the two processes found. They are forks, as a new process takes 15 seconds for its imports alone."""
    folder = tmp_path_factory.mktemp("ranks")
    processes = [get_context("fork").Process(target=worker.share, args=(rank, folder)) for rank in range(2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on: this process has threads
        for process in processes:
            process.start()
    for process in processes:
        process.join(150)
        process.kill()  # where it has not ended
    assert [process.exitcode for process in processes] == [0, 0]
    return [json.loads((folder / f"{rank}.json").read_text("utf-8")) for rank in range(2)]


@pytest.mark.filterwarnings("ignore:.*biased upwards:UserWarning")
def test_all_metrics_agree_with_one_process(ranks: list[dict[str, dict[str, Any]]], worker: Any) -> None:  # noqa: ANN401
    alone = worker.everything(slice(None), slice(None), 10)
    assert len(alone) == 5
    for rank in ranks:
        assert rank["values"] == pytest.approx(alone, rel=1e-12)
    assert ranks[0]["values"] == ranks[1]["values"]


def test_shares_may_be_empty_and_errors_leave_each_process_its_own(
    ranks: list[dict[str, dict[str, Any]]],
    worker: Any,  # noqa: ANN401 - a module
) -> None:
    features = [worker.Levels()(worker.videos(samples)) for samples in (worker.REAL, worker.MADE)]
    whole = frechet_distance_of_features(*features)
    doubled = frechet_distance_of_features(features[0].repeat(2, 1), features[1])
    for number, rank in enumerate(ranks):
        found = rank["corners"]
        assert found["lopsided"] == pytest.approx(whole, rel=1e-4)  # kept in float32
        assert found["own"] == (len(worker.MADE) + 1 if number else 1)
        assert found["idle"] == pytest.approx(whole, rel=1e-4)
        assert found["step"] == pytest.approx(whole, rel=1e-4)
        assert found["stepped"] == 2
        assert found["few"] == "fvd.shapes needs at least 2 videos in a set; one has 0"
        assert found["after"] == pytest.approx(doubled, rel=1e-4)
        assert found["mixed"] == "states of different protocols or networks cannot be put together"
