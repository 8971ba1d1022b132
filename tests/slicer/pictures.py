"""Makes the pictures of docs/slicer.md: Slicer's own slice view and our panel, with a prediction and after a drag.

python -m tests.slicer.pictures docs/images                              # the demo model on a phantom
python -m tests.slicer.pictures OUT --image X.jpg --points X.txt         # any cephalogram, 19 lines "x,y"
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from PIL import Image

from FARNetLandmarksLib import decisions, lists
from FARNetLandmarksLib.session import ReviewSession
from lib.configs import choose_models
from lib.datasets.phantoms import make_phantom
from lib.formats import markups_document
from lib.landmarks import Landmark, Landmarks, LandmarkSet, Predicted
from lib.radiographs import read_radiograph
from tests.slicer.qt_shim import application, qt
from tests.slicer.slice_view import SliceView

ROOT = Path(__file__).parents[2]
CEPH = "cephalometric_19"
SIZE = (1200, 968)
WRONG = "Orbitale"


def main() -> None:
    """Write ``slicer-view.jpg``, ``slicer-drag.jpg`` and ``slicer-panel.png`` into a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--image", type=Path, help="a cephalogram; default: a phantom")
    parser.add_argument("--points", type=Path, help="its 19 landmarks; default: what the demo model predicts")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        image = asked.image or phantom(Path(scratch) / "case 012.png")
        draw(image, misplaced(prediction(image, asked.points)), Path(scratch), asked.folder)


def phantom(path: Path) -> Path:
    """A synthetic cephalogram that the demo model has never seen."""
    Image.fromarray(make_phantom(CEPH, 5012, SIZE).pixels).save(path)
    return path


def prediction(image: Path, points: Path | None) -> Landmarks:
    """The demo model's landmarks, or those of a file as if a model had predicted them."""
    config = choose_models({"models": "farnet_demo"}, ROOT / "model")["farnet_demo"]
    if points is None:
        return config.infer_task().predict(image, device="cpu").landmarks
    places = np.loadtxt(points, delimiter=",")[: len(config.landmark_set)].tolist()
    names = config.landmark_set.names
    return Landmarks(
        tuple(
            Landmark(name, x, y, predicted=Predicted(x, y, "reader"))
            for name, (x, y) in zip(names, places, strict=True)
        )
    )


def misplaced(landmarks: Landmarks) -> Landmarks:
    """The same with one landmark that a model might have got wrong, and is not sure of."""
    item = landmarks[WRONG]
    x, y = item.x + 0.06 * SIZE[1], item.y - 0.05 * SIZE[0]
    told = replace(item.predicted or Predicted(x, y, "farnet_demo"), x=x, y=y, check=True)
    wrong = Landmark(WRONG, x, y, confidence=0.12, predicted=told)
    return Landmarks(tuple(wrong if other is item else other for other in landmarks))


def draw(image: Path, landmarks: Landmarks, scratch: Path, folder: Path) -> None:
    """The view with all landmarks; then the wrong one dragged to where it belongs, zoomed in, and the panel."""
    window = SliceView()
    radiograph = read_radiograph(image)
    volume = window.volume_of(radiograph.pixels, np.diag([-1.0, -1.0, 1.0, 1.0]), image.stem)
    volume.GetDisplayNode().SetWindowLevelMinMax(float(radiograph.pixels.min()), float(radiograph.pixels.max()))
    document = scratch / "prediction.mrk.json"
    geometry = radiograph.header.geometry
    content = markups_document(landmarks, geometry, title="landmarks", landmark_set=LandmarkSet.load(CEPH))
    document.write_text(json.dumps(content), encoding="utf-8")
    window.show(volume)
    node = lists.adopt(window.load_markups(document)[0], volume, image.stem)
    Image.fromarray(window.picture()).save(folder / "slicer-view.jpg", quality=88)
    session = ReviewSession(window.scene, window.app)
    panel = panel_of(session)
    session.step(1)
    window.view.render()
    row = session.row()
    assert row is not None
    there, (x, y) = place_of(node, row.index), window.on_screen(node, row.index)
    decisions.put(node, row.index, (there[0] - 0.06 * SIZE[1], there[1] + 0.05 * SIZE[0]))
    aim_x, aim_y = window.on_screen(node, row.index)
    decisions.reset(node, row)
    window.view.render()
    window.drag(x, y, by_x=aim_x - x, by_y=aim_y - y)
    print(f"{row.name}: {row.pixel} -> {lists.rows_of(node)[row.index].pixel}")
    Image.fromarray(window.picture()).save(folder / "slicer-drag.jpg", quality=88)
    for _ in range(3):
        session.accept()
    panel.widget.resize(430, 860)
    panel.refresh()
    qt.QApplication.processEvents()
    panel.widget.grab().save(str(folder / "slicer-panel.png"))
    session.close()


def place_of(node: Any, index: int) -> tuple[float, float]:
    """Pixel of a landmark."""
    pixel = lists.rows_of(node)[index].pixel
    assert pixel is not None
    return pixel


class Connected:
    """What the panel shows of a server, for the picture."""

    server = "http://127.0.0.1:8000 · FARNet landmarks"
    volume: Any = object()
    widget: Any = object()
    model = "farnet_demo"
    fault = ""
    image = "case 012"
    strategy = "hybrid"
    said_of_sample = ""

    def landmark_sets(self) -> dict[str, Any]:
        """One set only: nothing to choose."""
        return {}


def panel_of(session: ReviewSession) -> Any:
    """The panel with PySide6 in place of PythonQt."""
    application()
    sys.modules["qt"] = qt
    slicer.util.mainWindow = lambda: None
    panel = importlib.import_module("FARNetLandmarksLib.panel").LandmarkPanel(session, Connected())
    panel.show_fault("")
    panel.widget.show()
    return panel


if __name__ == "__main__":
    main()
