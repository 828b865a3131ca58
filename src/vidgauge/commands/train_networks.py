"""``vidgauge train-networks``: make the networks that ship with the package again, or check them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidgauge.errors import UsageError, VidgaugeError, near_misses

if TYPE_CHECKING:
    from vidgauge.metrics.training.held_out import Score


def train_networks(
    names: Annotated[list[str] | None, typer.Argument(help="Weights to train or check; all, if none is named.")] = None,
    out: Annotated[Path, typer.Option(help="Where weights, cards and checkpoints go.")] = Path("networks"),
    steps: Annotated[int | None, typer.Option(min=1, help="Train each for so many steps instead of its own.")] = None,
    clips: Annotated[int, typer.Option(min=40, help="How many held-out clips to score on.")] = 2000,
    check: Annotated[bool, typer.Option("--check", help="Train nothing; score the weights that ship.")] = False,
) -> None:
    """Train the embedded networks on Moving Shapes, going on where an earlier run into the same folder stopped."""
    from vidgauge.metrics.networks import build_network
    from vidgauge.metrics.training.held_out import SCORES
    from vidgauge.metrics.training.recipes import RECIPES

    chosen = names or list(RECIPES)
    for name in chosen:
        if name not in RECIPES:
            raise UsageError(f"there are no embedded weights {name!r}; {near_misses(name, list(RECIPES))}")
    missed = []
    for name in chosen:
        if check:
            scores = SCORES[name](build_network(RECIPES[name].network, weights=name), clips)
        else:
            scores = _train(name, out, steps, clips)
        for score in scores:
            typer.echo(_line(score))
        missed += [score.name for score in scores if not score.met]
    if missed:
        raise VidgaugeError(f"below the bar: {', '.join(missed)}")


def _train(name: str, out: Path, steps: int | None, clips: int) -> "list[Score]":
    from dataclasses import replace

    from vidgauge.metrics.networks import build_network
    from vidgauge.metrics.training.fitting import fit
    from vidgauge.metrics.training.held_out import SCORES
    from vidgauge.metrics.training.recipes import RECIPES
    from vidgauge.metrics.training.shipping import ship, training_facts
    from vidgauge.progress import progress_bar

    out.mkdir(parents=True, exist_ok=True)
    recipe = RECIPES[name]
    plan = replace(recipe.plan, steps=steps) if steps else recipe.plan
    network = build_network(recipe.network, seed=plan.data_seed).requires_grad_(True)
    with progress_bar() as progress:
        task = progress.add_task(name, total=plan.steps)
        seconds = fit(
            network,
            lambda step: recipe.loss(network, plan, step),
            plan,
            out / f"{name}.checkpoint.pt",
            lambda done: progress.update(task, completed=done),
        )
    scores = SCORES[name](network.eval(), clips)
    command = f"vidgauge train-networks {name}" + (f" --steps {steps}" if steps else "")
    ship(name, network, out, training_facts(command, plan.data_seed, seconds, scores))
    return scores


def _line(score: "Score") -> str:
    low, high = score.interval
    wanted = f"  wanted: {score.floor:.3f} to {score.ceiling:.3f}" if (score.floor, score.ceiling) != (0, 1) else ""
    return f"{score.name:<20} {score.value:.4f}  [{low:.4f}, {high:.4f}]  n={score.n}{wanted}"
