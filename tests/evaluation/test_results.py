"""The table of results of a public set, from evaluations that lie in a folder."""

import json
from dataclasses import replace

import pytest

from lib.evaluation import Evaluation, LeftOut
from lib.evaluation.results import Setting, SettingError, write_results
from lib.landmarks import LandmarkSet
from lib.trainers import TrainOptions
from tests.evaluation.made_cases import TENTH, UNKNOWN, looking, made_case
from tests.evaluation.test_measures import WRISTS

SETTING = Setting(
    protocol="isbi2015",
    shrunk=1.0,
    variant="the whole",
    encoder="lite",
    input_size=(64, 32),
    begun_with="random weights",
    options=TrainOptions(max_epochs=2, val_split=0.2, device="cpu", train_batch_size=2).model_dump(mode="json"),
    machine="a machine",
    code="1.0",
)
HAND = LandmarkSet.load("hand_37")


def measure(folder, landmark_set, *misses, spacing=TENTH, left_out=(), **more):
    """An evaluation of images whose landmarks are off by so many pixels, the first of them a duplicate."""
    cases = tuple(
        made_case(
            landmark_set,
            str(number),
            [miss] * len(landmark_set),
            pixel_spacing=spacing,
            left_out_by=frozenset({"without copies"} if number == 0 else ()),
            **more,
        )
        for number, miss in enumerate(misses)
    )
    Evaluation("t", "m", "1", looking(landmark_set, left_out=left_out), cases).write(folder)


def lines(folder, start):
    return [line for line in (folder / "results.md").read_text().splitlines() if line.startswith(start)]


def test_a_row_a_seed_and_one_for_all_of_them(tmp_path, tiny_set):
    SETTING.write(tmp_path / "full")
    for seed, miss in ((0, 10), (1, 20), (10, 30)):
        measure(tmp_path / "full" / f"seed_{seed}" / "test1", tiny_set, miss, miss)
    (tmp_path / "full" / "seed_old").mkdir()  # somebody's own
    write_results(tmp_path, "The set", ["test1", "test2"])
    page = (tmp_path / "results.md").read_text()
    assert page.startswith("# The set\n")
    assert "## test1, against labels" in page
    assert "test2" not in page
    success = " | ".join(f"within {radius} mm, %" for radius in ("2", "2.5", "3", "4"))
    assert lines(tmp_path, "| | seed") == [f"| | seed | images | mean, mm | median, mm | sd, mm | {success} |"]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines(tmp_path, "| full")]
    assert [row[:4] for row in rows] == [
        ["full", "0", "2", "1.00 (1.00–1.00)"],
        ["full", "1", "2", "2.00 (2.00–2.00)"],
        ["full", "10", "2", "3.00 (3.00–3.00)"],
    ]
    assert lines(tmp_path, "| **full**")[0].startswith("| **full** | 3 seeds | | **2.00** (1.00–3.00) |")
    assert "**66.7** (0.0–100.0)" in lines(tmp_path, "| **full**")[0]
    course = "2 epochs, batches of 2, adam 0.0001"
    assert f"- **full**: the whole; encoder lite, 64 x 32, begun with random weights; {course}; a machine; code" in page
    content = json.loads((tmp_path / "results.json").read_text())
    assert [view["mre_mm"] for view in content["rows"]["full"]["tests"]["test1"]["labels"].values()] == [1, 2, 3]
    assert content["rows"]["full"]["setting"]["options"]["max_epochs"] == 2


def test_each_view_has_a_table_and_rows_stand_where_they_have_figures(tmp_path, tiny_set):
    copies = LeftOut("without copies", "They are elsewhere too.")
    for name, views in (("one", [copies]), ("two", [])):
        SETTING.write(tmp_path / name)
        measure(tmp_path / name / "seed_0" / "test1", tiny_set, 10, 30, left_out=views)
    write_results(tmp_path, "The set", ["test1"])
    assert lines(tmp_path, "## test1") == ["## test1, against labels", "## test1, against labels, without copies"]
    assert [line.split("|")[1].strip() for line in lines(tmp_path, "| one") + lines(tmp_path, "| two")] == [
        "one",
        "one",
        "two",
    ]
    assert "| one | 0 | 1 | 3.00 |" in lines(tmp_path, "| one")[1]  # of one image there is no interval


