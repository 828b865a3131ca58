"""What is compared with what, shown to whom, in which order, on which side, and as which pixels."""

import base64
import io
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.reports.vote.building import Rules, build
from vidgauge.reports.vote.distortion import distort
from vidgauge.reports.vote.matching import match
from vidgauge.reports.vote.page import folder_page, plan_for, server_page
from vidgauge.reports.vote.schedule import INTACT, schedule
from vidgauge.reports.vote.showing import frame_ends, write_clip
from vidgauge.reports.vote.study import read_study

if TYPE_CHECKING:
    from tests.reports.vote.conftest import Booth


def clip(path: Path) -> dict[str, object]:
    loaded: dict[str, object] = json.loads(path.read_text().strip().removeprefix("voteClip(").removesuffix(");"))
    return loaded


def test_a_clip_has_every_pixel_of_every_frame(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (4, 11, 17, 3), np.uint8)
    write_clip(tmp_path / "a.js", "a", frames, [0.1, 0.2, 0.3, 0.4])
    written = clip(tmp_path / "a.js")
    images = [Image.open(io.BytesIO(base64.b64decode(text))) for text in written["frames"]]  # type: ignore[attr-defined]
    assert np.array_equal([np.asarray(image.convert("RGB")) for image in images], frames)
    assert (written["width"], written["height"], written["ends"]) == (17, 11, [0.1, 0.2, 0.3, 0.4])


def test_a_clip_that_no_browser_would_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidgauge.reports.vote.showing._MOST_BYTES", 100)
    with pytest.raises(UsageError, match="shorter or smaller"):
        write_clip(tmp_path / "a.js", "a", np.random.default_rng(0).integers(0, 256, (1, 9, 9, 3), np.uint8), [1.0])
    assert not list(tmp_path.iterdir())


def test_frames_keep_the_times_of_their_file() -> None:
    assert frame_ends([0.5, 0.6, 0.9], 10.0) == pytest.approx([0.1, 0.4, 0.5])
    assert frame_ends([float("nan")] * 3, 8.0) == [0.125, 0.25, 0.375]
    assert frame_ends([2.0], 4.0) == [0.25]
    with pytest.raises(UsageError, match="--fps"):
        frame_ends([float("nan")], float("nan"))
    with pytest.raises(UsageError, match="do not rise"):
        frame_ends([0.0, 0.0, 0.1], 8.0)


def test_a_distorted_copy_is_far_from_its_clip() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 40, 50, 3), np.uint8)
    copies = list(distort(frames, 0))
    assert np.array_equal(copies, list(distort(frames, 0)))
    assert not np.array_equal(copies, list(distort(frames, 1)))
    assert all(copy.shape == (40, 50, 3) and copy.dtype == np.uint8 for copy in copies)
    still = list(distort(np.full((2, 40, 50, 3), 128, np.uint8), 0))
    assert 40 < np.std(still) < 56
    assert np.abs(still[0].astype(int) - still[1]).mean() > 30  # and flickers


def test_equal_captions_match_in_any_order_the_first_with_the_first(booth: "Booth") -> None:
    ours = [booth.video("a", number, caption) for number, caption in enumerate(("x", "y", "x"))]
    theirs = [booth.video("b", number, caption) for number, caption in enumerate(("x", "x", "y"))]
    found = match({"a": ours, "b": theirs}, common=False)
    pairs = [(one.key, one.videos["a"].key[-1], one.videos["b"].key[-1]) for one in found]
    assert pairs == [("x", "0", "0"), ("y", "1", "2"), ("x (2)", "2", "1")]


def test_names_match_where_captions_are_missing(booth: "Booth") -> None:
    ours = [booth.video("a", number) for number in (0, 1)]
    found = match({"a": ours, "b": [booth.video("b", number, "") for number in (1, 0)]}, common=False)
    assert [(one.key, one.caption) for one in found] == [
        ("000000", "scene 0 of shapes"),
        ("000001", "scene 1 of shapes"),
    ]


def test_prompts_that_do_not_match_are_named(booth: "Booth") -> None:
    systems = {"ours": [booth.video("a", number) for number in range(6)], "theirs": [booth.video("b", 5)]}
    with pytest.raises(UsageError, match=r"theirs has no video of caption 'scene 0.*' and 2 more; .* --common"):
        match(systems, common=False)
    assert [one.caption for one in match(systems, common=True)] == ["scene 5 of shapes"]
    with pytest.raises(UsageError, match="no prompt has"):
        match({"a": [booth.video("a", 1)], "b": [booth.video("b", 2)]}, common=True)
    with pytest.raises(UsageError, match="2 videos of the name '000001'"):
        match({"a": [booth.video("a", 1, ""), booth.video("a", 1, "")], "b": [booth.video("b", 1)]}, common=False)
    triple = {"a": [booth.video("a", 1, "x")], "b": [booth.video("b", 1, "y")], "c": [booth.video("c", 1, "")]}
    with pytest.raises(UsageError, match="two captions, 'x' and 'y'"):
        match(triple, common=False)


def test_sides_and_places_are_balanced(booth: "Booth") -> None:
    study = booth.study("abc", 5, checks=3)
    left: Counter[tuple[object, ...]] = Counter()
    places: Counter[tuple[object, ...]] = Counter()
    for slot in range(4):
        trials = [trial for trial in schedule(study, slot) if not trial.is_check]
        assert len({trial.id for trial in trials}) == len(trials) == 15
        for couple in ("ab", "ac", "bc"):  # of one rater's five pairs
            names = {f"{booth.secret}-{name}" for name in couple}
            of_couple = [trial for trial in trials if {trial.left, trial.right} == names]
            assert abs(sum(trial.left[-1] == couple[0] for trial in of_couple) - 2.5) == 0.5
        for place, trial in enumerate(trials):
            left[trial.prompt, trial.left, trial.right] += 1
            places[trial.prompt, *sorted((trial.left, trial.right))] += place
    assert set(left.values()) == {2}  # of four raters, each system of each pair
    assert set(places.values()) == {4 * 7}


