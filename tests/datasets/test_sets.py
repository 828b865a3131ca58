"""Every described data set but UCF-101, as a small tree in its own layout, with what real trees have in store."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

import vidgauge.datasets
from vidgauge.datasets import ClipRule, write_video
from vidgauge.datasets.data_set import DataSet
from vidgauge.errors import UsageError

Encode = Callable[..., Path]


def write(root: Path, name: str, content: str | bytes = b"x") -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(content.encode() if isinstance(content, str) else content)


def write_csv(root: Path, name: str, columns: str, *rows: Sequence[object], mark: str = "\ufeff") -> None:
    """As spreadsheets write it: a byte-order mark, CRLF, and quotes only where they are needed."""
    table = io.StringIO()
    csv.writer(table).writerows([columns.split(","), *rows])
    write(root, name, mark + table.getvalue())


def frames(root: Path, name: str, size: int = 8) -> None:
    write_video(root / name, torch.zeros(3, size, size, 3, dtype=torch.uint8), 8)


def opened(name: str, root: Path, split: str | None, *notes: str, clip: ClipRule | None = None) -> DataSet:
    """The data set, which must have exactly these notes, given by their beginnings."""
    if notes:
        with pytest.warns(UserWarning, match=f"^{name}/") as warned:
            data = vidgauge.datasets.open(name, root=root, split=split, clip=clip)
        assert len(warned) == len(notes)
    else:
        data = vidgauge.datasets.open(name, root=root, split=split, clip=clip)
    assert isinstance(data, DataSet)
    assert [note[: len(start)] for note, start in zip(data.notes, notes, strict=True)] == list(notes)
    return data


def listed(data: DataSet) -> list[tuple[str, str | None, tuple[str, ...]]]:
    return [(entry.id, entry.label, entry.captions) for entry in data.entries]


@pytest.fixture
def msr_vtt(tmp_path: Path) -> Path:
    def annotations(*videos: tuple[str, int, str]) -> str:
        rows = [
            {"id": number, "video_id": id_, "category": category, "split": split, "start time": 1.0}
            for number, (id_, category, split) in enumerate(videos)
        ]
        # The captions of one video do not stand together, and some begin or end with blanks.
        sentences = [
            {"sen_id": 3 * number + turn, "video_id": id_, "caption": f" caption {turn} of {id_}"}
            for turn in (2, 0, 1)
            for number, (id_, _, _) in enumerate(videos)
        ]
        return json.dumps({"info": {}, "videos": rows, "sentences": sentences})

    train = annotations(("video1", 9, "train"), ("video0", 0, "train"), ("video2", 19, "validate"))
    write(tmp_path, "train_val_videodatainfo.json", "\ufeff" + train)
    write(tmp_path, "test_videodatainfo.json", annotations(*((f"video{n}", 3, "test") for n in (7012, 7010, 7011))))
    for name in ("TrainValVideo/video0", "TrainValVideo/video1", "TrainValVideo/video2", "TestVideo/video7010"):
        write(tmp_path, f"{name}.mp4")
    write(tmp_path, "TestVideo/video7012.MP4")
    write(tmp_path, "TestVideo/video7011.mp4")
    write_csv(tmp_path, "MSRVTT_JSFUSION_test.csv", "key,vid_key,video_id,sentence",
              ("ret0", "msr7011", "video7011", 'a man says "hi", twice\nand leaves'),
              ("ret1", "msr7010", "video7010", "caption 0 of video7010"))  # fmt: skip
    write_csv(tmp_path, "MSRVTT_train.9k.csv", "video_id", ("video7012",), ("video0",))
    return tmp_path


def test_msr_vtt(msr_vtt: Path) -> None:
    def captions(id_: str) -> tuple[str, ...]:
        return tuple(f"caption {turn} of {id_}" for turn in (2, 0, 1))

    data = opened("msr-vtt", msr_vtt, "train", "train has 2 videos here, but 6,513 as published")
    assert listed(data) == [
        ("video1", "vehicles/autos", captions("video1")),
        ("video0", "music", captions("video0")),
    ]
    assert [data.label(entry) for entry in data.entries] == [9, 0]
    assert len(data.classes) == 20
    data = opened("msr-vtt", msr_vtt, "validate", "validate has 1 videos here, but 497")
    assert listed(data) == [("video2", "advertisement", captions("video2"))]
    data = opened("msr-vtt", msr_vtt, "test", "test has 3 videos here, but 2,990")
    assert [entry.id for entry in data.entries] == ["video7012", "video7010", "video7011"]
    data = opened("msr-vtt", msr_vtt, "test-1k-a", "test-1k-a has 2 videos here, but 1,000")
    own = 'a man says "hi", twice\nand leaves'
    assert listed(data) == [
        ("video7011", "sports/actions", (own, *captions("video7011"))),
        ("video7010", "sports/actions", ("caption 0 of video7010", "caption 2 of video7010", "caption 1 of video7010")),
    ]
    data = opened("msr-vtt", msr_vtt, "train-9k", "train-9k has 2 videos here, but 9,000")
    assert [entry.id for entry in data.entries] == ["video7012", "video0"]
    assert len(opened("msr-vtt", msr_vtt, "all", "all has 6 videos")) == 6
    assert len(opened("msr-vtt", msr_vtt, None, "all has 6 videos")) == 6


def test_msr_vtt_as_one_file_and_one_folder(msr_vtt: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("mirror")
    parts = [
        json.loads((msr_vtt / name).read_text("utf-8-sig"))
        for name in ("train_val_videodatainfo.json", "test_videodatainfo.json")
    ]
    whole = {key: parts[0][key] + parts[1][key] for key in ("videos", "sentences")}
    write(root, "MSRVTT_data.json", json.dumps(whole))
    for video in whole["videos"]:
        write(root, f"videos/all/{video['video_id']}.mp4")
    for split in ("train", "validate", "test"):
        note = f"{split} has"
        assert listed(opened("msr-vtt", root, split, note)) == listed(opened("msr-vtt", msr_vtt, split, note))
    assert len(opened("msr-vtt", root, "all", "all has 6 videos")) == 6


def test_an_id_list_must_fit_its_annotations(msr_vtt: Path) -> None:
    write_csv(msr_vtt, "MSRVTT_JSFUSION_test.csv", "video_id,sentence", ("video9", "x"))
    with pytest.raises(UsageError, match=r"MSRVTT_JSFUSION_test\.csv: picks 'video9', which the annotations do not"):
        vidgauge.datasets.open("msr-vtt", root=msr_vtt, split="test-1k-a")
    (msr_vtt / "MSRVTT_JSFUSION_test.csv").unlink()
    with pytest.raises(UsageError, match=r"there is no MSRVTT_JSFUSION_test\.csv; msr-vtt needs train_val_video"):
        vidgauge.datasets.open("msr-vtt", root=msr_vtt, split="test-1k-a")


KINETICS = "label,youtube_id,time_start,time_end,split,is_cc"


@pytest.fixture
def kinetics(tmp_path: Path) -> Path:
    rows = [
        ("massaging person's head", "-0abcdefghi", 5, 15, "train", 0),
        ("tying knot (not on a tie)", "--dashdash-", 12, 22, "train", 0),
        ("abseiling", "goneforever", 1, 11, "train", 0),
        ("zumba", "plain_id_12", 130, 140, "train", 1),
    ]
    write_csv(tmp_path, "annotations/train.csv", KINETICS, *rows)
    write_csv(tmp_path, "annotations/val.csv", KINETICS, ("zumba", "v", 0, 10, "validate", 0), mark="")
    write_csv(tmp_path, "annotations/test.csv", "youtube_id,time_start,time_end,split", ("t", 0, 10, "test"))
    write(tmp_path, "train/-0abcdefghi_000005_000015.mp4")
    write(tmp_path, "train/tying knot (not on a tie)/--dashdash-_000012_000022.mp4")
    write(tmp_path, "train/zumba/plain_id_12_000130_000140.MP4")
    write(tmp_path, "validate/zumba/v_000000_000010.mp4")
    write(tmp_path, "test/t_000000_000010.mp4")
    write(tmp_path, "train/not_in_the_list_000000_000010.mp4")
    return tmp_path


@pytest.mark.parametrize("name", ["kinetics-600", "kinetics-700"])
def test_kinetics(kinetics: Path, name: str) -> None:
    absent = "1 of the videos (goneforever_000001_000011): not on disk, as links die"
    data = opened(name, kinetics, "train", absent)
    assert data.classes == ["abseiling", "massaging person's head", "tying knot (not on a tie)", "zumba"]
    assert [(entry.id, data.label(entry)) for entry in data.entries] == [
        ("-0abcdefghi_000005_000015", 1),
        ("--dashdash-_000012_000022", 2),
        ("plain_id_12_000130_000140", 3),
    ]
    validate = opened(name, kinetics, "validate")
    assert [validate.label(entry) for entry in validate.entries] == [3]  # the classes of all lists, not of this one
    assert listed(opened(name, kinetics, "test")) == [("t_000000_000010", None, ())]


def test_class_folders_may_be_called_plainly(kinetics: Path) -> None:
    folder = kinetics / "train"
    (folder / "tying knot (not on a tie)").rename(folder / "tying_knot_not_on_a_tie")
    assert len(opened("kinetics-600", kinetics, "train", "1 of the videos")) == 3


def test_dead_links_are_no_failures(kinetics: Path, encode: Encode) -> None:
    for file in kinetics.glob("train/**/*.[mM][pP]4"):
        file.write_bytes(encode("made.mp4", torch.zeros(4, 16, 16, 3, dtype=torch.uint8)).read_bytes())
    data = opened("kinetics-600", kinetics, "train", "1 of the videos", clip=ClipRule(frames=2))
    assert [sample.id for sample in data.iterate(workers=0, strict=True)] == [f"{entry.id}#0" for entry in data.entries]
    assert data.failures == []
    assert data.absent.names == ["goneforever_000001_000011"]


def test_many_dead_links_are_told_in_one_line(tmp_path: Path) -> None:
    rows = [("run", f"id{number}", number, number + 10, "train") for number in range(2000)]
    write_csv(tmp_path, "train.csv", "label,youtube_id,time_start,time_end,split", *rows)
    write(tmp_path, "train/id7_000007_000017.mp4")
    told = "1,999 videos, such as id0_000000_000010, id1_000001_000011, id2_000002_000012,: not on disk"
    data = opened("kinetics-600", tmp_path, "train", told)
    assert (len(data), data.absent.count, len(data.absent.names)) == (1, 1999, 1000)


def test_rows_that_come_twice_are_taken_once(tmp_path: Path) -> None:
    row = ("run", "a", 0, 10, "train")
    write_csv(tmp_path, "train.csv", "label,youtube_id,time_start,time_end,split", row, row)
    write(tmp_path, "train/a_000000_000010.mp4")
    told = "1 of the videos (a_000000_000010): named more than once"
    assert len(opened("kinetics-600", tmp_path, "train", told)) == 1


def test_something_something_v2(tmp_path: Path) -> None:
    write(tmp_path, "labels/labels.json", json.dumps({
        "Approaching something with your camera": "0",
        "Pushing something so that it falls off the table": "2",
        "Holding something next to something": "1",
    }))  # fmt: skip
    write(tmp_path, "labels/train.json", json.dumps([
        {"id": "78687", "label": "holding potato next to vicks vaporub bottle",
         "template": "Holding [something] next to [something]", "placeholders": ["potato", "vicks vaporub bottle"]},
        {"id": "42326", "label": "pushing a cup so that it falls off the table",
         "template": "Pushing [something] so that it falls off the table", "placeholders": ["a cup"]},
    ]))  # fmt: skip
    write(tmp_path, "labels/test.json", '[{"id": "1420"}]')
    for id_ in ("78687", "42326", "1420"):
        write(tmp_path, f"20bn-something-something-v2/{id_}.webm")
    data = opened("something-something-v2", tmp_path, "train", "train has 2 videos here, but 168,913 as published")
    assert listed(data) == [
        ("78687", "Holding something next to something", ("holding potato next to vicks vaporub bottle",)),
        (
            "42326",
            "Pushing something so that it falls off the table",
            ("pushing a cup so that it falls off the table",),
        ),
    ]
    assert [data.label(entry) for entry in data.entries] == [1, 2]
    data = opened("something-something-v2", tmp_path, "test", "test has 1 videos here, but 27,157 as published")
    assert listed(data) == [("1420", None, ())]


def test_webvid(tmp_path: Path) -> None:
    write_csv(tmp_path, "results_10M_train.csv", "videoid,contentUrl,duration,page_dir,name",
              (21179416, "https://x/21179416.mp4", "PT00H00M11S", "006001_006050", 'Aerial, "drone" shot\nof a coast'),
              (5629184, "https://x/5629184.mp4", "PT00H00M29S", "071501_071550", "Senior couple"),
              (999, "https://x/999.mp4", "PT00H00M29S", "071501_071550", "Gone"))  # fmt: skip
    write(tmp_path, "videos/006001_006050/21179416.mp4")
    write(tmp_path, "videos/071501_071550/5629184.mp4")
    data = opened("webvid-10m", tmp_path, "train", "train has 3 videos here, but 10,727,607", "1 of the videos (999)")
    assert listed(data) == [
        ("21179416", None, ('Aerial, "drone" shot\nof a coast',)),
        ("5629184", None, ("Senior couple",)),
    ]


def test_hd_vila(tmp_path: Path) -> None:
    for part, video, clips in ((0, "QMi8x8o55Ns", 3), (2, "-AA", 1), (10, "ZZ", 1)):
        spans = [{"clip_id": f"{video}.{clip}.mp4", "span": ["00:00:17.759", "00:00:23.279"]} for clip in range(clips)]
        line = json.dumps({"video_id": video, "url": f"https://x/{video}", "clip": spans})
        write(tmp_path, f"metafiles/hdvila_part{part}.jsonl", f"{line}\r\n\r\n")
        for span in spans[: 2 if clips > 1 else 1]:
            write(tmp_path, f"video_clips/{video}/{span['clip_id']}")
    data = opened("hd-vila-100m", tmp_path, None, "1 of the videos (QMi8x8o55Ns.2.mp4): not on disk, as links die")
    assert [entry.id for entry in data.entries] == ["QMi8x8o55Ns.0.mp4", "QMi8x8o55Ns.1.mp4", "-AA.0.mp4", "ZZ.0.mp4"]


def test_panda(tmp_path: Path) -> None:
    def row(number: int, captions: list[str]) -> tuple[object, ...]:
        times = [["0:00:01.000", "0:00:05.500"] for _ in captions]
        return f"-yt{number}", f"https://x/{number}", str(times), str(captions), str([0.4] * len(captions))

    rows = [row(0, ["A cat's tail.", 'He says "no", then\nleaves.'])] + [
        row(number, ["Mud."]) for number in range(1, 102)
    ]
    write_csv(tmp_path, "panda70m_validation.csv", "videoID,url,timestamp,caption,matching_score", *rows)
    write(tmp_path, "validation/00000/0000000_00000.mp4")
    write(tmp_path, "validation/00000/0000000_00001.mp4")
    write(tmp_path, "validation/00001/0000101_00000.mp4")
    write(tmp_path, "validation/00001/0000101_00000.txt", "Mud.")
    published = "validation has 103 videos here, but 6,000 as published"
    data = opened("panda-70m", tmp_path, "validation", published, "100 videos, such as -yt1_00000, ")
    assert listed(data) == [
        ("-yt0_00000", None, ("A cat's tail.",)),
        ("-yt0_00001", None, ('He says "no", then\nleaves.',)),
        ("-yt101_00000", None, ("Mud.",)),
    ]


def test_openvid(tmp_path: Path) -> None:
    columns = "video,caption,aesthetic score,motion score,temporal consistency score,camera motion,frame,fps,seconds"
    scores = (5.1, 3.2, 0.99, "static", 100, 24.0, 4.1)
    long = "word, " * 40_000  # longer than what Python's csv module takes for granted
    write_csv(
        tmp_path, "OpenVid-1M.csv", columns, ("--x_1_0to104.mp4", long, *scores), ("b.mp4", "Two\nlines", *scores)
    )
    write_csv(tmp_path, "OpenVidHD.csv", columns, ("b.mp4", "Two\nlines", *scores))
    for name in ("--x_1_0to104.mp4", "b.mp4"):
        write(tmp_path, f"video_folder/{name}")
    assert listed(opened("openvid-1m", tmp_path, None)) == [
        ("--x_1_0to104.mp4", None, (long.strip(),)),
        ("b.mp4", None, ("Two\nlines",)),
    ]
    assert len(opened("openvid-1m", tmp_path, "hd")) == 1


def test_internvid(tmp_path: Path) -> None:
    row: dict[str, object] = {
        "Start_timestamp": "00:00:07.600",
        "End_timestamp": "00:00:10.233",
        "Caption": "a boat\u2028sails",
    }
    rows = [row | {"YoutubeID": id_, "Aesthetic_Score": 4.29, "UMT_Score": 0.41} for id_ in ("-abc", "gone")]
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    write(tmp_path, "InternVid-10M-FLT-INFO.jsonl", text)
    write(tmp_path, "videos/-abc_00:00:07.600_00:00:10.233.mp4")
    data = opened("internvid-10m-flt", tmp_path, None, "1 of the videos (gone_00:00:07.600_00:00:10.233): not on disk")
    assert listed(data) == [("-abc_00:00:07.600_00:00:10.233", None, ("a boat\u2028sails",))]


def test_names_with_colons_can_be_read(tmp_path: Path, encode: Encode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative to the present folder such a name looks like an address with a protocol."""
    row = {"YoutubeID": "abc", "Start_timestamp": "00:01", "End_timestamp": "00:02", "Caption": "x"}
    write(tmp_path, "part.jsonl", json.dumps(row))
    encode("abc_00:01_00:02.mp4", torch.zeros(4, 16, 16, 3, dtype=torch.uint8))
    monkeypatch.chdir(tmp_path)
    (sample,) = opened("internvid-10m-flt", Path(), None)
    assert sample.id == "abc_00:01_00:02"
    assert (sample.caption, sample.captions) == ("x", ("x",))


