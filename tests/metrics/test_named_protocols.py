"""The published protocols: all there, each says what it must, and any runs: with random weights, or as '*.shapes'."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vidgauge.cli import run
from vidgauge.datasets import read_video, write_video
from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.folder import list_videos
from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.datasets.spatial.rule import SpatialRule
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics import build_network, score
from vidgauge.metrics.frechet import frechet_distance_of_features
from vidgauge.metrics.looks import Look, looks_of
from vidgauge.metrics.networks import NETWORKS, InputSpec
from vidgauge.metrics.protocols import PROTOCOLS, Protocol
from vidgauge.metrics.protocols.shapes import in_shapes
from vidgauge.metrics.weights import CARDS
from vidgauge.record import Record
from vidgauge.reports.ranking import standings

NAMED = [
    *("fvd.tf", "fvd.stylegan-v", "fvd.videogpt", "fvd.tats", "fvd.digan", "fvd.cd-fvd-i3d", "fvd.magvit"),
    *("fvd.fastvideo", "cd-fvd", "kvd.tats", "kvd.digan", "is.tgan", "is.tganv2", "is.stylegan-v", "is.magvit"),
    *("clipsim.godiva", "clipsim.vit-l-14", "clipsim.squash", "clipsim.embedding-mean", "clipsim.ratio"),
    *("clipscore.hessel", "clipscore.torchmetrics"),
    *(f"frame-consistency.{pairs}" for pairs in ("consecutive", "all-pairs", "vbench", "first")),
    *(f"fid.frames.{package}" for package in ("pytorch-fid", "clean-fid", "torch-fidelity", "torchmetrics")),
    "kid.frames",
    *("psnr.frame-mean", "psnr.torchmetrics", "ssim.valid", "ssim.same-zero", "ssim.torchmetrics"),
    *("lpips.alex", "lpips.vgg", "lpips.alex-spatial"),
]
TASKS = [name for name in PROTOCOLS.names() if PROTOCOLS[name].task]
OPEN = [name for name in PROTOCOLS.names() if PROTOCOLS[name].world == "open" and not PROTOCOLS[name].any_rule.paired]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``real`` (3 videos of 20 frames) and ``made`` (2), with captions of both."""
    folder = tmp_path_factory.mktemp("videos")
    for name, seed, count in (("real", 41, 3), ("made", 42, 2)):
        rows = []
        for sample in MovingShapes(frames=20, height=40, width=48, seed=seed, count=count):
            write_video(folder / name / f"{sample.id}.mkv", sample.frames_thwc, sample.fps)
            rows.append((f"{sample.id}.mkv", sample.caption))
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("file", "caption"), *rows])
    return folder


def test_all_named_protocols_exist_and_have_a_form_in_the_embedded_world() -> None:
    assert set(NAMED) <= set(PROTOCOLS.names())
    for name in NAMED:
        counterpart = f"{name}.shapes"
        assert (counterpart in PROTOCOLS) == (PROTOCOLS[name].network not in ("lpips", "")), name
        if counterpart in PROTOCOLS:
            theirs, ours = PROTOCOLS[name], PROTOCOLS[counterpart]
            assert ours.world == "embedded"
            assert (ours.resize, ours.cuts, ours.samples) == (theirs.resize, theirs.cuts, theirs.samples)
            assert ours.ref.fingerprint != theirs.ref.fingerprint


@pytest.mark.parametrize("name", OPEN)
def test_a_protocol_asks_its_network_for_what_it_gives(name: str) -> None:
    """On the meta device: networks of a billion parameters need no memory there."""
    protocol = PROTOCOLS[name]
    assert protocol.weights in CARDS
    with torch.device("meta"):
        network: Any = NETWORKS[protocol.network](**protocol.network_parameters).eval()
        clip = torch.zeros(1, 3, protocol.clip.frames, network.input.height, network.input.width)
        outputs: dict[str, Tensor] = network.extract(clip)
    assert protocol.rule.output in outputs


