"""Going on from trained weights: no phase of any system begins anew what they have learnt."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vidgauge.reference_models.pipeline import Phase, Pipeline, Step, _nothing
from vidgauge.reference_models.systems import build_pipeline
from vidgauge.reference_models.training import trainer
from vidgauge.reference_models.training.budget import chosen
from vidgauge.reference_models.training.data import Shapes
from vidgauge.reference_models.training.request import Request
from vidgauge.reference_models.training.seeds import seed_of
from vidgauge.reference_models.training.trainer import train
from vidgauge.reference_models.training.weights import Facts, load_pipeline, save_weights

pytestmark = pytest.mark.long

BEGINNING = ["gentron/tiny", "make-a-video/tiny", "video-ldm/tiny", "walt/tiny"]
OTHERS = ["imagen-video/tiny", "vdm/tiny"]
SMALL_STEP = 1e-9


def stirred(system: str) -> Pipeline:
    """Weights that no phase would begin with, latents measured: what a trained system looks like."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        pipeline = build_pipeline(system)
        with torch.no_grad():
            for parameter in pipeline.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
            for name, buffer in pipeline.named_buffers():
                if name.endswith("normalisation.count"):
                    buffer.fill_(1)
                elif name.endswith("normalisation.deviation"):
                    buffer.fill_(0.5)
    return pipeline


def single(phases: Sequence[Phase]) -> list[Phase]:
    """With one clip a step."""
    return [replace(phase, batch=1) for phase in phases]


@pytest.fixture
def made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "chosen", lambda phases, names: chosen(single(phases), names))


@pytest.mark.usefixtures("made_small")
@pytest.mark.parametrize("system", BEGINNING)
def test_every_phase_goes_on_from_what_was_learnt(system: str, tmp_path: Path) -> None:
    """The first loss of each phase is that of the begun weights; a rate of next to nothing leaves them as they are."""
    pipeline = stirred(system)
    phases = single(pipeline.phases())
    assert any(phase.begin is not _nothing for phase in phases)
    steps = {phase.name: 1 for phase in phases}
    facts = Facts(
        request=Request(system=system, data=Shapes.facts), steps=steps, losses={}, seconds=0.0,
        parameters=0, gives=(16, 32, 32), commit="", torch="", device="cpu",
    )  # fmt: skip
    save_weights(pipeline, facts, tmp_path / "begin.safetensors")
    wanted = {}
    for phase in phases:
        pipeline.learn(phase)
        seed = seed_of(0, phase.name, 0)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            step = Step(0, 1, phase.batch, torch.Generator().manual_seed(seed), Shapes())
            wanted[phase.name] = phase.loss(step).item()
    asked = Request(system=system, data=Shapes.facts, steps=len(phases), begin="their digest", learning_rate=SMALL_STEP)
    found = train(asked, Shapes(), tmp_path / "tuned", begin=tmp_path / "begin.safetensors")
    assert found.losses == pytest.approx(wanted, rel=1e-4)
    tuned, _ = load_pipeline(tmp_path / "tuned" / "weights.safetensors")
    for name, tensor in pipeline.state_dict().items():
        torch.testing.assert_close(tuned.state_dict()[name], tensor, rtol=0, atol=1e-6, msg=name)


@pytest.mark.parametrize("system", OTHERS)
def test_the_phases_of_the_others_take_over_nothing(system: str) -> None:
    """So that there is nothing to be begun anew."""
    assert all(phase.begin is _nothing for phase in build_pipeline(system, device="meta").phases())