@pytest.mark.parametrize("inside", ["", "sky_timelapse/"])
def test_sky_timelapse(tmp_path: Path, inside: str) -> None:
    for name in ("07U1fSrk9oI/07U1fSrk9oI_1", "07U1fSrk9oI/07U1fSrk9oI_2", "-abc/-abc_1"):
        frames(tmp_path, f"{inside}sky_train/{name}")
    write(tmp_path, f"{inside}sky_train/__MACOSX/-abc/._0.jpg")
    write(tmp_path, f"{inside}sky_train/.DS_Store")
    data = opened("sky-timelapse", tmp_path, "train", "train has 3 videos here, but 2,392", clip=ClipRule(frames=2))
    ids = ["-abc/-abc_1", "07U1fSrk9oI/07U1fSrk9oI_1", "07U1fSrk9oI/07U1fSrk9oI_2"]
    assert [sample.id for sample in data.iterate(workers=0)] == [f"{id_}#0" for id_ in ids]
    with pytest.raises(UsageError, match=r"there is no sky_test or sky_timelapse/sky_test; sky-timelapse needs sky_tr"):
        vidgauge.datasets.open("sky-timelapse", root=tmp_path, split="test")


def test_what_is_no_frame_is_told(tmp_path: Path) -> None:
    frames(tmp_path, "sky_test/a/a_1")
    frames(tmp_path, "sky_test/a/a_2")
    write(tmp_path, "sky_test/a/a_2/Thumbs.db")
    left = f"in {tmp_path}/sky_test are also 1 .db, 3 .png, which are left out"
    assert len(opened("sky-timelapse", tmp_path, "test", "test has 1 videos", left)) == 1