def test_conventions_of_one_measure_differ_in_what_papers_differ_in() -> None:
    """The table of metrics that carry one name: network, layer, kernel, clips, counts, covariance and root."""
    rows = {
        (
            PROTOCOLS[name].network_parameters["batch_norm_eps"],
            PROTOCOLS[name].resize,
            PROTOCOLS[name].parameters["convention"],
            PROTOCOLS[name].parameters.get("trials", 1),
            PROTOCOLS[name].samples.real,
        )
        for name in NAMED
        if name.startswith("fvd.")
    }
    assert len(rows) == 8
    assert {PROTOCOLS[name].parameters["output"] for name in NAMED if name.startswith(("fvd.", "kvd."))} == {
        "logits_nd"
    }
    assert PROTOCOLS["cd-fvd"].rule.output == "features_nd"


class Glance(nn.Module):
    """In I3D's place, at a thousandth of its cost."""

    input = InputSpec(frames=None, height=224, width=224)

    def __init__(self, batch_norm_eps: float = 1.0) -> None:
        super().__init__()
        self.eps, self.linear = batch_norm_eps, nn.Linear(3 * 8 * 14 * 14, 5)

    def extract(self, video_bcthw: Tensor) -> dict[str, Tensor]:
        return {"logits_nd": self.linear(nn.functional.avg_pool3d(video_bcthw, (2, 16, 16)).flatten(1)) / self.eps}


