"""Finding the files of a data set, with one sentence for whoever gave the wrong folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lib.datasets.studies import DatasetError

IMAGE_SUFFIXES = frozenset({".bmp", ".jpg", ".jpeg", ".png", ".tif", ".tiff"})


def existing_folder(source: str | Path, dataset: str) -> Path:
    """The folder as a path; :class:`DatasetError` where there is none."""
    folder = Path(source).expanduser()
    if not folder.is_dir():
        raise DatasetError(f"No folder {folder}: give the folder that holds the {dataset} data set.")
    return folder


def index_by_stem(root: Path, subfolders: Sequence[str]) -> dict[str, Path]:
    """Images in any of the subfolders that exist, by file name without extension, sorted.

    Raises:
        DatasetError: no image at all, or the same name twice.
    """
    found: dict[str, Path] = {}
    for subfolder in subfolders:
        for path in sorted((root / subfolder).glob("*")):
            if path.suffix.lower() not in IMAGE_SUFFIXES:
                continue
            if path.stem in found:
                raise DatasetError(f"Two images are called {path.stem}: {found[path.stem]} and {path}.")
            found[path.stem] = path
    if not found:
        places = " or ".join(str(root / subfolder) for subfolder in subfolders)
        raise DatasetError(f"There are no images in {places}.")
    return dict(sorted(found.items()))