def test_taichi_as_files_or_as_frames(tmp_path: Path) -> None:
    frames(tmp_path, "made")
    (tmp_path / "train").mkdir()
    (tmp_path / "made").rename(tmp_path / "train/2aRWIBbWmX8#000023#000152.mp4")
    write(tmp_path, "train/-Ie5lQrUcHI#004165#004380.mp4")
    data = opened("taichi-hd", tmp_path, "train")
    assert [entry.id for entry in data.entries] == ["-Ie5lQrUcHI#004165#004380.mp4", "2aRWIBbWmX8#000023#000152.mp4"]


def test_bair_needs_its_records_converted(tmp_path: Path) -> None:
    write(tmp_path, "softmotion30_44k/test/traj_0_to_255.tfrecords")
    with pytest.raises(UsageError, match=r"tfrecords are not read and must be converted first") as caught:
        vidgauge.datasets.open("bair", root=tmp_path, split="test")
    assert "https://sites.google.com/view/sna-visual-mpc/" in str(caught.value)
    for number in (1, 2, 10):
        frames(tmp_path, f"processed_data/test/traj_0_to_255/{number}")
    data = opened("bair", tmp_path, "test", "test has 3 videos here, but 256 as published")
    assert [entry.id for entry in data.entries] == [f"traj_0_to_255/{number}" for number in (1, 10, 2)]


