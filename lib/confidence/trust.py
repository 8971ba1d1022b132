"""How far a model can be trusted: its calibration and the shape it has learned, kept with its weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from lib.confidence.calibration import COVERAGE, Calibration, Expectation, HeldOutCase
from lib.confidence.ellipse import axes
from lib.confidence.features import feature_table
from lib.heatmaps import Evidence
from lib.landmarks import Region
from lib.shapes import ShapeError, ShapeJudgement, ShapeModel

FloatArray = npt.NDArray[np.float64]

LOW_PEAK = 0.3
"""Without a calibration a landmark is to be checked whose heat map's peak is below it."""
MOST_HALF_SHIFT = 0.05  # pixels of the network's input
NOT_CALIBRATED = "The model has not been calibrated: confidence is the height of the heat map's peak, no probability."


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What is to be expected of the N landmarks of one image.

    Args:
        confidence: (N,) 0 to 1: calibrated, how likely the landmark lies within the tolerance; else the map's peak.
        regions: where each lies in nine cases of ten, in pixels of the file; None without a calibration.
        check: (N,) whether a person should look at it.
        unsureness: mean over the landmarks of what grows with the error: calibrated, the expected radial error as a
            share of the diagonal; else of :attr:`~lib.heatmaps.Evidence.unsureness`.
        told: for viewers: ``calibrated``, ``coverage``, ``note`` and ``shape``.
    """

    confidence: FloatArray
    regions: tuple[Region | None, ...]
    check: npt.NDArray[np.bool_]
    unsureness: float
    told: dict[str, Any]


class Trust(BaseModel):
    """What is stored with a model's weights about how far it can be trusted.

    Attributes:
        calibration: None where there were too few held-out patients.
        shape: a :class:`~lib.shapes.ShapeModel` as plain data; None where there were too few labels.
        usual_distance: what the shapes of 19 of 20 predictions stay below; 1 for predictions as good as labels. Where
            labels are placed more alike than any network can, every prediction would else look implausible.
        note: what it was calibrated on, or why it was not; a sentence for people.
        half_shift: how far, in pixels of the network's input, a landmark of a held-out image has moved at most when the
            network computed in 16 bits; None where nobody has looked.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))

    calibration: Calibration | None = None
    shape: dict[str, Any] | None = None
    usual_distance: Annotated[float, Field(ge=1.0, le=1e6)] = 1.0
    note: str = NOT_CALIBRATED
    half_shift: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if self.shape is not None:
            try:
                ShapeModel.from_dict(self.shape)
            except ShapeError as error:
                raise ValueError(str(error)) from error
        return self

    @property
    def allows_half(self) -> bool:
        """Whether a GPU may compute in 16 bits: landmarks stay where they are."""
        return self.half_shift is not None and self.half_shift < MOST_HALF_SHIFT

    @property
    def size(self) -> int | None:
        """How many landmarks it is for; None where it says nothing of any."""
        if self.calibration is not None:
            return len(self.calibration.shapes)
        return None if self.shape_model is None else self.shape_model.count

    @cached_property
    def shape_model(self) -> ShapeModel | None:
        """The shape that the model's training labels had."""
        return None if self.shape is None else ShapeModel.from_dict(self.shape)

    def judge(
        self,
        evidence: Evidence,
        points: FloatArray,
        input_size: tuple[int, int],
        file_size: tuple[int, int],
        tolerance: float,
    ) -> Judged:
        """What is to be expected of one image.

        Args:
            evidence: of its heat maps, in pixels of the network's input.
            points: (N, 2) predicted landmarks in pixels of the file.
            input_size: ``(height, width)`` of the network's input.
            file_size: ``(height, width)`` of the file.
            tolerance: the distance that counts as right, in pixels of the file.
        """
        shape = None if self.shape_model is None else self.shape_model.judge(points)
        features = feature_table(evidence, None if shape is None else shape.landmarks)
        astray = np.zeros(len(points), dtype=np.bool_)
        if shape is not None:
            astray[np.nan_to_num(shape.landmarks) > self.usual_distance] = True
        shape_told = {} if shape is None else {"shape": _told(shape, self.usual_distance)}
        if self.calibration is None:
            peak = evidence.peak.cpu().numpy()
            told = {"calibrated": False, "coverage": None, "note": self.note, **shape_told}
            unsure = float(evidence.unsureness.mean())
            return Judged(peak, (None,) * len(points), (peak < LOW_PEAK) | astray, unsure, told)
        diagonal = float(np.hypot(*file_size))
        expected = self.calibration.expect(features, file_shapes(evidence, input_size, file_size))
        within = np.full(len(points), tolerance / diagonal)
        unknown = np.asarray(self.calibration.seen) == 0  # nobody has labelled it, so nothing is promised
        chance = self.calibration.chance_within(features, within)
        regions = zip(_regions(expected, diagonal), unknown, strict=True)
        return Judged(
            confidence=np.where(unknown, evidence.peak.cpu().numpy(), chance),
            regions=tuple(None if without else region for region, without in regions),
            check=expected.check | astray | unknown,
            unsureness=float(expected.error.mean()),
            told={"calibrated": True, "coverage": COVERAGE, "note": self.note, **shape_told},
        )

    def summary(self) -> dict[str, Any]:
        """Whether it is calibrated, on how many patients and images, what the model knows of shapes, and ``note``."""
        fitted = self.calibration
        return {
            "calibrated": fitted is not None,
            "coverage": None if fitted is None else COVERAGE,
            "patients": 0 if fitted is None else fitted.patients,
            "images": 0 if fitted is None else fitted.images,
            "shape": self.shape is not None,
            "note": self.note,
        }

    def held_out_case(
        self,
        evidence: Evidence,
        points: FloatArray,
        truth: FloatArray,
        sizes: tuple[tuple[int, int], tuple[int, int]],
        group: str,
    ) -> HeldOutCase:
        """A labelled image to calibrate on.

        Args:
            evidence: as in :meth:`judge`.
            points: (N, 2) predicted, in pixels of the file.
            truth: (N, 2) labelled, NaN where not annotated.
            sizes: ``(height, width)`` of the network's input and of the file.
            group: its patient.
        """
        shape = None if self.shape_model is None else self.shape_model.judge(points)
        errors = (points - truth) / np.hypot(*sizes[1])
        features = feature_table(evidence, None if shape is None else shape.landmarks)
        distance = np.nan if shape is None else shape.distance
        return HeldOutCase(group, features, file_shapes(evidence, *sizes), errors, distance)


