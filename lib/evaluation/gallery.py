"""The overlays of a run, made small enough to stand in its report."""

from __future__ import annotations

import base64
import io
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from PIL import Image

logger = logging.getLogger(__name__)

OVERLAYS = "overlays"
MAX_ROWS, MAX_COLUMNS = 4, 4
LONGEST_SIDE = 600  # half of what overlays have, which JPEG files can be read at directly
MAX_PICTURE_BYTES = 100_000  # sixteen of them are 2.1 MB as text


@dataclass(frozen=True, slots=True)
class Picture:
    """One overlay: the small copy as a data URI, and where the original lies, relative to the run's folder."""

    uri: str
    link: str


@dataclass(frozen=True, slots=True)
class Gallery:
    """A row an image, a column an epoch; None where there is no picture."""

    epochs: tuple[int, ...]
    rows: tuple[tuple[str, tuple[Picture | None, ...]], ...]


def read_gallery(folder: Path, best_epoch: int | None = None) -> Gallery:
    """The overlays in ``overlays/epoch_0010/IMAGE.jpg`` of a run's folder: of the first, middle, best and last epoch.

    A picture that is damaged, or being written just now, is left out.
    """
    folders = _epoch_folders(folder / OVERLAYS)
    epochs = choose_epochs(sorted(folders), best_epoch)
    names = sorted({path.stem for epoch in epochs for path in folders[epoch].glob("*.jpg")})[:MAX_ROWS]
    rows = tuple(
        (name, tuple(small_picture(folders[epoch] / f"{name}.jpg", folder) for epoch in epochs)) for name in names
    )
    return Gallery(epochs, rows)


def choose_epochs(epochs: Sequence[int], best_epoch: int | None = None) -> tuple[int, ...]:
    """At most four of some epochs in ascending order: the first, the best if it is there, the last, and between.

    Examples:
        >>> choose_epochs([10, 20, 30, 40, 50, 60], best_epoch=50)
        (10, 30, 50, 60)
    """
    if len(epochs) <= MAX_COLUMNS:
        return tuple(epochs)
    chosen = {epochs[0], epochs[-1]} | {epoch for epoch in epochs if epoch == best_epoch}
    while len(chosen) < MAX_COLUMNS:  # the one that is farthest from its neighbours
        chosen.add(max(epochs, key=lambda epoch: min(abs(epoch - other) for other in chosen)))
    return tuple(sorted(chosen))


def _epoch_folders(folder: Path) -> dict[int, Path]:
    found = {}
    for path in folder.glob("epoch_*"):
        if match := re.fullmatch(r"epoch_(\d+)", path.name):
            found[int(match[1])] = path
    return found


def small_picture(path: Path, folder: Path) -> Picture | None:
    """A small copy of an overlay for a page in ``folder``; None where it is absent or damaged."""
    if not path.exists():
        return None
    try:
        with Image.open(path) as image:
            factor = LONGEST_SIDE / max(image.size)
            image.draft("RGB", (int(image.width * factor), int(image.height * factor)))
            image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
            small = image.convert("RGB")
    except (OSError, ValueError) as error:
        logger.warning("%s is no picture: %s", path, error)
        return None
    link = quote(path.relative_to(folder).as_posix())
    return Picture("data:image/jpeg;base64," + base64.b64encode(_jpeg(small)).decode("ascii"), link)


def _jpeg(image: Image.Image) -> bytes:
    for quality in (82, 65, 40, 15):  # radiographs fit at the first, noise at the last
        content = io.BytesIO()
        image.save(content, "JPEG", quality=quality)
        if content.tell() <= MAX_PICTURE_BYTES:
            break
    return content.getvalue()
