"""UCF-101 as it is unpacked: 13,320 files in 101 class folders, three train/test lists, and what goes wrong with it."""

import itertools
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest
import torch

import vidgauge.datasets
from vidgauge.datasets import ClipRule
from vidgauge.datasets.data_set import DataSet
from vidgauge.datasets.prompts import class_prompts
from vidgauge.errors import UsageError, VidgaugeError

COUNTS = {
    "train-01": 9537, "test-01": 3783, "train-02": 9586, "test-02": 3734, "train-03": 9624, "test-03": 3696,
    "train": 9537, "test": 3783, "all": 13320,
}  # fmt: skip
# The seven groups in each test list, and the four in none, with as many clips as these parts have in the original.
PARTS = {range(1, 8): 3783, range(8, 15): 3734, range(15, 22): 3696, range(22, 26): 2107}
THINGS = [
    "Ball",
    "Bike",
    "Boat",
    "Cello",
    "Discus",
    "Dog",
    "Flute",
    "Frisbee",
    "Guitar",
    "Hair",
    "Horse",
    "Rope",
    "Tabla",
    "Teeth",
]
CLASSES = sorted(
    ["ApplyEyeMakeup", "HandstandPushups", "YoYo"]
    + [verb + thing for verb in ("Brush", "Cut", "Play", "Ride", "Throw", "Walk", "Wash") for thing in THINGS]
)


