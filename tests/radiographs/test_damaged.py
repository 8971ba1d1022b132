"""Damaged files: cut off anywhere they are refused or whole, never half; only one type of exception ever comes."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.radiographs import RadiographError, read_radiograph
from tests.radiographs.files import KINDS

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow and pydicom say what they find odd

# The same files every time: what a decoder written in C does with random bytes shall not decide about a build.
fuzzing = settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


@cache
def written(kind):
    """Name, content and pixels of a sound file."""
    with TemporaryDirectory() as folder:
        path = KINDS[kind](Path(folder))
        return path.name, path.read_bytes(), read_radiograph(path).pixels


def refusal_of(path):
    """The one sentence by which a file is refused."""
    with pytest.raises(RadiographError) as refusal:
        read_radiograph(path)
    text = str(refusal.value)
    assert path.name in text
    assert "\n" not in text
    assert text.endswith(".")
    assert len(text) < 300
    return text


def outcome(path):
    """The radiograph, or None where it is refused as it shall be; any other exception fails the test."""
    try:
        return read_radiograph(path)
    except RadiographError:
        refusal_of(path)
        return None


@pytest.mark.parametrize("kind", KINDS)
@fuzzing
@given(share=st.floats(0, 1, exclude_max=True))
def test_cut_off(kind, share, tmp_path):
    name, content, pixels = written(kind)
    path = tmp_path / name
    path.write_bytes(content[: int(share * len(content))])

    radiograph = outcome(path)

    if radiograph is not None:  # only the end marker or padding is gone
        np.testing.assert_array_equal(radiograph.pixels, pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_file_is_refused(kind, tmp_path):
    name, content, _ = written(kind)
    path = tmp_path / name
    path.write_bytes(content[: len(content) // 2])

    assert "cut off" in refusal_of(path)


@pytest.mark.parametrize("kind", KINDS)
@fuzzing
@given(changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8))
def test_changed_bytes(kind, changes, tmp_path):
    name, content, _ = written(kind)
    damaged = bytearray(content)
    for place, value in changes:
        damaged[int(place**3 * len(damaged))] = value  # more of them near the header
    path = tmp_path / name
    path.write_bytes(damaged)

    radiograph = outcome(path)

    if radiograph is not None:
        assert radiograph.pixels.shape == (radiograph.header.height, radiograph.header.width)
        assert np.isfinite(radiograph.pixels).all()


@pytest.mark.parametrize("kind", KINDS)
@fuzzing
@given(kept=st.integers(0, 400), rubbish=st.binary(max_size=600))
def test_rubbish_after_a_sound_beginning(kind, kept, rubbish, tmp_path):
    name, content, _ = written(kind)
    path = tmp_path / name
    path.write_bytes(content[: min(kept, len(content) // 2)] + rubbish)

    refusal_of(path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".nii", ".nii.gz", ".dcm", ""])
@fuzzing
@given(content=st.binary(min_size=1))
def test_rubbish_is_refused(suffix, content, tmp_path):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)

    refusal_of(path)
