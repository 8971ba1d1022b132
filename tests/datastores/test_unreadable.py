"""Labels that are ignored can be asked for, with the reason, as long as they are ignored."""

from tests.tiny import phantom_folder


def test_told_until_it_is_mended_replaced_or_gone(tmp_path):
    studies = phantom_folder(tmp_path / "studies", 4)
    assert studies.unreadable_labels() == {}
    images = studies.list_images()
    paths = [studies.folder / "labels" / "final" / f"{image}.mrk.json" for image in images]
    good = [path.read_text() for path in paths]
    for image in images[:3]:
        studies.remove_label(image, "final")
    for path in paths[:3]:
        path.write_text("no label")
    (studies.folder / "labels" / "final" / "of no image.mrk.json").write_text("no label")
    (studies.folder / "labels" / "original" / paths[3].name).write_text("no label")
    studies.refresh()
    told = studies.unreadable_labels()
    assert list(told) == images[:3]
    assert "JSON" in told[images[0]]
    paths[0].write_text(good[0])
    paths[1].unlink()
    submitted = tmp_path / "label.json"
    submitted.write_text(good[2])
    studies.save_label(images[2], submitted, "final", {"model": "farnet_demo"})
    studies.refresh()
    assert studies.unreadable_labels() == {}
    assert studies.get_labeled_images() == [images[0], *images[2:]]