def clips() -> Iterator[tuple[str, int, str]]:
    """Class, group and file of every clip; one class has its files spelled unlike its folder, as the original has."""
    for groups, total in PARTS.items():
        pairs = list(itertools.product(CLASSES, groups))
        for number, (name, group) in enumerate(pairs):
            spelled = "HandStandPushups" if name == "HandstandPushups" else name
            for clip in range(1, total // len(pairs) + (number < total % len(pairs)) + 1):
                yield name, group, f"{name}/v_{spelled}_g{group:02d}_c{clip:02d}.avi"


def write_lists(folder: Path) -> None:
    folder.mkdir()
    numbers = {name: number for number, name in enumerate(CLASSES, 1)}
    (folder / "classInd.txt").write_text(
        "".join(f"{number} {name}\r\n" for name, number in numbers.items()), newline=""
    )
    everything = sorted(clips(), key=lambda clip: (clip[0], clip[1], clip[2]))
    for part, groups in enumerate(list(PARTS)[:3], 1):
        test = [file for _, group, file in everything if group in groups]
        train = [f"{file} {numbers[name]}" for name, group, file in everything if group not in groups]
        (folder / f"testlist{part:02d}.txt").write_text("\n".join(test) + "\n")
        (folder / f"trainlist{part:02d}.txt").write_text("\ufeff" + "\r\n".join(train) + "\r\n", newline="")


@pytest.fixture(scope="module")
def ucf101(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ucf101")
    for name in CLASSES:
        (root / "UCF-101" / name).mkdir(parents=True)
    first = root / "UCF-101" / next(file for _, _, file in clips())
    with av.open(str(first), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = 16, 16, "yuv420p"
        for level in range(3):
            picture = torch.full((16, 16, 3), 60 * level, dtype=torch.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture.numpy(), format="rgb24")))
        container.mux(stream.encode(None))
    for _, _, file in clips():
        if root / "UCF-101" / file != first:
            os.link(first, root / "UCF-101" / file)
    write_lists(root / "ucfTrainTestlist")
    return root


def opened(root: Path, split: str, clip: ClipRule | None = None) -> DataSet:
    """Without warnings, which would be errors."""
    data = vidgauge.datasets.open("ucf101", root=root, split=split, clip=clip)
    assert isinstance(data, DataSet)
    return data


def test_every_split_has_its_published_count_and_nothing_is_decoded(
    ucf101: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(CLASSES) == 101
    monkeypatch.setattr(av, "open", lambda *_: pytest.fail("a listing must not open videos"))
    for split, count in COUNTS.items():
        data = opened(ucf101, split)
        assert (len(data), len({entry.id for entry in data.entries}), data.notes) == (count, count, [])
        assert data.classes == CLASSES
        assert set(Counter(data.label(entry) for entry in data.entries)) == set(range(101))


@pytest.mark.parametrize("part", ["01", "02", "03"])
def test_train_and_test_of_a_list_share_no_group_and_are_all_there_is(ucf101: Path, part: str) -> None:
    train, test = ({entry.id for entry in opened(ucf101, f"{side}-{part}").entries} for side in ("train", "test"))
    assert not {id_[:-8] for id_ in train} & {id_[:-8] for id_ in test}
    assert train | test == {entry.id for entry in opened(ucf101, "all").entries}


@pytest.mark.parametrize("part", ["01", "02", "03"])
@pytest.mark.parametrize("side", ["train", "test"])
def test_a_split_goes_by_the_name_of_its_list_too(ucf101: Path, side: str, part: str) -> None:
    named, numbered = opened(ucf101, f"{side}list{part}"), opened(ucf101, f"{side}-{part}")
    assert named.name == numbered.name == f"ucf101/{side}-{part}"
    assert named.entries == numbered.entries


def test_samples_come_in_the_order_of_the_list(ucf101: Path) -> None:
    lines = (ucf101 / "ucfTrainTestlist" / "testlist02.txt").read_text().split()
    data = opened(ucf101, "test-02", ClipRule(frames=2, offset="centre"))
    assert [entry.id for entry in data.entries] == lines
    samples = list(itertools.islice(data.iterate(workers=0), 40))
    assert [sample.id for sample in samples] == [f"{line}#0" for line in lines[:40]]
    assert [sample.label for sample in samples] == [CLASSES.index(line.partition("/")[0]) for line in lines[:40]]
    assert {tuple(sample.frames_thwc.shape) for sample in samples} == {(2, 16, 16, 3)}
    assert {sample.fps for sample in samples} == {25.0}


def test_a_folder_spelled_unlike_its_files_is_one_class(ucf101: Path) -> None:
    entries = [entry for entry in opened(ucf101, "all").entries if "v_HandStandPushups_" in entry.id]
    assert len(entries) > 100
    assert {entry.label for entry in entries} == {"HandstandPushups"}


def test_the_videos_may_lie_beside_the_lists(ucf101: Path, tmp_path: Path) -> None:
    for name in CLASSES:
        (tmp_path / name).symlink_to(ucf101 / "UCF-101" / name)
    for file in (ucf101 / "ucfTrainTestlist").iterdir():
        (tmp_path / file.name).symlink_to(file)
    assert len(opened(tmp_path, "test")) == COUNTS["test"]


@pytest.fixture
def small(tmp_path: Path, encode: Callable[..., Path]) -> Path:
    """Three videos, one on disk in other letters, one cut off, one missing; another version of the set, and residue."""
    for name in ("UCF-101/HandstandPushups/v_HandStandPushups_g01_c01.AVI", "UCF-101/YoYo/v_YoYo_g01_c01.avi"):
        made = encode("made.avi", torch.zeros(4, 16, 16, 3, dtype=torch.uint8))
        (tmp_path / name).parent.mkdir(parents=True)
        made.rename(tmp_path / name)
    broken = tmp_path / "UCF-101/YoYo/v_YoYo_g01_c02.avi"
    broken.write_bytes(b"")
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_text("1 HandstandPushups\n2 YoYo\n")
    (lists / "trainlist01.txt").write_text(
        "HandStandPushups/v_HandStandPushups_g01_c01.avi 1\n\nYoYo/v_YoYo_g01_c01.avi 2\n"
        "YoYo/v_YoYo_g01_c02.avi 2\nYoYo/v_YoYo_g01_c03.avi 2\n"
    )
    for residue in ("UCF-101/YoYo/._v_YoYo_g01_c01.avi", "UCF-101/YoYo/v_extra_g01_c01.avi", "__MACOSX/UCF-101/._YoYo"):
        (tmp_path / residue).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / residue).write_bytes(b"x")
    return tmp_path


def test_absent_and_broken_videos_are_named_and_counted(small: Path) -> None:
    with pytest.warns(UserWarning, match="ucf101/train") as warned:
        data = vidgauge.datasets.open("ucf101", root=small, split="train", clip=ClipRule(frames=2))
    assert isinstance(data, DataSet)
    assert [str(warning.message) for warning in warned] == [
        "ucf101/train: train has 4 videos here, but 9,537 as published: it may be another version",
        "ucf101/train: 1 of the videos (YoYo/v_YoYo_g01_c03.avi): not on disk",
    ]
    assert (len(data), data.absent.count, data.absent.names) == (3, 1, ["YoYo/v_YoYo_g01_c03.avi"])
    for _ in range(2):
        with pytest.warns(UserWarning, match="2 of the videos .* failed"):
            samples = list(data)
        assert [(sample.id, sample.label) for sample in samples] == [
            ("HandStandPushups/v_HandStandPushups_g01_c01.avi#0", 0),
            ("YoYo/v_YoYo_g01_c01.avi#0", 1),
        ]
        assert [failure.id for failure in data.failures] == ["YoYo/v_YoYo_g01_c03.avi", "YoYo/v_YoYo_g01_c02.avi"]


def test_strict_takes_nothing_that_is_not_as_published(small: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = vidgauge.datasets.open("ucf101", root=small, split="train")
    assert isinstance(data, DataSet)
    with pytest.raises(VidgaugeError, match="but 9,537 as published"):
        list(data.iterate(strict=True))


@pytest.mark.parametrize(
    ("lose", "reason"),
    [
        ("ucfTrainTestlist/trainlist01.txt", r"there is no ucfTrainTestlist/trainlist01\.txt or trainlist01\.txt; "),
        ("ucfTrainTestlist/classInd.txt", r"there is no ucfTrainTestlist/classInd\.txt or classInd\.txt; "),
        ("ucfTrainTestlist", r"there is no ucfTrainTestlist/classInd"),
        ("UCF-101", r"none of the 4 videos of 'train' is there; "),
        ("", r"is no folder; "),
    ],
)
def test_what_is_missing_is_said_with_the_layout_and_where_it_is_described(small: Path, lose: str, reason: str) -> None:
    (small / lose).rename(small.parent / f"lost-{small.name}")
    with pytest.raises(UsageError, match=reason) as caught:
        vidgauge.datasets.open("ucf101", root=small, split="train")
    assert "UCF-101/ with a folder of AVI files for each class" in str(caught.value)
    assert "https://www.crcv.ucf.edu/data/UCF101.php" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_root_and_no_such_split_are_said(ucf101: Path) -> None:
    with pytest.raises(UsageError, match="'ucf101' needs root=, where there is: UCF-101/"):
        vidgauge.datasets.open("ucf101", split="test")
    with pytest.raises(UsageError, match="no split 'test-1'; did you mean 'test"):
        vidgauge.datasets.open("ucf101", root=ucf101, split="test-1")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("YoYo/v_YoYo_g01_c01.avi 1", "gives YoYo a number that is not its own"),
        ("YoYo/v_YoYo_g01_c01.avi 7", "gives YoYo a number that is not its own"),
        ("YoYoYo/v_YoYo_g01_c01.avi", "'YoYoYo' is none of the 2 classes"),
    ],
)
def test_a_list_that_contradicts_the_classes_is_refused(small: Path, line: str, reason: str) -> None:
    (small / "ucfTrainTestlist" / "trainlist01.txt").write_text(line)
    with pytest.raises(UsageError, match=rf"trainlist01\.txt: .*{reason}"):
        vidgauge.datasets.open("ucf101", root=small, split="train")


