"""``farnet_split.json``: written once, read by everybody, never lost and never silently made anew."""

import json
import logging
import multiprocessing

import pytest
from filelock import FileLock
from PIL import Image

from lib.radiographs import Fingerprint, Identity, RadiographError, read_radiograph
from lib.trainers.split import SPLIT_FILE, Split, SplitError, SplitFile, file, gather_cases
from tests.tiny import phantom_folder
from tests.trainers.split_cases import case, cases, on


def test_round_trip(tmp_path):
    stored = SplitFile(tmp_path)
    assert stored.read() == Split()
    split = stored.extend([case("Ünal 1", "P", study="S"), *cases(9)], 0.2)
    assert SplitFile(str(tmp_path)).read() == split
    assert {path.name for path in tmp_path.iterdir()} == {SPLIT_FILE, ".farnet_split.lock"}


def test_people_can_read_it(tmp_path):
    split = SplitFile(tmp_path).extend([case("Ünal 1", "secret name", study="1.2.3"), *cases(4)], 0.2)
    text = (tmp_path / SPLIT_FILE).read_text(encoding="utf-8")
    entry = json.loads(text)["images"]["Ünal 1"]
    assert "Ünal 1" in text
    assert entry["side"] == split.side("Ünal 1")
    assert entry["by"] == "share"
    assert "secret name" not in text
    assert "1.2.3" not in text


