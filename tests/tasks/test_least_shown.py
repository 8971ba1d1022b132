"""The strategy that hands out the next radiograph."""

from collections import Counter

from lib.activelearning import LeastShown
from tests.tiny import phantom_folder

REQUEST = {"strategy": "random"}


def test_only_images_without_a_label(tmp_path):
    studies = phantom_folder(tmp_path, 3)
    assert LeastShown()(REQUEST, studies) is None
    free = studies.list_images()[1]
    studies.remove_label(free, "final")
    for _ in range(3):
        assert LeastShown()(REQUEST, studies) == {"id": free}


def test_what_was_not_shown_lately_comes_first(tmp_path):
    studies = phantom_folder(tmp_path, 3)
    images = studies.list_images()
    for image in images:
        studies.remove_label(image, "final")
    assert {LeastShown()(REQUEST, studies)["id"] for _ in range(60)} == set(images)
    studies.update_image_info(images[0], {"strategy": {"random": {"ts": 2_000_000_000}, "first": {"ts": 0}}})
    studies.update_image_info(images[1], {"strategy": {"first": {"ts": 2_000_000_000}}})
    shown = Counter(LeastShown()(REQUEST, studies)["id"] for _ in range(60))
    assert set(shown) == set(images[1:])


def test_the_last_image_can_be_shown_twice_within_a_second(tmp_path):
    """Upstream's ``Random`` fails here."""
    studies = phantom_folder(tmp_path, 1)
    (image,) = studies.list_images()
    studies.remove_label(image, "final")
    studies.update_image_info(image, {"strategy": {"random": {"ts": 2_000_000_000}}})
    assert LeastShown()(REQUEST, studies) == {"id": image}