def test_a_list_leads_nowhere_outside_the_root(small: Path) -> None:
    (small.parent / "outside.avi").write_bytes(b"x")
    (small / "ucfTrainTestlist" / "trainlist01.txt").write_text("YoYo/../../../outside.avi\n")
    with pytest.raises(UsageError, match="none of the 1 videos"):
        vidgauge.datasets.open("ucf101", root=small, split="train")


def test_class_prompts_are_the_names_in_words() -> None:
    names = ["ApplyEyeMakeup", "YoYo", "TaiChi", "CleanAndJerk", "HandstandPushups", "Archery", "TVShow"]
    texts = ["apply eye makeup", "yo yo", "tai chi", "clean and jerk", "handstand pushups", "archery", "tv show"]
    assert [(prompt.id, prompt.text) for prompt in class_prompts(names)] == list(zip(names, texts, strict=True))
    assert class_prompts(["massaging person's head", "Holding something"])[0].text == "massaging person's head"


def test_two_original_clips(tmp_path: Path) -> None:
    originals = Path(os.environ.get("VIDGAUGE_TEST_VIDEOS", "")) / "ucf101"
    if "VIDGAUGE_TEST_VIDEOS" not in os.environ or not originals.is_dir():
        pytest.skip("VIDGAUGE_TEST_VIDEOS names no folder with original clips")
    (tmp_path / "UCF-101").symlink_to(originals)
    files = sorted(path.relative_to(originals).as_posix() for path in originals.rglob("*.avi"))
    names = sorted({file.partition("/")[0] for file in files})
    (tmp_path / "classInd.txt").write_text("".join(f"{number} {name}\n" for number, name in enumerate(names, 1)))
    (tmp_path / "testlist01.txt").write_text("\n".join(files))
    with pytest.warns(UserWarning, match="3,783 as published"):
        data = vidgauge.datasets.open("ucf101", root=tmp_path, split="test", clip=ClipRule(frames=16, offset="centre"))
    samples = list(data)
    assert [sample.id.partition("#")[0] for sample in samples] == files
    assert {tuple(sample.frames_thwc.shape) for sample in samples} == {(16, 240, 320, 3)}
