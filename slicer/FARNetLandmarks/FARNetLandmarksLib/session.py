"""A review of one radiograph's landmarks: which is current, and what the annotator does to it. No windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer

from FARNetLandmarksLib import decisions, lists, views
from FARNetLandmarksLib.review import MISSING, UNDEFINED, Row, Status, neighbour, next_left, worst_first

_NODE_EVENTS = ("PointModifiedEvent", "PointPositionUndefinedEvent", "PointPositionMissingEvent")


class ReviewSession:
    """The newest landmark list of the scene under review.

    Args:
        scene: the scene.
        app_logic: gives selection and interaction node.
        changed: called after anything that a table of landmarks would show has changed.
    """

    def __init__(self, scene: Any, app_logic: Any, changed: Callable[[], None] = lambda: None) -> None:
        self.scene = scene
        self.changed = changed
        self.zoom = 1.0
        self.current: str | None = None
        self.by_confidence = True
        self._app = app_logic
        self._observed: Any = None
        self._tags: list[tuple[Any, int]] = []
        for event in ("NodeAddedEvent", "NodeRemovedEvent", "EndCloseEvent", "EndImportEvent"):
            self._observe(scene, getattr(slicer.vtkMRMLScene, event), self._scene_changed)
        self._observe(scene, lists.ADOPTED_EVENT, self._scene_changed)
        self._scene_changed()

    def close(self) -> None:
        """Let go of the scene."""
        self.stop_placing()
        for owner, tag in self._tags:
            owner.RemoveObserver(tag)
        self._tags.clear()
        self._observed = None

    # --- what there is -------------------------------------------------------------------------------------------

    @property
    def node(self) -> Any:
        """The landmark list; None where there is none."""
        return self._observed

    def rows(self) -> list[Row]:
        """The landmarks, worst first, or in the list's order."""
        rows = [] if self.node is None else lists.rows_of(self.node)
        return worst_first(rows) if self.by_confidence else rows

    def row(self) -> Row | None:
        """The current landmark."""
        return next((row for row in self.rows() if row.name == self.current), None)

    @property
    def placing(self) -> bool:
        """Whether the next click in a view places a landmark of this list."""
        if self.node is None:
            return False
        interaction = self._app.GetInteractionNode()
        chosen = self._app.GetSelectionNode().GetActivePlaceNodeID()
        return bool(interaction.GetCurrentInteractionMode() == interaction.Place and chosen == self.node.GetID())

    # --- going about ---------------------------------------------------------------------------------------------

    def go(self, name: str | None) -> None:
        """Make a landmark the current one and show it."""
        self.current = name
        row = self.row()
        if row is not None:
            volume, view = lists.volume_of(self.node), views.red_view(self.scene)
            if view is not None and volume is not None and self.zoom > 1.0 and row.pixel is not None:
                views.zoom(view, volume, self.zoom)
            views.jump(self.scene, self.node, row.index)
            if self.placing and row.state == UNDEFINED:
                self.node.SetControlPointPlacementStartIndex(row.index)
        self.changed()

    def step(self, by: int) -> None:
        """Go to the next (1) or previous (-1) landmark of the table."""
        row = neighbour(self.rows(), self.current, by)
        self.go(None if row is None else row.name)

    def show_all(self) -> None:
        """Show the whole radiograph."""
        volume = None if self.node is None else lists.volume_of(self.node)
        volume = volume or self.scene.GetNodeByID(self._app.GetSelectionNode().GetActiveVolumeID() or "")
        if volume is not None:
            views.show_volume(self._app, volume)

    # --- deciding ------------------------------------------------------------------------------------------------

    def accept(self) -> None:
        """The current landmark is right where it is; on to the next that is left."""
        row = self.row()
        if row is not None and row.status in (Status.UNSURE, Status.PREDICTED):
            decisions.check(self.node, [row.name])
        self.go_on()

    def accept_all(self) -> list[str]:
        """All predicted landmarks are right where they are; the names of those that had not been accepted before."""
        names = [row.name for row in self.rows() if row.status in (Status.UNSURE, Status.PREDICTED)]
        if names:
            decisions.check(self.node, names)
        self.changed()
        return names

    def take_back(self, names: list[str]) -> None:
        """These landmarks have not been accepted after all."""
        for name in names:
            decisions.uncheck(self.node, name)
        self.changed()

    def place(self) -> None:
        """The next click in a view places the current landmark, and further clicks the others without a place."""
        row = self.row()
        if row is None:
            return
        if row.state != UNDEFINED:
            decisions.unset(self.node, row)
        selection, interaction = self._app.GetSelectionNode(), self._app.GetInteractionNode()
        selection.SetReferenceActivePlaceNodeClassName("vtkMRMLMarkupsFiducialNode")
        selection.SetActivePlaceNodeID(self.node.GetID())
        self.node.SetControlPointPlacementStartIndex(row.index)
        interaction.SwitchToPersistentPlaceMode()
        self.changed()

    def stop_placing(self) -> None:
        """Clicks in a view no longer place anything; the landmark whose turn it was is back where it was."""
        if self.placing:
            self._app.GetInteractionNode().SwitchToViewTransformMode()
            row = self.row()
            if row is not None and row.state == UNDEFINED:
                decisions.bring_back(self.node, row)
            self.changed()

    def skip(self) -> None:
        """The current landmark is not in this radiograph; once more takes that back."""
        row = self.row()
        if row is None:
            return
        if row.state == MISSING:
            if not (decisions.bring_back(self.node, row) or decisions.reset(self.node, row)):
                decisions.unset(self.node, row)
            self.changed()
            return
        self.stop_placing()
        decisions.skip(self.node, self.row() or row)
        self.go_on()

    def reset(self) -> None:
        """The current landmark goes back to where the model had put it, or waits for being placed."""
        row = self.row()
        if row is not None:
            if not decisions.reset(self.node, row) and row.notes.predicted is None:
                decisions.unset(self.node, row)
            views.jump(self.scene, self.node, row.index)
            self.changed()

    def toggle_occluded(self) -> None:
        """The current landmark lies behind other anatomy, or does not."""
        row = self.row()
        if row is not None and row.pixel is not None:
            decisions.set_occluded(self.node, row, not row.notes.occluded)
            self.changed()

    def go_on(self) -> None:
        """Go to the next landmark that is left to decide, the worst where there is no current one."""
        row = next_left(self.rows(), self.current)
        if row is None:
            self.changed()
        else:
            self.go(row.name)

    # --- the scene -----------------------------------------------------------------------------------------------

    def _observe(self, owner: Any, event: Any, call: Callable[..., None]) -> None:
        self._tags.append((owner, owner.AddObserver(event, call)))

    def _scene_changed(self, *_: Any) -> None:
        node = lists.list_of(self.scene, None)
        if node is not self._observed:
            self._review(node)
        self.changed()

    def _review(self, node: Any) -> None:
        for owner, tag in self._tags:
            if owner is self._observed:
                owner.RemoveObserver(tag)
        self._tags = [(owner, tag) for owner, tag in self._tags if owner is not self._observed]
        self._observed = node
        if node is not None:
            for event in _NODE_EVENTS:
                self._observe(node, getattr(slicer.vtkMRMLMarkupsNode, event), self._node_changed)
            self._observe(node, slicer.vtkMRMLMarkupsNode.PointPositionDefinedEvent, self._placed)
            self._observe(node, slicer.vtkMRMLMarkupsNode.PointEndInteractionEvent, self._dragged)
        names = {row.name for row in self.rows()}
        self.current = self.current if self.current in names else None

    def _node_changed(self, *_: Any) -> None:
        self.changed()

    def _dragged(self, *_: Any) -> None:
        """The landmark that has been dragged is the current one."""
        display = self.node.GetDisplayNode()
        index = -1 if display is None else display.GetActiveControlPoint()
        if 0 <= index < self.node.GetNumberOfControlPoints():
            self.current = self.node.GetNthControlPointLabel(index)
        self.changed()

    def _placed(self, *_: Any) -> None:
        """On to the next landmark without a place."""
        if self.placing:
            waiting = [row for row in self.rows() if row.state == UNDEFINED]
            if waiting:
                self.current = waiting[0].name
                self.node.SetControlPointPlacementStartIndex(waiting[0].index)
            else:
                self.stop_placing()
        self.changed()
