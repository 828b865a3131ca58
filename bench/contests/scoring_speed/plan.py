"""What the contest measures and in which sizes, part by part; each part is one process and one interleaved run."""

from typing import Annotated, Literal

from pydantic import Field

from vidgauge.record import Frozen


class Rounds(Frozen):
    """How long a comparison goes on."""

    fewest: int
    """Rounds; with fewer than nine a ratio has no interval."""
    seconds: float
    """Beyond the fewest, further rounds are run while they fit into this."""


class Part(Frozen):
    """One piece of the contest."""

    title: str
    expected_seconds: float
    """Roughly, with two cores free: for the progress display and for what still fits alone."""
    threads: int = 2
    """For networks and linear algebra, ours and the others' alike."""


class Videos(Part):
    """From files to the number, beside others and beside the network alone."""

    kind: Literal["videos"] = "videos"
    protocol: str
    """Ours."""
    random_weights: bool
    """For networks whose weights do not come with the package."""
    clips: int
    """In each of both sets, a file each."""
    frames: int
    height: int
    width: int
    workers: int
    """Decoder processes of ours."""
    peers: bool
    """Whether others know this network."""
    rounds: Rounds
    twice: bool = True
    """Whether ours runs a second time in each round, so that the noise floor is seen."""


class Layers(Part):
    """The layers of the I3D that convolve, one by one, beside the fastest convolution of this machine."""

    kind: Literal["layers"] = "layers"
    clips: int
    """In a batch: the I3D takes them one by one."""
    frames: int
    most: int
    """Layers that are measured at most, the longest first."""
    largest_flops: int
    """Of the convolutions that may set the ceiling."""
    rounds: Rounds
    """For each layer."""


class Distances(Part):
    """The Fréchet distance from means and covariances."""

    kind: Literal["distances"] = "distances"
    dimension: int
    samples: int
    """Of each set that covariances are estimated from; no more than dimensions make them singular."""
    rounds: Rounds


class StandardErrors(Part):
    """A standard error from influences beside exact bootstrap replicates, and these beside plain loops."""

    kind: Literal["standard-errors"] = "standard-errors"
    dimension: int
    samples: int
    replicates: int
    """That a bootstrap has."""
    in_a_round: int
    """Replicates that plain loops are compared by."""
    rounds: Rounds


class Rescoring(Part):
    """The whole command on files that it has not seen, and again."""

    kind: Literal["rescoring"] = "rescoring"
    protocol: str
    random_weights: bool
    clips: int
    """In each of both sets."""
    frames: int
    height: int
    width: int
    again: int
    """How often the command is repeated."""


class Memory(Part):
    """Peak resident memory of the whole command on few clips and on many."""

    kind: Literal["memory"] = "memory"
    protocols: tuple[str, ...]
    few: int
    """Real videos, and generated ones of the first run."""
    many: int
    """Generated videos of the second run."""
    frames: int
    size: int
    """Height and width."""


AnyPart = Annotated[
    Videos | Layers | Distances | StandardErrors | Rescoring | Memory,
    Field(discriminator="kind"),
]


def plan() -> list[AnyPart]:
    """All parts; those that take long and say least come last."""
    files = {"frames": 16, "height": 240, "width": 320}
    return [
        Videos(
            title="I3D",
            expected_seconds=300,
            protocol="fvd.cd-fvd-i3d",
            random_weights=True,
            clips=6,
            workers=2,
            peers=True,
            rounds=Rounds(fewest=9, seconds=60),
            **files,
        ),
        Videos(
            title="I3D alone",
            expected_seconds=360,
            protocol="fvd.cd-fvd-i3d",
            random_weights=True,
            clips=24,  # the others would take an hour
            workers=2,
            peers=False,
            rounds=Rounds(fewest=9, seconds=1),
            twice=False,
            **files,
        ),
        Videos(
            title="light network",
            expected_seconds=150,
            protocol="fvd.shapes",
            random_weights=False,
            clips=64,
            workers=2,
            peers=False,
            rounds=Rounds(fewest=9, seconds=20),
            **files,
        ),
        Layers(
            title="layers of I3D",
            expected_seconds=60,
            clips=1,
            frames=16,
            most=100,
            largest_flops=6 * 10**9,
            rounds=Rounds(fewest=9, seconds=0.1),
        ),
        _distances(400, 5000, 20, Rounds(fewest=9, seconds=15)),
        _distances(400, 2048, 20, Rounds(fewest=9, seconds=15)),
        StandardErrors(
            title="standard errors",
            expected_seconds=90,
            dimension=400,
            samples=2048,
            replicates=1000,
            in_a_round=16,
            rounds=Rounds(fewest=9, seconds=20),
        ),
        Rescoring(
            title="scoring again",
            expected_seconds=250,
            protocol="fvd.stylegan-v",
            random_weights=True,
            clips=256,
            again=3,
            **files,
        ),
        _distances(1408, 5000, 100, Rounds(fewest=5, seconds=1)),
        _distances(2048, 5000, 160, Rounds(fewest=2, seconds=1)),
        Memory(
            title="memory",
            expected_seconds=180,
            protocols=("fvd.shapes", "kvd.shapes", "is.shapes"),
            few=200,
            many=20_000,
            frames=16,
            size=16,
        ),
        _distances(1408, 2048, 100, Rounds(fewest=5, seconds=1)),
        _distances(2048, 2048, 160, Rounds(fewest=2, seconds=1)),
    ]


def _distances(dimension: int, samples: int, expected_seconds: float, rounds: Rounds) -> Distances:
    return Distances(
        title=f"Fréchet distance, d={dimension}, N={samples}",
        expected_seconds=expected_seconds,
        dimension=dimension,
        samples=samples,
        rounds=rounds,
    )
