"""Protocols: a fingerprint that changes with the number, and names that can be asked for."""

import json
from pathlib import Path

import pytest

from vidgauge.cli import run
from vidgauge.datasets.clips import ClipRule
from vidgauge.errors import UsageError
from vidgauge.metrics import protocols
from vidgauge.metrics.protocols import PROTOCOLS, Protocol, Samples, Task, select

KVD = ["kvd.digan", "kvd.digan.shapes", "kvd.shapes", "kvd.tats", "kvd.tats.shapes"]


def test_patterns_select_each_protocol_once_in_order() -> None:
    assert [protocol.name for protocol in select(["kvd.*"])] == KVD
    assert [protocol.name for protocol in select(["kvd.shapes", "kvd.*"])] == ["kvd.shapes", *KVD[:2], *KVD[3:]]
    with pytest.raises(UsageError, match=r"no protocol matches 'fvd\.shape'; did you mean 'fvd\.shapes'"):
        select(["fvd.shape"])


def test_what_changes_a_number_changes_the_fingerprint_and_words_do_not() -> None:
    protocol = PROTOCOLS["fvd.shapes"]
    same = protocol.model_copy(update={"summary": "other words"})
    assert same.ref == protocol.ref
    others = [
        protocol.with_clips(offset="centre"),
        protocol.with_clips(frames=20),
        protocol.model_copy(update={"parameters": {"convention": "ddof-0"}}),
        protocol.model_copy(update={"dtype": "float32"}),
        protocol.model_copy(update={"weights": "clip-vit-b-32"}),
        protocol.model_copy(update={"network_parameters": {"classes": 2}}),
        protocol.model_copy(update={"samples": Samples(real=10)}),
        protocol.model_copy(update={"generated_clip": ClipRule(offset="centre")}),
        protocol.model_copy(update={"task": Task(data="ucf101/train", prompts="", source="")}),
        PROTOCOLS["kvd.shapes"],
    ]
    assert len({item.ref.fingerprint for item in [protocol, *others]}) == 1 + len(others)


def test_weights_without_a_stated_digest_count_by_the_file_that_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    prints = {PROTOCOLS["is.tganv2"].ref.fingerprint}
    for folder, file in (("a", "conv3d_deepnetA_ucf.npz"), ("b", "conv3d_deepnetA_ucf.npz"), ("c", "mean2.npz")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).write_bytes(folder.encode())
        monkeypatch.setenv("VIDGAUGE_WEIGHTS", str(tmp_path / folder))
        prints.add(PROTOCOLS["is.tganv2"].ref.fingerprint)
    assert len(prints) == 4  # none, two networks, and a mean, which the card names beside the network


def test_a_default_that_is_spelt_out_is_the_same_protocol() -> None:
    protocol = PROTOCOLS["fvd.shapes"]
    assert protocol.model_copy(update={"parameters": {"convention": "ddof-1"}}).ref == protocol.ref
    assert protocol.with_clips(offset="first", seed=None) is protocol


def test_unknown_keys_and_values_are_refused() -> None:
    table = PROTOCOLS["fvd.shapes"].model_dump()
    with pytest.raises(ValueError, match="Extra inputs"):
        Protocol.model_validate(table | {"resise": "x"})
    with pytest.raises(ValueError, match="Extra inputs"):
        Protocol.model_validate(table | {"parameters": {"dof": 1}}).rule  # noqa: B018 - reading it builds it
    with pytest.raises(UsageError, match="offset"):
        PROTOCOLS["fvd.shapes"].with_clips(offset="frist")


@pytest.mark.parametrize("name", PROTOCOLS.names())
def test_every_protocol_holds_together(name: str) -> None:
    protocol = PROTOCOLS[name]
    assert protocol.any_rule.measure.name
    assert protocol.summary
    assert protocol.ref.name == name


def test_a_protocol_says_what_its_weights_were_verified_against(monkeypatch: pytest.MonkeyPatch) -> None:
    assert PROTOCOLS["fvd.tf"].standing == "unverified: not checked against published values"
    asked = []

    def passed(*what: object) -> list[str]:
        asked.append(what)
        return ["zeros (151.256)"]

    monkeypatch.setattr(protocols, "passed", passed)
    assert PROTOCOLS["fvd.tf"].standing == "network and weights verified against zeros (151.256)"
    assert asked == [("i3d", "i3d-torchscript", {"batch_norm_eps": 0.001})]
    assert "inside that world" in PROTOCOLS["fvd.shapes"].standing
    assert PROTOCOLS["fvd.tf"].with_random_weights(0).standing.startswith("random weights")


def test_the_page_has_the_present_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "protocols", "--markdown"]) == 0
    present = capsys.readouterr().out
    assert len(present.splitlines()) == 2 + sum(PROTOCOLS[name].world == "open" for name in PROTOCOLS)
    page = Path(__file__).parents[2] / "docs" / "protocols.md"
    if not page.exists():
        pytest.skip("the documentation is not installed")
    _, _, rest = page.read_text("utf-8").partition("<!-- protocols -->\n")
    table, _, _ = rest.partition("<!-- end of protocols -->")
    assert table == present, "replace it with: vidgauge list protocols --markdown"


def test_a_list_says_everything_that_a_protocol_fixes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "protocols", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["fvd.tats"]["fingerprint"] == PROTOCOLS["fvd.tats"].ref.fingerprint
    assert rows["fvd.tats"]["samples"] == {"real": 2048, "generated": 2048, "seed": 0}
    assert rows["fvd.tats"]["standing"].startswith("unverified")
