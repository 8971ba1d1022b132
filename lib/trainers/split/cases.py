"""What a datastore's images are, as far as the split has to know."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from lib.radiographs import Fingerprint, Identity, read_radiograph
from lib.trainers.split.file import SplitFile
from lib.trainers.split.links import Case


class Images(Protocol):
    """What the split asks of a datastore."""

    @property
    def folder(self) -> Path:
        """Where the split lies."""

    def get_image_uri(self, image_id: str) -> str:
        """Path of an image."""

    def identity(self, image_id: str) -> Identity:
        """Patient and study of an image."""


def gather_cases(studies: Images, image_ids: Sequence[str], *, progress: bool = False) -> list[Case]:
    """One case an image; only images that the split does not know yet, or that have changed, are decoded.

    Args:
        studies: the datastore.
        image_ids: of images that exist.
        progress: show a progress bar.

    Raises:
        SplitError: the split's file is damaged.
        RadiographError: an image cannot be read.
    """
    split = SplitFile(studies.folder).read()
    cases = []
    for image in tqdm(image_ids, "comparing images", unit="image", disable=not progress, leave=False):
        path = Path(studies.get_image_uri(image))
        stat = path.stat()
        content = f"{stat.st_size}-{stat.st_mtime_ns}"
        fingerprint = split.known(image, content) or Fingerprint.of(read_radiograph(path).pixels)
        cases.append(Case(image, studies.identity(image), fingerprint, content))
    return cases