@pytest.mark.parametrize("inside", ["", "DAVIS/"])
def test_davis(tmp_path: Path, inside: str) -> None:
    for name in ("bike-packing", "bear", "unlisted"):
        frames(tmp_path, f"{inside}JPEGImages/480p/{name}")
        frames(tmp_path, f"{inside}Annotations/480p/{name}")
    write(tmp_path, f"{inside}ImageSets/2017/train.txt", "\ufeffbike-packing\r\nbear\r\n")
    data = opened(
        "davis-2017", tmp_path, "train", "train has 2 videos here, but 60 as published", clip=ClipRule(frames=3)
    )
    assert [sample.id for sample in data.iterate(workers=0)] == ["bike-packing#0", "bear#0"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("youtube,time_start\nx,1\n", r"train\.csv: has no column or key 'youtube_id' \(it has: youtube, time_start"),
        ("label,youtube_id,time_start,time_end,split\nrun,x,soon,later,train\n", r"could not convert .*soon"),
        ('label,youtube_id,time_start,time_end,split\n"run,x,1,2,train\n', r"cannot be read as CSV"),
        (b"label,youtube_id,time_start,time_end,split\nr\xffn,x,1,2,train\n", r"cannot be read as CSV \('utf-8'"),
        ("", r"none of the 0 videos"),
    ],
)
def test_a_csv_that_cannot_be_used_is_named(tmp_path: Path, text: str | bytes, reason: str) -> None:
    write(tmp_path, "train.csv", text)
    with pytest.raises(UsageError, match=reason) as caught:
        vidgauge.datasets.open("kinetics-600", root=tmp_path, split="train")
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", r"line 1 cannot be read as JSON"),
        ("[1]", r"an object for each, not '\[1\]'"),
        ('{"YoutubeID": "a"}', r"has no column or key 'Start_timestamp' \(it has: YoutubeID"),
        ("[" * 100_000, r"cannot be read as JSON"),
    ],
)
def test_json_lines_that_cannot_be_used_are_named(tmp_path: Path, text: str, reason: str) -> None:
    write(tmp_path, "a.jsonl", text)
    with pytest.raises(UsageError, match=rf"a\.jsonl: .*{reason}|a\.jsonl: {reason}"):
        vidgauge.datasets.open("internvid-10m-flt", root=tmp_path)