def test_fvd_with_random_weights_is_what_its_parts_say(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames read, cut, resized and judged by hand, against the protocol from end to end."""
    assert "i3d" in NETWORKS  # opened, so that what is entered here stays
    monkeypatch.setitem(NETWORKS._entries, "i3d", Glance)
    (record,) = score(videos / "real", videos / "made", ["fvd.stylegan-v"], random_weights=3, workers=0, batch_size=2)
    network: Any = build_network("i3d", seed=3, batch_norm_eps=1e-3)

    def features(folder: str, rule: ClipRule) -> np.ndarray:
        rows = []
        for entry in list_videos(videos / folder):
            video = read_video(entry.path)
            (window,) = rule.windows(video.timestamps.tolist(), entry.id)
            clip = SpatialRule.parse(PROTOCOLS["fvd.stylegan-v"].resize)(
                video.frames_thwc[window], 224, 224, torch.float32
            )
            rows.append(network.extract(clip.transpose(0, 1)[None])["logits_nd"])
        return torch.cat(rows).numpy()

    real, made = features("real", ClipRule(offset="random")), features("made", ClipRule(offset="first"))
    expected = frechet_distance_of_features(real, made, convention="ddof-0")
    assert record.value == pytest.approx(expected, rel=1e-4)
    assert record.protocol.name == "fvd.stylegan-v[random=3]"
    assert record.details["notes"][0].startswith("random weights")
    assert any("3 real videos instead of 2048" in note for note in record.details["notes"])


def test_random_weights_are_another_protocol_and_never_ranked(videos: Path) -> None:
    protocol = PROTOCOLS["fvd.tats.shapes"]
    prints = {protocol.with_random_weights(seed).ref.fingerprint for seed in (0, 1)} | {protocol.ref.fingerprint}
    assert len(prints) == 3

    def scored(seed: int | None) -> Sequence[str]:
        pairs = [(videos / "real", made) for made in (videos / "made", videos / "real")]
        records = [score(*pair, ["kvd.shapes"], random_weights=seed, workers=0)[0] for pair in pairs]
        return [standing.rank for standing in standings(records)]

    assert "best" in scored(None)
    assert scored(0) == ["", ""]


def test_real_and_generated_videos_can_be_cut_otherwise() -> None:
    looks = looks_of(PROTOCOLS["fvd.stylegan-v"])
    assert [look.clip.offset for look in looks.values()] == ["random", "first"]
    changed = PROTOCOLS["fvd.stylegan-v"].with_clips(offset="first")
    assert changed.generated_clip is None
    assert changed.name == "fvd.stylegan-v[offset=first]"
    assert list(looks_of(PROTOCOLS["is.tgan"])) == ["generated"]


def test_more_files_than_published_are_drawn_alike_whatever_lies_beside_them(videos: Path) -> None:
    entries = list_videos(videos / "real")
    look = Look("real", ClipRule(), 2, 0)
    drawn = look.draw(entries)
    assert len(drawn) == 2
    assert look.draw(drawn[::-1]) == drawn[::-1]
    without_one = [entry for entry in entries if entry is not next(e for e in entries if e not in drawn)]
    assert look.draw(without_one) == drawn
    assert Look("real", ClipRule(), None, 0).draw(entries) == entries
    others = {tuple(e.id for e in Look("real", ClipRule(), 2, seed).draw(entries)) for seed in range(20)}
    assert len(others) > 1


def test_one_pass_gives_all_conventions_side_by_side(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["score", "--real", str(videos / "real"), "--generated", str(videos / "made"), "--workers", "0"]
    arguments += ["--store", str(tmp_path / "s.sqlite"), "--protocol", "fvd.t*.shapes", "--protocol", "is.shapes"]
    assert run([*arguments, "--against", "fvd.tf.shapes"]) == 0
    table = capsys.readouterr().out
    assert "- fvd.tf.shapes" in table
    rows = {line.split()[0]: line for line in table.splitlines() if ".shapes" in line.split(maxsplit=1)[0]}
    assert "+0 (+0.00%)" in rows["fvd.tf.shapes"]
    assert "%)" in rows["fvd.tats.shapes"]
    assert "%)" not in rows["is.shapes"]  # another measure
    assert run([*arguments, "--against", "fvd.ft"]) == 2


def test_pairs_of_videos_stand_beside_sets(videos: Path, tmp_path: Path) -> None:
    entries = list_videos(videos / "real")
    for number, entry in enumerate(entries):
        frames = read_video(entry.path).frames_thwc.int() + number + 1
        write_video(tmp_path / f"{entry.path.stem}.mkv", frames.clamp(0, 255).to(torch.uint8), 8)
    (tmp_path / "another.mkv").write_bytes(entries[0].path.read_bytes())
    names = ["psnr.frame-mean", "ssim.valid", "lpips.alex", "kvd.shapes"]
    records = score(videos / "real", tmp_path, names, random_weights=0, workers=0)
    assert [record.status for record in records] == ["ok"] * 4
    assert [record.n_failed for record in records] == [1, 1, 1, 0]
    assert "no real video is called 'another'" in records[0].details["failed"][0]["reason"]
    # Some pixels are clipped at 255, so there is a little less noise than that of the offset.
    offsets = np.arange(1, 1 + len(entries))
    assert records[0].value == pytest.approx(np.mean(-20 * np.log10(offsets / 255)), abs=0.3)
    assert records[0].protocol.name == "psnr.frame-mean"  # it has no weights to be random
    assert records[2].protocol.name == "lpips.alex[random=0]"
    assert records[0].details["videos_real"] == len(entries)


def test_whole_videos_of_different_lengths(tmp_path: Path) -> None:
    for name, frames in (("a", 17), ("b", 17), ("c", 20), ("d", 9)):
        (sample,) = MovingShapes(frames=frames, height=32, width=32, seed=ord(name), count=1)
        write_video(tmp_path / f"{name}.mkv", sample.frames_thwc, 8)
    fvd = PROTOCOLS["fvd.fastvideo.shapes"]
    assert fvd.clip == ClipRule(frames=10, offset="whole")
    (record,) = score(tmp_path, tmp_path, [fvd.name], workers=0)
    assert (record.n, record.n_failed) == (3, 2)  # too short, in both sets
    assert record.details["failed"][0]["reason"] == "has 9 frames, but a clip spans 10"
    with pytest.raises(UsageError, match="clips have 9 to 20 of them; take clips of one length"):
        score(tmp_path, tmp_path, ["frame-consistency.shapes"], clips={"offset": "whole", "frames": 2}, workers=0)


def test_a_task_is_about_its_data_set(tmp_path: Path, videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(TASKS) >= 8
    task = in_shapes(PROTOCOLS["fvd.ucf101.make-a-video"])
    monkeypatch.setitem(PROTOCOLS._entries, task.name, task)
    records = score(videos / "real", videos / "made", ["fvd.ucf101.make-a-video", "is.shapes"], workers=0)
    assert [record.status for record in records] == ["skipped", "ok"]
    assert "about ucf101/train" in records[0].reason
    assert "--real ucf101@ROOT:train" in records[0].reason
    for video in list_videos(videos / "real"):
        link = tmp_path / "UCF-101" / "Archery" / f"v_Archery_{video.path.stem}.mkv"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(video.path)
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_text("1 Archery\n")
    (lists / "trainlist01.txt").write_text("".join(f"Archery/{one.name} 1\n" for one in link.parent.iterdir()))
    (record,) = score(f"ucf101@{tmp_path}:train", videos / "made", [task.name], workers=0)
    assert record.status == "ok"
    assert any("2 generated videos instead of 10000" in note for note in record.details["notes"])


def test_a_ratio_needs_captions_of_both(videos: Path) -> None:
    def scored(**captions: Path) -> tuple[str, str]:
        (record,) = score(videos / "real", videos / "made", ["clipsim.ratio.shapes"], workers=0, **captions)  # type: ignore[arg-type]
        return record.status, record.reason

    assert scored() == (
        "skipped",
        "it needs captions of the real and generated videos; give a file of them with --real-captions and --captions",
    )
    assert "--real-captions" in scored(captions=videos / "made.csv")[1]
    assert scored(captions=videos / "made.csv", real_captions=videos / "real.csv") == ("ok", "")
    both = score(
        videos / "real",
        videos / "made",
        ["clipsim.ratio.shapes", "clipsim.godiva.shapes"],
        captions=videos / "made.csv",
        real_captions=videos / "real.csv",
        workers=0,
    )
    (of_real,) = score(
        videos / "made", videos / "real", ["clipsim.godiva.shapes"], captions=videos / "real.csv", workers=0
    )
    assert both[0].value == pytest.approx((both[1].value or 0) / (of_real.value or 1))


def test_a_prefix_goes_before_each_caption(videos: Path, tmp_path: Path) -> None:
    assert PROTOCOLS["clipscore.hessel"].prefix == "A photo depicts "
    written = tmp_path / "prefixed.csv"
    with (videos / "made.csv").open() as file, written.open("w", newline="") as other:
        rows = list(csv.reader(file))
        csv.writer(other).writerows([rows[0], *((name, f"A photo depicts {caption}") for name, caption in rows[1:])])
    by_protocol, by_hand = (
        score(videos / "real", videos / "made", ["clipscore.hessel.shapes"], captions=path, workers=0)[0]
        for path in (videos / "made.csv", written)
    )
    assert by_protocol.value is not None
    assert by_protocol.value != by_hand.value  # which has it twice
    bare = PROTOCOLS["clipscore.hessel.shapes"].model_copy(update={"prefix": ""})
    assert bare.ref.fingerprint != PROTOCOLS["clipscore.hessel.shapes"].ref.fingerprint


def test_weights_that_are_missing_do_not_stop_the_others(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("VIDGAUGE_OFFLINE", "1")
    records = score(videos / "real", videos / "made", ["fvd.tats", "kvd.tats", "fvd.tats.shapes"], workers=0)
    assert [record.status for record in records] == ["failed", "failed", "ok"]
    assert "i3d_pretrained_400.pt" in records[0].reason
    with pytest.raises(VidgaugeError, match=r"i3d_pretrained_400\.pt"):
        score(videos / "real", videos / "made", ["fvd.tats"], workers=0)


def test_clips_that_one_network_refuses_are_judged_by_the_others(videos: Path) -> None:
    def scored(*protocols: str) -> list[Record]:
        return score(videos / "real", videos / "made", protocols, random_weights=0, clips={"frames": 8}, workers=0)

    refused, judged = scored("fvd.tf", "kvd.shapes")
    assert refused.status == "failed"
    assert "i3d was given clips of 3 channels, 8 frames and 224x224; it needs" in refused.reason
    assert judged.status == "ok"
    with pytest.raises(UsageError, match="at least 9 frames"):
        scored("fvd.tf")


def test_an_output_that_a_network_does_not_give_is_named(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = PROTOCOLS["fvd.shapes"].model_copy(update={"parameters": {"output": "logits_nd"}})
    monkeypatch.setitem(PROTOCOLS._entries, "fvd.shapes", wrong)
    with pytest.raises(UsageError, match=r"'shapes-classifier' gives .*, not 'logits_nd'"):
        score(videos / "real", videos / "made", ["fvd.shapes"], workers=0)


def test_weights_are_a_card_or_random() -> None:
    table = PROTOCOLS["fvd.shapes"].model_dump()
    for wrong in ({"random_weights": 0}, {"weights": ""}):
        with pytest.raises(ValueError, match="either weights or random_weights"):
            Protocol.model_validate(table | wrong)