def test_only_what_changes_is_written(tmp_path):
    stored = SplitFile(tmp_path)
    first = stored.extend(cases(5), 0.2)
    before = stored.path.stat()
    assert stored.extend(cases(5), 0.5) == first
    assert (stored.path.stat().st_ino, stored.path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert stored.extend(cases(6), 0.2).entries.keys() > first.entries.keys()
    assert stored.path.stat().st_ino != before.st_ino  # moved into place


def test_what_cannot_be_split_leaves_no_file(tmp_path):
    with pytest.raises(SplitError, match="at least 3 radiographs"):
        SplitFile(tmp_path).extend(cases(2), 0.2)
    assert not (tmp_path / SPLIT_FILE).exists()


def damaged(change):
    def write(path):
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return write


DAMAGES = {
    "cut off": lambda path: path.write_text(path.read_text()[:-200]),
    "empty": lambda path: path.write_text(""),
    "no JSON": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "another side": damaged(lambda content: content["images"]["image_000"].update(side="both")),
    "unknown key": damaged(lambda content: content["images"]["image_000"].update(extra=1)),
    "unknown key at the top": damaged(lambda content: content.update(extra=1)),
    "no side": damaged(lambda content: content["images"]["image_000"].pop("side")),
    "no fingerprint": damaged(lambda content: content["images"]["image_000"].update(picture="abc")),
    "another format": damaged(lambda content: content.update(format=2)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_an_error_and_stays(tmp_path, damage):
    stored = SplitFile(tmp_path)
    stored.extend(cases(5), 0.2)
    DAMAGES[damage](stored.path)
    content = stored.path.read_bytes()
    for ask in (stored.read, lambda: stored.extend(cases(6), 0.2), lambda: stored.use({}, "x.csv", [])):
        with pytest.raises(
            SplitError, match=r"farnet_split\.json is damaged \(.*\): put back a copy, or mend it"
        ) as caught:
            ask()
        assert "\n" not in str(caught.value)
    assert stored.path.read_bytes() == content


def test_a_folder_that_is_in_use(tmp_path, monkeypatch):
    monkeypatch.setattr(file, "_LOCK_TIMEOUT_S", 0.1)
    with (
        FileLock(tmp_path / ".farnet_split.lock"),
        pytest.raises(SplitError, match="is in use by another program; try again in a minute"),
    ):
        SplitFile(tmp_path).extend(cases(5), 0.2)


def test_who_is_left_out_is_said_once(tmp_path, caplog):
    stored = SplitFile(tmp_path)
    split = stored.extend([case(f"{number}", f"P{number}") for number in range(10)], 0.2)
    held_out, train = min(on(split, "held_out")), min(on(split, "train"))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            stored.extend([case("bridge", f"P{held_out}", f"of {train}"), *cases(5)], 0.2)
    assert [record.getMessage() for record in caplog.records] == [
        f"'bridge' is neither trained on nor held out. It belongs with '{train}' (same picture), which trains, and "
        f"with '{held_out}' (same patient), which is held out."
    ]


def extend_one_by_one(folder, prefix, begin):
    begin.wait(60)
    common, own = cases(6), cases(8, prefix)
    for count in range(1, 9):
        SplitFile(folder).extend(common + own[:count], 0.2)


def test_two_processes_at_once_lose_nothing(tmp_path):
    first = SplitFile(tmp_path).extend(cases(6), 0.2)
    context = multiprocessing.get_context("spawn")
    begin = context.Barrier(2)
    processes = [
        context.Process(target=extend_one_by_one, args=(tmp_path, prefix, begin)) for prefix in ("left", "right")
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    split = SplitFile(tmp_path).read()
    everybody = {each.image for each in (*cases(6), *cases(8, "left"), *cases(8, "right"))}
    assert split.entries.keys() == everybody
    assert {image: split.entries[image] for image in first.entries} == first.entries
    assert 3 <= len(on(split, "held_out")) <= 5


class TestGather:
    def test_of_a_folder(self, tmp_path):
        studies = phantom_folder(tmp_path, 4)
        images = studies.list_images()
        studies.update_image_info(images[1], {"patient": "4711"})
        found = gather_cases(studies, images)
        assert [each.image for each in found] == images
        assert [each.identity for each in found] == [Identity(), Identity.of("4711"), Identity(), Identity()]
        pixels = read_radiograph(studies.get_image_uri(images[2])).pixels
        assert found[2].fingerprint == Fingerprint.of(pixels)

    def test_known_images_are_not_decoded_again(self, tmp_path, monkeypatch):
        studies = phantom_folder(tmp_path, 5)
        images = studies.list_images()
        split = SplitFile(studies.folder).extend(gather_cases(studies, images[:4]), 0.2)
        decoded = []

        def reading(path):
            decoded.append(path.stem)
            return read_radiograph(path)

        monkeypatch.setattr("lib.trainers.split.cases.read_radiograph", reading)
        found = gather_cases(studies, images)
        assert decoded == images[4:]
        assert [each.fingerprint for each in found[:4]] == [split.fingerprint(image) for image in images[:4]]

    def test_a_replaced_file_is_decoded_again(self, tmp_path):
        studies = phantom_folder(tmp_path, 4)
        images = studies.list_images()
        stored = SplitFile(studies.folder)
        split = stored.extend(gather_cases(studies, images), 0.2)
        one, other = (studies.get_image_uri(image) for image in sorted(on(split, "train"))[:2])
        Image.open(one).convert("L").save(other)
        longer = stored.extend(gather_cases(studies, images), 0.2)
        copied = sorted(on(split, "train"))[1]
        assert longer.fingerprint(copied) == split.fingerprint(sorted(on(split, "train"))[0])
        assert longer.side(copied) == "train"

    def test_an_image_that_cannot_be_read(self, tmp_path):
        studies = phantom_folder(tmp_path, 3)
        image = studies.list_images()[0]
        path = tmp_path / f"{image}.png"
        path.write_bytes(path.read_bytes()[:3000])
        with pytest.raises(RadiographError, match=f"{image}.png is damaged"):
            gather_cases(studies, studies.list_images())

    def test_copies_under_other_names(self, tmp_path):
        """The same pixels as PNG and BMP, and once more as JPEG."""
        studies = phantom_folder(tmp_path, 6)
        image = studies.list_images()[0]
        with Image.open(studies.get_image_uri(image)) as picture:
            picture.save(tmp_path / "copy.bmp")
            picture.save(tmp_path / "lossy.jpg", quality=70)
        studies.refresh()
        split = SplitFile(studies.folder).extend(gather_cases(studies, studies.list_images()), 0.3)
        assert split.group("copy") == split.group("lossy") == split.group(image)
        assert len({entry.group for entry in split.entries.values()}) == 6
