"""Conventions of FVD on the same videos: how far one name's numbers are apart, and what moves each of them."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vidgauge.bench.contests import CONTESTS, Announce
from vidgauge.bench.contests.conventions_distances import Sets, at_infinity, by_count, distance, ratio
from vidgauge.bench.contests.conventions_looks import Look, changes, features, plain, published, roots
from vidgauge.bench.contests.conventions_videos import DAMAGE, FRAMES, HEIGHT, SEED, WIDTH, generated, real
from vidgauge.environment import Environment
from vidgauge.metrics.protocols import PROTOCOLS, Protocol
from vidgauge.record import Measure, Record, Subject

EMBEDDED, RANDOM = "embedded world", "I3D with random weights"
CLIPS, FEW, MANY = 128, 12, 1024
"""In a set: in the embedded world, where I3D looks, and for the curve in N."""
COUNTS = (32, 64, 128, 256, 512, 1024)
FVD = Measure(name="fvd", unit="1", better="lower")
RATIO = Measure(name="fvd_ratio", unit="1", better="neither")
_MADE = {
    "size": f"{FRAMES}x{HEIGHT}x{WIDTH}",
    "seed": SEED,
    "generated": {"other scenes": DAMAGE},
}
_Result = tuple[str, Protocol, Measure, dict[str, Any], dict[str, Any]]
"""Of what, by which protocol, which measure, what else tells it apart, and the fields of its record."""


@CONTESTS.register("conventions")
def conventions(environment: Environment, announce: Announce) -> Iterator[Record]:
    """FVD of the same videos by each published convention, with one thing changed at a time, and by N."""
    run = uuid.uuid4().hex
    for world, table, results in _tables(announce):
        for name, protocol, measure, config, fields in results:
            yield Record(
                subject=Subject(kind="videos", name=name, config=_MADE | {"world": world, "table": table} | config),
                measure=measure,
                protocol=protocol.ref,
                environment=environment.fingerprint,
                code=environment.code,
                run=run,
                n=config["clips"],
                **fields,
            )
    announce(1.0, "done")


def _tables(announce: Announce) -> Iterator[tuple[str, str, Iterator[_Result]]]:
    yield RANDOM, "published", _published(published(random=True), FEW, _share(announce, 0.0, 0.3, RANDOM))
    yield EMBEDDED, "published", _published(published(random=False), CLIPS, _share(announce, 0.3, 0.6, "conventions"))
    yield EMBEDDED, "changes", _changes(_share(announce, 0.6, 0.8, "one change at a time"))
    yield EMBEDDED, "counts", _counts(_share(announce, 0.8, 1.0, "more and fewer videos"))


def _published(looks: Mapping[str, Look], clips: int, tell: Callable[[float], None]) -> Iterator[_Result]:
    """Each convention's distance, and how it stands to the first one's."""
    sets = _both(looks, clips, tell)
    (first, under), config = next(iter(looks.items())), {"clips": clips, "sides": "both"}
    for name, look in looks.items():
        fixes = {"details": {"fixes": _fixes(PROTOCOLS[name])}}
        yield name, look.protocol, FVD, config, distance(sets[name], look.rule.convention) | fixes
        compared = ratio(sets[name], sets[first], (look.rule.convention, under.rule.convention))
        yield name, look.protocol, RATIO, config, compared


def _fixes(protocol: Protocol) -> dict[str, Any]:
    """What else a published convention says, for people to read."""
    samples = protocol.samples.model_dump(include={"real", "generated"})
    return {
        "epsilon": protocol.network_parameters["batch_norm_eps"],
        "resize": protocol.resize,
        "root": protocol.parameters["convention"],
        "clips": [f"{rule.frames} {rule.offset}" for rule in protocol.cuts],
        "trials": protocol.parameters.get("trials", 1),
        **samples,
    }


def _changes(tell: Callable[[float], None]) -> Iterator[_Result]:
    """Distances where both sides, or the generated one alone, are changed; and of real videos to themselves."""
    looks = changes()
    sets, convention = _both(looks, CLIPS, tell), plain().rule.model_dump()["convention"]
    before = sets["nothing"]
    for name, (real_nd, generated_nd) in sets.items():
        for sides, of_both in {"both": (real_nd, generated_nd), "generated alone": (before[0], generated_nd)}.items():
            config = {"clips": CLIPS, "sides": sides}
            yield name, looks[name].protocol, FVD, config, distance(of_both, convention)
            yield name, looks[name].protocol, RATIO, config, ratio(of_both, before, (convention, convention))
        if name != "nothing":
            config = {"clips": CLIPS, "sides": "real against themselves"}
            yield name, looks[name].protocol, FVD, config, distance((before[0], real_nd), convention, shared=True)
    for name, protocol in roots().items():
        changed, config = Look(protocol).rule.convention, {"clips": CLIPS, "sides": "both"}
        yield name, protocol, FVD, config, distance(before, changed)
        yield name, protocol, RATIO, config, ratio(before, before, (changed, convention))


def _counts(tell: Callable[[float], None]) -> Iterator[_Result]:
    """The distance to generated videos, and to other real ones, by the number of videos."""
    look = {"": Look(plain())}
    makers = {"real": real(0, MANY, FRAMES), "generated": generated(MANY, MANY, FRAMES)}
    makers["other real"] = real(2 * MANY, MANY, FRAMES)
    rows = {}
    for place, (name, clips) in enumerate(makers.items()):

        def told(done: int, place: int = place) -> None:
            tell((place + done / MANY) / len(makers))

        rows[name] = features(clips, look, told)[""]
    for name in ("generated", "other real"):
        sets = rows["real"], rows[name]
        for count, fields in by_count(sets, COUNTS):
            yield name, look[""].protocol, FVD, {"clips": count}, fields
        yield name, look[""].protocol, FVD, {"clips": MANY, "extrapolated": True}, at_infinity(sets)


def _both(looks: Mapping[str, Look], clips: int, tell: Callable[[float], None]) -> dict[str, Sets]:
    """Features of the real videos and of as many generated ones, by look."""
    of_real = features(real(0, clips), looks, lambda done: tell(done / clips / 2))
    of_generated = features(generated(clips, clips), looks, lambda done: tell((clips + done) / clips / 2))
    return {name: (of_real[name], of_generated[name]) for name in looks}


def _share(announce: Announce, start: float, end: float, what: str) -> Callable[[float], None]:
    return lambda share: announce(start + (end - start) * share, what)
