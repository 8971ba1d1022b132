"""OHIF in a real browser, used as a person uses it; places are read through the viewer's own coordinates."""

import io
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

WHEEL = Path(str(files("monailabel"))) / "endpoints" / "static" / "ohif"
NEWER = Path(os.environ.get("FARNET_OHIF", Path(sys.prefix) / "ohif" / "dist"))
"""Where scripts/test.sh puts ``@ohif/app``."""
SCREENSHOTS = Path(os.environ.get("FARNET_SCREENSHOTS", tempfile.gettempdir()))
"""For pictures of what went wrong."""
SWIFTSHADER = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
SHOWN_MS = 60_000
RENDERED = """() => window.cornerstone?.getRenderingEngines?.()?.some(engine => engine.getViewports().some(viewport =>
  viewport.getCurrentImageId?.() && viewport.getImageData?.()))"""
CONNECTED = "() => /Connected|Submitted|Predicted/.test(document.querySelector('[data-cy=farnet-status]')?.textContent)"
POINTS = """() => {
  const viewport = window.cornerstone.getRenderingEngines()[0].getViewports()[0];
  const frame = viewport.element.getBoundingClientRect();
  const { imageData } = viewport.getImageData();
  const all = window.cornerstoneTools.annotation.state.getAllAnnotations();
  return all.filter(({ data }) => data.label).map(({ data }) => {
    const [world] = data.handles.points;
    const [x, y] = imageData.worldToIndex(world);
    const [left, top] = viewport.worldToCanvas(world);
    return { name: data.label, x, y, left: frame.left + left, top: frame.top + top };
  });
}"""


def build_of(name: str) -> Path:
    """The folder of an OHIF build; skips where it is not there."""
    folder = {"wheel": WHEEL, "3.13": NEWER}[name]
    if not (folder / "index.html").is_file():
        pytest.skip(f"no OHIF at {folder}: scripts/test.sh fetches it from npm")
    return folder


class Ohif:
    """A page of OHIF that a server of ours serves.

    Args:
        page: the browser's page.
        server: the server's address.
    """

    def __init__(self, page: Any, server: str) -> None:
        self.page = page
        self.server = server
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def worklist(self, text: str) -> None:
        """Open the list of studies, the study that shows a text, and our mode."""
        self.page.goto(f"{self.server}/ohif/")
        self.page.get_by_text(text).first.click(timeout=SHOWN_MS)
        self.page.get_by_text("MONAI Label landmarks").first.click(timeout=SHOWN_MS)
        self.wait()

    def open(self, study: str, mode: str = "landmarks", panel: bool = True) -> None:
        """Open a study in a mode, and wait for the image and, unless told otherwise, for our panel."""
        self.page.goto(f"{self.server}/ohif/{mode}?StudyInstanceUIDs={study}")
        self.wait(panel)

    def wait(self, panel: bool = True) -> None:
        """Until an image is drawn and the panel has taken it up."""
        self.page.wait_for_function(RENDERED, timeout=SHOWN_MS)
        if not panel:
            self.page.wait_for_timeout(2000)
            return
        self.page.wait_for_function(CONNECTED, timeout=SHOWN_MS)
        self.page.wait_for_timeout(700)  # a stored label is asked for

    def press(self, button: str) -> None:
        """Press a button of the panel, or a landmark of its list."""
        self.page.locator(f"[data-cy=farnet-{button}]").click()

    def choose(self, landmark: str) -> None:
        """Click on a landmark in the list."""
        self.page.locator(f"[data-landmark='{landmark}']").click()

    def row(self, landmark: str) -> str:
        """What the list says of a landmark."""
        return str(self.page.locator(f"[data-landmark='{landmark}']").inner_text())

    def order(self) -> list[str]:
        """The landmarks as they are listed."""
        return list(self.page.locator("[data-landmark]").evaluate_all("rows => rows.map(row => row.dataset.landmark)"))

    def tells(self, pattern: str, timeout_ms: int = 30_000) -> str:
        """Wait until the panel's status says something; what it says."""
        return self.shows("status", pattern, timeout_ms)

    def shows(self, part: str, pattern: str, timeout_ms: int = 30_000) -> str:
        """Wait until a part of the panel shows something; what it shows."""
        text = f"document.querySelector('[data-cy=farnet-{part}]')?.textContent"
        try:
            self.page.wait_for_function(f"new RegExp({pattern!r}).test({text})", timeout=timeout_ms)
        except Exception as error:
            picture = SCREENSHOTS / f"{int(time.time())}.png"
            self.page.screenshot(path=picture)
            told = self.page.evaluate(f"{text} ?? null")
            raise AssertionError(f"not {pattern!r} but {told!r}; see {picture}; {self.errors}") from error
        return str(self.page.evaluate(text))

    def points(self) -> dict[str, dict[str, float]]:
        """Each point by its name: ``x``, ``y`` in pixels of the file, ``left``, ``top`` on the page."""
        return {point["name"]: point for point in self.page.evaluate(POINTS)}

    def middle(self) -> tuple[float, float]:
        """The middle of the image's window, on the page."""
        box = self.page.locator("canvas").first.bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag(self, landmark: str, right: float, down: float) -> None:
        """Drag a point by the mouse, in pixels of the page."""
        point = self.points()[landmark]
        mouse = self.page.mouse
        mouse.move(point["left"], point["top"])
        self.page.wait_for_timeout(200)  # the tool finds what is below the mouse
        mouse.down()
        for step in range(1, 6):
            mouse.move(point["left"] + right * step / 5, point["top"] + down * step / 5)
        mouse.up()
        self.page.wait_for_timeout(500)

    def picture(self, left: float, top: float, side: int = 41) -> np.ndarray:
        """The grey values of a square of the page around a place, our own drawing hidden."""
        hide = self.page.add_style_tag(content="svg.svg-layer { visibility: hidden !important; }")
        clip = {"x": round(left) - side // 2, "y": round(top) - side // 2, "width": side, "height": side}
        content = self.page.screenshot(clip=clip)
        hide.evaluate("element => element.remove()")
        return np.asarray(Image.open(io.BytesIO(content)).convert("L"), dtype=float)


@contextmanager
def browser() -> Iterator[Any]:
    """Debian's Chromium, drawing in software; skips where it or Playwright is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no Chromium here: apt-get install chromium fonts-dejavu-core (scripts/test.sh does, as root)")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=program, args=SWIFTSHADER)
        try:
            yield running
        finally:
            running.close()
