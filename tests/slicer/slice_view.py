"""A real slice view of Slicer without a display (trame-slicer, EGL): pictures, and a mouse that clicks and drags."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from tests.slicer.mrml import Mrml

_REASON = "the slice view cannot be loaded, see scripts/test.sh"
core = pytest.importorskip("trame_slicer.core", reason=_REASON, exc_type=ImportError)
views = pytest.importorskip("trame_slicer.views", reason=_REASON, exc_type=ImportError)
WIDTH, HEIGHT = 700, 860


class SliceView(Mrml):
    """A scene with its Red slice view.

    Args:
        size: width and height of the view in pixels of the screen.
    """

    def __init__(self, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
        self._slicer = core.SlicerApp()
        self.scene = self._slicer.scene
        self.app = self._slicer.app_logic
        self.volumes = self._slicer.volumes_logic
        self.markups = self._slicer.markups_logic
        self._slicer.view_manager.register_factory(views.DirectViewFactory(do_render_offscreen=True))
        properties = views.ViewProps(orientation="Axial")
        self.view = self._slicer.view_manager.create_view(
            views.ViewLayoutDefinition(singleton_tag="Red", view_type=views.ViewType.SLICE_VIEW, properties=properties)
        )
        self.mouse = self.view.interactor()
        self.mouse.UpdateSize(*size)

    def show(self, volume: Any) -> None:
        """Show a volume as a whole."""
        self._slicer.display_manager.show_volume(volume)
        self.view.fit_view_to_content()
        self.view.render()

    @property
    def slice_node(self) -> Any:
        """The view's slice node."""
        return self.view.get_view_node()

    def picture(self) -> npt.NDArray[np.uint8]:
        """(H, W, 3) what the view shows."""
        self.view.render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self.view.render_window())
        grab.ReadFrontBufferOff()
        grab.Update()
        image = grab.GetOutput()
        width, height, _ = image.GetDimensions()
        pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)
        return np.ascontiguousarray(pixels[::-1, :, :3])

    def on_screen(self, node: Any, index: int) -> tuple[float, float]:
        """Where a control point is in the view: pixels of the screen, from the lower left corner."""
        position = [0.0, 0.0, 0.0]
        node.GetNthControlPointPositionWorld(index, position)
        to_screen = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self.slice_node.GetXYToRAS(), to_screen)
        x, y = to_screen.MultiplyPoint([*position, 1.0])[:2]
        return x, y

    def move(self, x: float, y: float) -> None:
        """Move the mouse."""
        self.mouse.SetEventPosition(round(x), round(y))
        self.mouse.MouseMoveEvent()

    def click(self, x: float, y: float) -> None:
        """Come near, and press and release the left button."""
        self.move(x - 5, y - 5)
        self.move(x, y)
        self.mouse.LeftButtonPressEvent()
        self.mouse.LeftButtonReleaseEvent()

    def drag(self, x: float, y: float, by_x: float, by_y: float, steps: int = 10) -> None:
        """Press the left button at a place, move on in steps, release."""
        self.move(x + 40, y + 40)
        self.move(x + 1, y)
        self.move(x, y)
        self.mouse.LeftButtonPressEvent()
        for step in range(1, steps + 1):
            self.move(x + by_x * step / steps, y + by_y * step / steps)
        self.mouse.LeftButtonReleaseEvent()
