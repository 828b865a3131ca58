"""Which files are pairs, and what comes of them, over files written without loss."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vidgauge.datasets import write_video
from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.folder import Entry, list_videos
from vidgauge.datasets.loading import Clip, Failure, iterate_clips
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics.networks import build_network
from vidgauge.metrics.paired import scoring
from vidgauge.metrics.paired.evidence import PairedEvidence
from vidgauge.metrics.paired.measures.lpips import LPIPS
from vidgauge.metrics.paired.measures.psnr import PSNR
from vidgauge.metrics.paired.measures.ssim import SSIM
from vidgauge.metrics.paired.pairing import pair_entries
from vidgauge.metrics.paired.scoring import Comparison, measure_pairs

Write = Callable[..., Path]
FIRST = ClipRule(frames=4)


def noise(seed: int, frames: int = 6, height: int = 24, width: int = 20) -> Tensor:
    return torch.randint(0, 256, (frames, height, width, 3), generator=torch.Generator().manual_seed(seed)).byte()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(name: str, frames_thwc: Tensor, fps: float = 8) -> Path:
        write_video(tmp_path / name, frames_thwc, fps)
        return tmp_path / name

    return write_file


def measured(
    real: Path,
    generated: Path,
    rule: ClipRule = FIRST,
    comparison: Comparison | None = None,
    *,
    workers: int = 0,
    strict: bool = False,
) -> PairedEvidence:
    comparisons = {"one": comparison or Comparison(PSNR())}
    found = measure_pairs(
        list_videos(real),
        list_videos(generated),
        rule,
        comparisons,
        workers=workers,
        strict=strict,
        advance=lambda: None,
    )
    return found["one"]


def psnr(real: Tensor, generated: Tensor) -> list[float]:
    """Of each frame, THWC bytes."""
    errors = ((real.double() - generated.double()) / 255).square().mean(dim=(1, 2, 3))
    return [min(100.0, -10 * math.log10(error)) if error else 100.0 for error in errors.tolist()]


def failures(evidence: PairedEvidence) -> dict[str, str]:
    """Reasons by side and file."""
    return {f"{side}/{item.file}": item.reason for side, found in evidence.sides.items() for item in found.failed}


def entries(*ids: str) -> list[Entry]:
    return [Entry(name, f"/videos/{name}") for name in ids]


def test_pairs_have_one_name_whatever_the_extension() -> None:
    pairing = pair_entries(entries("a.mp4", "b/a.AVI", "v1.5", "x.npy"), entries("b/a.mkv", "v1.5", "a.mkv", "x"))
    assert [(pair.name, pair.real.id, pair.generated.id) for pair in pairing.pairs] == [
        ("b/a", "b/a.AVI", "b/a.mkv"),
        ("v1.5", "v1.5", "v1.5"),  # folders of frames
        ("a", "a.mp4", "a.mkv"),
        ("x", "x.npy", "x"),
    ]
    assert pairing.alone == {"real": [], "generated": []}


def test_files_without_a_partner_are_named() -> None:
    pairing = pair_entries(entries("a.mp4", "b.mp4"), entries("c/a.mp4", "b.mp4", "d.mp4"))
    assert [pair.name for pair in pairing.pairs] == ["b"]
    assert [(item.file, item.reason) for item in pairing.alone["real"]] == [
        ("a.mp4", "has no partner: no generated video is called 'a'")
    ]
    assert [(item.file, item.reason) for item in pairing.alone["generated"]] == [
        ("c/a.mp4", "has no partner: no real video is called 'c/a'"),
        ("d.mp4", "has no partner: no real video is called 'd'"),
    ]


def test_two_of_one_name_are_refused() -> None:
    twice = entries("a.mp4", "b.mp4", "a.mkv")
    with pytest.raises(UsageError, match=r"generated videos /videos/a\.mp4 and /videos/a\.mkv are both called 'a'"):
        pair_entries(entries("a.mp4", "b.mp4"), twice)
    with pytest.raises(UsageError, match=r"^real videos .* give one of them$"):
        pair_entries(twice, entries("a.mp4"))


def test_one_video_against_one_is_a_pair_whatever_the_names() -> None:
    (pair,) = pair_entries(entries("x.mp4"), entries("y/z.mkv")).pairs
    assert (pair.real.id, pair.generated.id) == ("x.mp4", "y/z.mkv")
    assert pair_entries(entries("x.mp4"), entries("y.mp4", "z.mp4")).pairs == []


def test_every_measure_of_every_pair_in_one_pass(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []

    def counted(given: list[Entry], *rest: Any) -> Iterator[Clip | Failure]:  # noqa: ANN401
        decoded.extend(str(entry.path) for entry in given)
        return iterate_clips(given, *rest)

    monkeypatch.setattr(scoring, "iterate_clips", counted)
    videos = {(side, name): noise(seed, height=33, width=35) for seed, (side, name) in enumerate(
        (side, name) for side in ("real", "made") for name in ("cat/1", "cat/2", "dog")
    )}  # fmt: skip
    for (side, name), frames in videos.items():
        write(f"{side}/{name}.mkv" if side == "real" else f"{side}/{name}.npy", frames)
    network = build_network("lpips", seed=3).double()
    rules = {
        "psnr": Comparison(PSNR()),
        "psnr, clips": Comparison(PSNR(convention="torchmetrics")),
        "ssim": Comparison(SSIM()),
        "lpips": Comparison(LPIPS(), network),
    }
    ticks: list[None] = []
    found = measure_pairs(
        list_videos(tmp_path / "real"),
        list_videos(tmp_path / "made"),
        ClipRule(frames=3, offset="all"),
        rules,
        workers=2,
        strict=True,
        advance=lambda: ticks.append(None),
    )
    assert list(found) == list(rules)
    assert len(ticks) == 6
    assert sorted(decoded) == sorted(set(decoded))
    for name, evidence in found.items():
        rule = rules[name].rule
        expected_frames = []
        for video in ("cat/1", "cat/2", "dog"):
            real, made = (videos[side, video].permute(0, 3, 1, 2) for side in ("real", "made"))
            for start in (0, 3):
                clips = real[start : start + 3], made[start : start + 3]
                expected_frames.append(rule.frames(*clips, rules[name].network))
        assert np.array(evidence.frames) == pytest.approx(np.array(expected_frames), rel=1e-9)
        assert evidence.values_n == pytest.approx([rule.clip(frames) for frames in expected_frames], rel=1e-9)
        assert evidence.sources == [str(tmp_path / f"made/{n}.npy") for n in ("cat/1", "cat/2", "dog") for _ in "ab"]
        assert evidence.sides["real"].sources[0] == str(tmp_path / "real/cat/1.mkv")
        assert failures(evidence) == {}
        assert evidence.notes == []
        assert rule.statistic(evidence)() == pytest.approx(evidence.values_n.mean())
    by_hand = [psnr(videos["real", n], videos["made", n]) for n in ("cat/1", "cat/2", "dog")]
    assert np.concatenate(found["psnr"].frames) == pytest.approx(np.concatenate(by_hand), rel=1e-7)


def test_a_constant_offset_has_its_psnr(write: Write) -> None:
    real = noise(1).clamp(max=245)
    evidence = measured(write("a.mkv", real), write("b.mkv", real + 10))
    assert evidence.values_n == pytest.approx([-20 * math.log10(10 / 255)], rel=1e-7)


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_and_parts_do_not_change_a_bit(
    write: Write, tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed, name in enumerate(("a", "b", "c")):
        write(f"real/{name}.mkv", noise(seed))
        write(f"made/{name}.mkv", noise(seed + 10))
    alone = measured(tmp_path / "real", tmp_path / "made", comparison=Comparison(SSIM()))
    monkeypatch.setattr(scoring, "_PIXELS", 1)  # frame by frame
    again = measured(tmp_path / "real", tmp_path / "made", comparison=Comparison(SSIM()), workers=workers)
    assert again.values_n == pytest.approx(alone.values_n, rel=1e-12)
    assert again.sources == alone.sources


def test_equal_videos(write: Write, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(f"real/{name}.mkv", noise(1))
        write(f"made/{name}.mkv", noise(1))
    sides = tmp_path / "real", tmp_path / "made"
    network = build_network("lpips", backbone="vgg")
    for comparison, expected in (
        (Comparison(PSNR()), 100),
        (Comparison(SSIM()), 1),
        (Comparison(LPIPS(), network), 0),
    ):
        evidence = measured(*sides, comparison=comparison)
        assert comparison.rule.statistic(evidence)() == pytest.approx(expected, abs=1e-12)
    rule = PSNR(convention="torchmetrics")
    with pytest.raises(UsageError, match=r"equal videos have no finite PSNR: .*made/a\.mkv and 1 more"):
        rule.statistic(measured(*sides, comparison=Comparison(rule)))


def test_what_cannot_be_compared_is_named_and_the_rest_is(write: Write, tmp_path: Path) -> None:
    kept = noise(1), noise(2)
    for side, frames in zip(("real", "made"), kept, strict=True):
        write(f"{side}/good.mkv", frames)
        write(f"{side}/only-{side}.mkv", frames)
        for name in ("broken-made", "broken-real", "broken-both", "size", "short"):
            write(f"{side}/{name}.mkv", frames)
    for side, name in (
        ("made", "broken-made"),
        ("real", "broken-real"),
        ("real", "broken-both"),
        ("made", "broken-both"),
    ):
        (tmp_path / side / f"{name}.mkv").write_bytes(b"no video")
    write("made/size.mkv", noise(2, height=20, width=24))
    write("made/short.mkv", noise(2, frames=3))
    ticks: list[None] = []
    sides = list_videos(tmp_path / "real"), list_videos(tmp_path / "made")
    found = measure_pairs(
        *sides,
        FIRST,
        {"psnr": Comparison(PSNR()), "ssim": Comparison(SSIM())},
        workers=0,
        strict=False,
        advance=lambda: ticks.append(None),
    )
    assert len(ticks) == len(sides[0]) + len(sides[1])
    assert failures(found["psnr"]) == failures(found["ssim"])
    assert sorted(reasons := failures(found["psnr"])) == [
        "generated/broken-both.mkv",
        "generated/broken-made.mkv",
        "generated/only-made.mkv",
        "generated/short.mkv",
        "generated/size.mkv",
        "real/broken-both.mkv",
        "real/broken-real.mkv",
        "real/only-real.mkv",
    ]
    assert reasons["generated/size.mkv"] == ("has frames of 24x20, the real video of 20x24; make them equal first")
    assert "has 3 frames, but a clip spans 4" in reasons["generated/short.mkv"]
    assert reasons["real/only-real.mkv"] == "has no partner: no generated video is called 'only-real'"
    assert found["psnr"].sources == [str(tmp_path / "made/good.mkv")]
    assert found["psnr"].frames[0] == pytest.approx(psnr(kept[0][:4], kept[1][:4]), rel=1e-7)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("only", "generated only.mkv: has no partner"),
        ("size", "generated size.mkv: has frames of 24x20"),
        ("broken", "broken.mkv"),
    ],
)
def test_strict_refuses_each_of_these(write: Write, tmp_path: Path, name: str, message: str) -> None:
    for side in ("real", "made"):
        write(f"{side}/good.mkv", noise(1))
        write(f"{side}/{name}.mkv", noise(1) if side == "real" else noise(1, height=20, width=24))
    if name == "only":
        (tmp_path / "real/only.mkv").unlink()
    if name == "broken":
        (tmp_path / "made/broken.mkv").write_bytes(b"no video")
    with pytest.raises(VidgaugeError, match=message):
        measured(tmp_path / "real", tmp_path / "made", strict=True)
    assert len(measured(tmp_path / "real", tmp_path / "made")) == 1


def test_videos_of_other_lengths_are_compared_as_far_as_both_go(write: Write) -> None:
    real, made = noise(1, frames=11), noise(2, frames=6)
    files = write("real.mkv", real), write("made.mkv", made)
    evidence = measured(*files, ClipRule(frames=2, offset="all"))
    assert evidence.notes == [
        "where a video is longer than its partner, its last clips are left out: 2 in 1 of the pairs"
    ]
    assert failures(evidence) == {}
    assert np.concatenate(evidence.frames) == pytest.approx(psnr(real[:6], made), rel=1e-7)
    assert measured(*files, FIRST).notes == []
    sliding = measured(*files, ClipRule(frames=2, offset="sliding", step=4))
    assert [len(frames) for frames in sliding.frames] == [2, 2]
    assert sliding.frames[1] == pytest.approx(psnr(real[4:6], made[4:6]), rel=1e-7)


@pytest.mark.parametrize("offset", ["centre", "random"])
def test_where_the_length_says_where_a_clip_lies_lengths_must_be_equal(
    write: Write, tmp_path: Path, offset: str
) -> None:
    rule = ClipRule.model_validate({"frames": 2, "offset": offset})
    real, made = noise(1, frames=40), noise(2, frames=40)
    write("real/a.mkv", real)
    write("made/a.npy", made)
    (evidence,) = measured(tmp_path / "real", tmp_path / "made", rule).frames
    starts = [
        start for start in range(39) if evidence == pytest.approx(psnr(real[start:][:2], made[start:][:2]), rel=1e-7)
    ]
    assert len(starts) == 1  # the same frames of both, though the files' names end otherwise
    write("made/a.npy", made[:31])
    other = measured(tmp_path / "real", tmp_path / "made", rule)
    assert len(other) == 0
    assert f"with the offset {offset!r} that hangs on the length" in failures(other)["generated/a.npy"]


def test_whole_videos_must_have_one_length(write: Write) -> None:
    rule = ClipRule.model_validate({"frames": 1, "offset": "whole"})
    real, made = noise(1, frames=7), noise(2, frames=7)
    file = write("real.mkv", real)
    assert measured(file, write("made.mkv", made), rule).frames[0] == pytest.approx(psnr(real, made), rel=1e-7)
    other = measured(file, write("other.mkv", made[:6]), rule)
    assert failures(other) == {"generated/other.mkv": "has 6 frames, the real video 7; take clips of a fixed length"}


def test_clips_in_time_may_begin_at_other_frames(write: Write) -> None:
    real, made = noise(1, frames=24), noise(2, frames=12)
    files = write("real.mkv", real, fps=16), write("made.mkv", made, fps=8)
    evidence = measured(*files, ClipRule(frames=3, fps=4, offset="all"))
    expected = psnr(real[::4], made[::2])
    assert np.concatenate(evidence.frames) == pytest.approx(expected, rel=1e-7)
    for offset in ("centre", "random"):
        rule = ClipRule.model_validate({"frames": 3, "fps": 4, "offset": offset})
        with pytest.raises(UsageError, match=f"offset='{offset}' with fps could begin at other times"):
            measured(*files, rule)


@pytest.mark.parametrize("short", ["loop", "pad"])
def test_frames_are_not_made_up(write: Write, short: str) -> None:
    file = write("a.mkv", noise(1))
    with pytest.raises(UsageError, match=f"short='{short}' makes up frames"):
        measured(file, file, ClipRule.model_validate({"short": short}))


def test_frames_too_small_for_one_measure_are_its_own_failure(write: Write, tmp_path: Path) -> None:
    for side in ("real", "made"):
        write(f"{side}/small.mkv", noise(1, height=10))
        write(f"{side}/large.mkv", noise(1))
    sides = tmp_path / "real", tmp_path / "made"
    evidence = measured(*sides, ClipRule(frames=2, offset="all"), Comparison(SSIM()))
    assert failures(evidence) == {"generated/small.mkv": "has frames of 20x10; ssim needs 11 pixels"}
    assert len(evidence) == 3
    assert failures(measured(*sides, comparison=Comparison(PSNR()))) == {}
    with pytest.raises(VidgaugeError, match=r"generated small\.mkv: has frames of 20x10"):
        measured(*sides, comparison=Comparison(SSIM()), strict=True)


def test_a_file_that_breaks_in_the_middle_gives_its_whole_clips(write: Write, tmp_path: Path) -> None:
    real, made = noise(1, frames=12), noise(2, frames=12)
    write("real/a.mkv", real)
    for number, frame in enumerate(made):
        write(f"frames/{number}", frame[None])
    folder = tmp_path / "made" / "a"
    folder.mkdir(parents=True)
    for number in range(12):
        (tmp_path / f"frames/{number}/000000.png").rename(folder / f"{number:02d}.png")
    (folder / "07.png").write_bytes((folder / "07.png").read_bytes()[:200])
    evidence = measured(tmp_path / "real", tmp_path / "made", ClipRule(frames=3, offset="all"))
    assert "07.png" in failures(evidence)["generated/a"]
    assert np.concatenate(evidence.frames) == pytest.approx(psnr(real[:6], made[:6]), rel=1e-7)
    assert evidence.notes == []


def test_without_any_pair_the_score_says_why(write: Write, tmp_path: Path) -> None:
    for name in ("real/a", "real/b", "made/c", "made/d"):
        write(f"{name}.mkv", noise(1))
    evidence = measured(tmp_path / "real", tmp_path / "made")
    assert len(evidence) == 0
    with pytest.raises(
        UsageError, match=r"generated c\.mkv has no partner: no real video is called 'c' \(and 3 more files"
    ):
        PSNR().statistic(evidence)


def test_a_measure_without_its_network_fails_before_any_file_is_read() -> None:
    with pytest.raises(UsageError, match="it was given none"):
        measure_pairs(
            entries("a.mp4"),
            entries("a.mp4"),
            FIRST,
            {"lpips": Comparison(LPIPS())},
            workers=0,
            strict=False,
            advance=lambda: None,
        )