def test_raters_with_few_pairs_share_all_of_them_evenly(booth: "Booth") -> None:
    study = booth.study("ab", 7, checks=1, pairs_each=3)
    shown: Counter[int] = Counter()
    sides: Counter[tuple[int, str]] = Counter()
    for slot in range(14):
        trials = [trial for trial in schedule(study, slot) if not trial.is_check]
        assert len({trial.prompt for trial in trials}) == 3
        shown.update(trial.prompt for trial in trials)
        sides.update((trial.prompt, trial.left) for trial in trials)
    assert set(shown.values()) == {6}
    assert set(sides.values()) == {3}


def test_checks_are_spread_and_stand_on_both_sides(booth: "Booth") -> None:
    study = booth.study("ab", 20, checks=4)
    for slot in range(6):
        trials = schedule(study, slot)
        places = [place for place, trial in enumerate(trials) if trial.is_check]
        assert len(places) == 4
        assert all(5 * number <= place - number <= 5 * (number + 1) for number, place in enumerate(places))
        assert sum(trial.left == INTACT for trial in trials if trial.is_check) == 2
    assert len({check.prompt for check in study.checks}) == 4
    assert {check.system[-1] for check in study.checks} == {"a", "b"}


def test_a_schedule_follows_from_the_plan_alone(booth: "Booth") -> None:
    study = booth.study()
    again = read_study(booth.folder / "study")
    assert again == study
    assert schedule(again, 3) == schedule(study, 3)
    assert [trial.id for trial in schedule(study, 0)] != [trial.id for trial in schedule(study, 2)]


def test_nothing_that_raters_get_tells_whose_is_what(booth: "Booth") -> None:
    """Neither names nor sizes, and a check looks like any other pair."""
    study = booth.study("ab", 6)
    clips = {path.stem: path for path in (booth.folder / "study" / "clips").iterdir()}
    given = [server_page(study)[0].decode(), folder_page(study, 0), json.dumps(plan_for(study, 1))]
    given += [path.read_text() for path in clips.values()]
    assert sorted(clips) == sorted(study.clips)
    for text in given:
        for secret in (booth.secret, study.salt, ".bin", "study.json", INTACT, "distort"):
            assert secret not in text
    for trial in schedule(study, 0):
        assert clips[trial.left_clip].stat().st_size == clips[trial.right_clip].stat().st_size
    assert {tuple(trial) for trial in plan_for(study, 0)["trials"]} == {("id", "left", "right", "caption")}


def test_without_captions_only_quality_is_asked(booth: "Booth") -> None:
    videos = {name: [booth.video(name, number, "") for number in range(3)] for name in "ab"}
    study = build(booth.folder / "study", videos, Rules(checks=0))
    assert study.questions == ("quality",)
    assert "caption" not in server_page(study)[0].decode().split('id="welcome"')[1].split('id="trial"')[0]


def test_an_interrupted_build_goes_on_where_it_was(booth: "Booth") -> None:
    made: list[int] = []

    def stop(done: int, total: int) -> None:
        made.append(done)
        if done == total // 2:
            raise KeyboardInterrupt

    videos = booth.videos("ab", 4)
    folder = booth.folder / "study"
    with pytest.raises(KeyboardInterrupt):
        build(folder, videos, Rules(), stop)
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "clips").iterdir()}
    assert len(before) == 6
    study = build(folder, videos, Rules())
    after = {path.name for path in (folder / "clips").iterdir()}
    assert after == {f"{name}.js" for name in study.clips} > set(before)
    assert not (folder / "draft.json").exists()
    assert (folder / "study.json").stat().st_mode & 0o077 == 0


def test_names_of_any_bytes(booth: "Booth") -> None:
    odd = booth.folder / "caf\udce9.bin"
    odd.write_bytes(b"x")
    videos = {name: [booth.video(name, 0, "", key="caf\udce9", path=odd)] for name in ("a", "<b>\n")}
    study = build(booth.folder / "study", videos, Rules(checks=0))
    assert study.prompts[0].key == "caf\\xe9"
    assert study.prompts[0].clips["<b>\n"].file.endswith("caf\\xe9.bin")
    assert read_study(booth.folder / "study") == study


def test_plans_that_make_no_study(booth: "Booth") -> None:
    videos = booth.videos("ab", 2)
    with pytest.raises(UsageError, match="let everybody pass"):
        build(booth.folder / "study", videos, Rules(checks=2, misses=2))
    with pytest.raises(UsageError, match="5 checks need as many videos, but there are 4"):
        build(booth.folder / "study", videos, Rules(checks=5))
    with pytest.raises(UsageError, match="is not empty"):
        build(booth.folder / f"{booth.secret}-a", videos, Rules())
    build(booth.folder / "study", videos, Rules())
    with pytest.raises(UsageError, match="holds a study"):
        build(booth.folder / "study", videos, Rules())
    with pytest.raises(VidgaugeError, match="holds no study"):
        read_study(booth.folder)
    (booth.folder / "study.json").write_text('{"name": 3}')
    with pytest.raises(VidgaugeError, match="is not the plan of a study"):
        read_study(booth.folder)


def test_how_often_guessing_passes() -> None:
    assert Rules(checks=4, misses=0).guessing == 1 / 16
    assert Rules(checks=6, misses=1).guessing == 7 / 64
    assert Rules(checks=0).guessing == 1