def test_without_millimetres_it_is_pixels(tmp_path, tiny_set):
    SETTING.write(tmp_path / "one")
    measure(tmp_path / "one" / "seed_0" / "test1", tiny_set, 10, 30, spacing=UNKNOWN)
    write_results(tmp_path, "The set", ["test1"])
    assert lines(tmp_path, "| | seed") == ["| | seed | images | mean, px | median, px | sd, px |"]
    assert lines(tmp_path, "| one")[0].startswith("| one | 0 | 2 | 20.0 (10.0–30.0) | 20.0 | 10.0 |")


def test_hands_have_a_table_for_each_wrist(tmp_path):
    SETTING.write(tmp_path / "one")
    cases = (made_case(HAND, "a", [10.0] * 37, truth=WRISTS),)
    Evaluation("t", "m", "1", looking(HAND), cases, measures=("wrists",)).write(tmp_path / "one" / "seed_0" / "cv")
    write_results(tmp_path, "Hands", ["cv"])
    assert lines(tmp_path, "## cv") == ["## cv, against labels, wrist 1-5", "## cv, against labels, wrist 0-4"]
    assert [line.split("|")[4].strip() for line in lines(tmp_path, "| one")] == ["2.00", "1.00"]


def test_before_anything_is_measured_there_are_the_settings(tmp_path):
    SETTING.write(tmp_path / "one")
    write_results(tmp_path, "The set", ["test1"])
    assert lines(tmp_path, "- **one**")
    assert not lines(tmp_path, "|")


def test_the_same_setting_may_go_on_elsewhere(tmp_path):
    for one in (
        SETTING,
        replace(SETTING, machine="another", code="1.1"),
        replace(SETTING, options={**SETTING.options, "device": "cuda"}),
    ):
        one.write(tmp_path / "row", may_change=("device",))
    written = json.loads((tmp_path / "row" / "setting.json").read_text())
    assert written["input_size"] == [64, 32]
    assert written["options"] == {key: value for key, value in SETTING.options.items() if key != "device"}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"encoder": "densenet121"}, "encoder"),
        ({"input_size": (64, 64)}, "input_size"),
        ({"begun_with": "ImageNet weights"}, "begun_with"),
        ({"shrunk": 2.0}, "shrunk"),
        ({"options": {"max_epochs": 300, "val_split": 0.2, "device": "cpu"}}, "max_epochs"),
    ],
)
def test_another_setting_is_another_row(tmp_path, change, what):
    SETTING.write(tmp_path / "row")
    with pytest.raises(SettingError) as error:
        replace(SETTING, **change).write(tmp_path / "row")
    assert str(error.value) == (
        f"{tmp_path / 'row'} has begun with another {what}: give the same again, or a new row another name."
    )
    assert json.loads((tmp_path / "row" / "setting.json").read_text())["encoder"] == "lite"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"protocol": "aasce"}, "protocol"),
        ({"shrunk": 2.0}, "shrunk"),
        ({"options": {"max_epochs": 2, "val_split": 0.1}}, "val_split"),
    ],
)
def test_rows_of_a_folder_learn_from_the_same(tmp_path, change, what):
    SETTING.write(tmp_path / "row")
    with pytest.raises(SettingError) as error:
        replace(SETTING, **change).write(tmp_path / "another")
    assert str(error.value) == (
        f"{tmp_path} has results of another {what}, which cannot stand beside these: choose another folder."
    )
    assert not (tmp_path / "another").exists()
    replace(SETTING, variant="fpn", encoder="vgg16").write(tmp_path / "another")


def test_the_machine_is_that_which_has_trained(tmp_path):
    """Whoever looks at results once more, on a laptop, has not computed them."""
    SETTING.write(tmp_path / "row")
    laptop = replace(SETTING, machine="a laptop", code="1.1")
    laptop.write(tmp_path / "row")
    noted = json.loads((tmp_path / "row" / "setting.json").read_text())
    assert (noted["machine"], noted["code"]) == ("a machine", "1.0")
    for _ in range(2):
        laptop.note_training(tmp_path / "row")
    SETTING.note_training(tmp_path / "row")
    write_results(tmp_path, "The set", ["test1"])
    assert lines(tmp_path, "- **row**")[0].endswith("; a machine and a laptop; code 1.0 and 1.1")
