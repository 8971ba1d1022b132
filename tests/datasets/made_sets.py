"""Public sets, made small: the layouts in which they are published, with radiographs of noise."""

import csv
from functools import lru_cache
from pathlib import Path

import numpy as np
import scipy.io
from PIL import Image

from lib.datasets.phantoms import make_phantom

FILM, SPINE = (96, 80), (384, 144)


def save_image(path: Path, seed: int = 0, size: tuple[int, int] = FILM, **more: object) -> None:
    """Noise of ``(height, width)``, another one for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[0] // 8, size[1] // 8), np.uint8)
    Image.fromarray(pixels).resize(size[::-1]).save(path, **more)


def ceph_points(number: int) -> np.ndarray:
    """(19, 2) whole pixels of a film."""
    return 10 + np.random.default_rng(number).integers(0, 60, (19, 2))


def make_isbi(root: Path, numbers: tuple[int, ...], readers: tuple[str, ...] = ("senior", "junior")) -> Path:
    """Films in the published layout; the junior sees all landmarks 3 pixels farther right and 4 farther down."""
    for number in numbers:
        part = "TrainingData" if number <= 150 else "Test1Data" if number <= 300 else "Test2Data"
        save_image(root / "RawImage" / part / f"{number:03d}.bmp", number)
        for reader in readers:
            moved = ceph_points(number) + (np.array([3, 4]) if reader == "junior" else 0)
            label = root / "AnnotationsByMD" / f"400_{reader}" / f"{number:03d}.txt"
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text("".join(f"{x},{y}\n" for x, y in moved) + "1\n2\n")
    return root


@lru_cache
def hand_points(seed: int = 1, size: tuple[int, int] = FILM) -> np.ndarray:
    """(37, 2) of a phantom's hand."""
    return make_phantom("hand_37", seed, size).landmarks.points()


def make_hands(root: Path, ids: tuple[str, ...], **image: object) -> Path:
    """Payer's layout, with the table of one radiograph more than there are."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "all.csv").open("w", newline="") as stream:
        for number, name in enumerate(("0000", *ids)):
            csv.writer(stream).writerow([name, *(hand_points() + number / 10).ravel()])
    for number, name in enumerate(ids, start=1):
        save_image(root / "images" / f"{name}.jpg", number, **image)
    return root


@lru_cache
def spine_points(seed: int = 1, size: tuple[int, int] = SPINE) -> np.ndarray:
    """(68, 2) of a phantom's spine."""
    return make_phantom("spine_68", seed, size).landmarks.points()


def make_spines(root: Path, names: dict[str, np.ndarray], split: str = "training", **image: object) -> Path:
    """The layout of AASCE: names of files without extension, and their corners."""
    for number, (name, points) in enumerate(names.items()):
        save_image(root / "data" / split / f"{name}.jpg", number, SPINE, **image)
        label = root / "labels" / split / f"{name}.jpg.mat"
        label.parent.mkdir(parents=True, exist_ok=True)
        scipy.io.savemat(label, {"p2": points}, appendmat=False)
    return root