@pytest.mark.parametrize("clips", ['"x"', '["x"]', "{}", "[null]"])
def test_clips_that_are_no_objects_are_named(tmp_path: Path, clips: str) -> None:
    write(tmp_path, "part0.jsonl", f'{{"video_id": "a", "clip": {clips}}}')
    with pytest.raises(UsageError, match=r"part0\.jsonl: clip must be a list of objects|none of the 0 videos"):
        vidgauge.datasets.open("hd-vila-100m", root=tmp_path)


@pytest.mark.parametrize("caption", ["null", "3", '" "', "[]"])
def test_what_is_no_text_is_no_caption(tmp_path: Path, caption: str) -> None:
    row = f'{{"YoutubeID": "a", "Start_timestamp": "1", "End_timestamp": "2", "Caption": {caption}}}'
    write(tmp_path, "part.jsonl", row)
    write(tmp_path, "a_1_2.mp4")
    assert listed(opened("internvid-10m-flt", tmp_path, None)) == [("a_1_2", None, ())]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (("no list", "['a']"), "timestamp must hold lists, but there is 'no list'"),
        (("[1, 2]", "['a']"), "the lists of timestamp and caption differ in length"),
        (("[1]", "__import__('os')"), "caption must hold lists"),
    ],
)
def test_cells_that_should_be_lists_are_named(tmp_path: Path, cells: tuple[str, str], reason: str) -> None:
    write_csv(tmp_path, "panda70m_testing.csv", "videoID,timestamp,caption", ("a", *cells))
    with pytest.raises(UsageError, match=reason):
        vidgauge.datasets.open("panda-70m", root=tmp_path, split="test")


def test_a_set_without_all_needs_a_split(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'davis-2017' needs split=, one of train, val, test-dev, test-challenge"):
        vidgauge.datasets.open("davis-2017", root=tmp_path)
