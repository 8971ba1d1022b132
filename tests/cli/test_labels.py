"""``labels``: out of a folder of studies into files, and back."""

import shutil

import numpy as np
import pytest

from monailabel_app.datastores import StudiesFolder
from tests.cli.conftest import run
from tests.running import label_of, save_phantom
from tests.tiny import CEPH


@pytest.fixture
def films(tmp_path):
    """Two DICOM films and a PNG, each with a label; and the same files without."""
    store = StudiesFolder(tmp_path / "labelled", {"farnet_ceph": CEPH})
    for seed, name in enumerate(("one.dcm", "two.dcm", "three.png")):
        phantom = save_phantom(tmp_path / "plain" / name, seed)
        shutil.copy(tmp_path / "plain" / name, tmp_path / "labelled" / name)
        store.refresh()
        (tmp_path / "label.json").write_text(label_of(tmp_path / "plain" / name, phantom.landmarks))
        info = {"client_id": f"Reader^{seed}"}
        store.save_label(name.partition(".")[0], tmp_path / "label.json", "final", info)
    return store


@pytest.mark.parametrize(("form", "count"), [("markups", 3), ("pixels", 3), ("sr", 2)])
def test_exported_labels_come_back_as_they_were(films, tmp_path, form, count):
    done = run(
        "labels",
        "export",
        "--studies",
        films.folder,
        "--model",
        "farnet_ceph",
        "--output",
        tmp_path / "out",
        "--format",
        form,
    )
    assert done.code == (2 if form == "sr" else 0)
    assert f"{count} labels exported" in done.out
    if form == "sr":
        assert "three: a DICOM SR needs a DICOM image, and this one is PNG." in done.err
    back = run("labels", "import", tmp_path / "out", "--studies", tmp_path / "plain", "--model", "farnet_ceph")
    assert back.code == 0, back.err
    plain = StudiesFolder(tmp_path / "plain", {"farnet_ceph": CEPH})
    assert len(plain.get_labeled_images()) == count
    for image in plain.get_labeled_images():
        difference = plain.landmarks(image).points() - films.landmarks(image).points()
        assert np.abs(difference).max() < 1e-3
    if form == "sr":
        assert plain.get_label_info("two", "final")["client_id"] == "Reader^1"


def test_what_cannot_be_imported_costs_a_sentence_and_not_the_others(films, tmp_path):
    run("labels", "export", "--studies", films.folder, "--model", "farnet_ceph", "--output", tmp_path / "out")
    (tmp_path / "out" / "nobody.json").write_text('{"landmarks": []}')
    (tmp_path / "out" / "broken.dcm").write_text("no DICOM")
    back = run("labels", "import", tmp_path / "out", "--studies", tmp_path / "plain", "--model", "farnet_ceph")
    assert back.code == 2
    assert "3 labels imported" in back.out
    assert "nobody.json: There is no image 'nobody' among the studies." in back.err
    assert "broken.dcm: " in back.err


def test_nothing_to_import_is_told(films, tmp_path):
    back = run("labels", "import", tmp_path / "nowhere", "--studies", films.folder, "--model", "farnet_ceph")
    assert (back.code, back.err.strip().splitlines()[-1]) == (
        2,
        "farnet labels: there is no label file in what was given.",
    )