def file_shapes(evidence: Evidence, input_size: tuple[int, int], file_size: tuple[int, int]) -> FloatArray:
    """(N, 2, 2) covariances of the heat maps in square pixels of the file: the input is stretched, x and y apart."""
    stretch = np.array([file_size[1] / input_size[1], file_size[0] / input_size[0]])
    area: FloatArray = np.outer(stretch, stretch)
    shapes: FloatArray = evidence.shape.cpu().numpy().astype(np.float64)
    return shapes * area


def _regions(expected: Expectation, diagonal: float) -> tuple[Region, ...]:
    found = []
    for radius, shape in zip(expected.radius, expected.shapes, strict=True):
        along, across, angle = axes(shape)
        lengths = (round(max(length * diagonal, 0.01), 3) for length in (float(radius), along, across))
        circle, long, short = lengths
        found.append(Region(circle, (long, short, round(angle, 1))))
    return tuple(found)


def _told(shape: ShapeJudgement, usual: float) -> dict[str, Any]:
    plausible = not shape.distance > usual
    if plausible:
        note = ""
    elif shape.mirrored:
        note = "The landmarks lie as in a mirror: is the radiograph the wrong way round?"
    elif shape.swapped:
        note = "Landmarks seem to have changed places: look at their order."
    else:
        note = "The landmarks do not lie to one another as in the radiographs that the model has learnt from."
    distance = None if np.isnan(shape.distance) else round(float(shape.distance / usual), 2)
    return {"distance": distance, "plausible": plausible, "note": note}
