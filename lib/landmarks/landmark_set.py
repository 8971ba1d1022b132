"""A landmark set: which landmarks an anatomy has, what they mean, and how a network shall look at them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

SETS_FOLDER = Path(__file__).parent / "sets"

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

_PLAIN = r"^[^\\\x00-\x1f\x7f]*$"  # what DICOM's SH and LO hold: no backslash, which separates values there
_CodeText = Annotated[str, StringConstraints(min_length=1, max_length=16, pattern=_PLAIN)]


class LandmarkSetError(ValueError):
    """A landmark set that cannot be used; the message is one sentence that names the file and the fault."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class CodedTerm(_Strict):
    """A term of a coding scheme, within the lengths that DICOM has for it (PS3.3, table 8.8-1)."""

    value: _CodeText
    scheme: _CodeText
    meaning: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_PLAIN)]


class LandmarkDefinition(_Strict):
    """One landmark: its name, its short name for crowded pictures, and what it is in one sentence.

    ``code`` is the landmark itself in a coding scheme, where one has it; ``site`` the bone or region it is on.
    """

    name: Text
    abbreviation: Text
    definition: Text
    partner: Text | None = Field(default=None, description="the same landmark on the other side of the body")
    code: CodedTerm | None = None
    site: CodedTerm | None = None


class Line(_Strict):
    """A line to draw through landmarks, in order."""

    name: Text
    landmarks: tuple[Text, ...] = Field(min_length=2)


class MillimetreRule(_Strict):
    """Where millimetres come from when the file has none.

    ``pixel_spacing``: from the file only, otherwise results stay in pixels. ``reference_length``: the distance
    between two landmarks is ``length_mm`` by convention, as the wrist of 50 mm in hand radiographs.
    """

    rule: Literal["pixel_spacing", "reference_length"] = "pixel_spacing"
    between: tuple[Text, Text] | None = None
    length_mm: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        given = self.between is not None and self.length_mm is not None
        if (self.rule == "reference_length") != given:
            raise ValueError("'between' and 'length_mm' go with rule 'reference_length', and with it only")
        return self


class LandmarkSet(_Strict):
    """A validated landmark set; unknown keys are refused.

    Attributes:
        input_size: ``(height, width)`` of the network's input in pixels, multiples of 32.
        lines: polylines between landmarks, for overlays and viewers.
        mirror: training may mirror images left to right; partners then exchange places, other names stay.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
    title: Text
    version: int = Field(default=1, ge=1)
    input_size: tuple[Annotated[int, Field(ge=64, le=4096)], Annotated[int, Field(ge=64, le=4096)]]
    millimetres: MillimetreRule = MillimetreRule()
    landmarks: tuple[LandmarkDefinition, ...] = Field(min_length=1)
    lines: tuple[Line, ...] = ()
    mirror: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _refuse_duplicates("name", [landmark.name for landmark in self.landmarks])
        _refuse_duplicates("abbreviation", [landmark.abbreviation for landmark in self.landmarks])
        codes = [landmark.code for landmark in self.landmarks if landmark.code is not None]
        _refuse_duplicates("code", [f"{code.value} of {code.scheme}" for code in codes])
        known = {landmark.name: landmark for landmark in self.landmarks}
        for landmark in self.landmarks:
            partner = landmark.partner
            if partner is None:
                continue
            if partner not in known or partner == landmark.name:
                raise ValueError(f"partner '{partner}' of '{landmark.name}' is not another landmark of the set")
            if known[partner].partner != landmark.name:
                raise ValueError(f"'{landmark.name}' names '{partner}' as partner, but not the other way round")
        mentioned = [name for line in self.lines for name in line.landmarks]
        mentioned += self.millimetres.between or ()
        for name in mentioned:
            if name not in known:
                raise ValueError(f"'{name}' is used in a line or rule but is not a landmark of the set")
        for side, size in zip(("height", "width"), self.input_size, strict=True):
            if size % 32:
                raise ValueError(f"input {side} {size} is not a multiple of 32")
        return self

    @classmethod
    def shipped(cls) -> tuple[str, ...]:
        """Names of the sets that come with the project."""
        return tuple(sorted(path.stem for path in SETS_FOLDER.glob("*.yaml")))

    @classmethod
    def load(cls, name_or_path: str | Path) -> LandmarkSet:
        """Load a shipped set by name, or a user's own by the path of its YAML file.

        Raises:
            LandmarkSetError: no such set or file, not YAML, or not a valid set; one sentence.
        """
        text = str(name_or_path)
        path = SETS_FOLDER / f"{text}.yaml" if text in cls.shipped() else Path(text).expanduser()
        if not path.is_file():
            raise LandmarkSetError(
                f"No landmark set '{text}': give one of {', '.join(cls.shipped())} or the path of a YAML file."
            )
        status = path.stat()
        return _loaded(path, (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size))

    @classmethod
    def parse(cls, content: object, source: str) -> LandmarkSet:
        """Validate the parsed content of a YAML file or of a model's card.

        Raises:
            LandmarkSetError: one sentence that names ``source`` and the first fault.
        """
        if not isinstance(content, dict):
            raise LandmarkSetError(f"Landmark set {source} is empty or not a mapping of keys to values.")
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise LandmarkSetError(f"Landmark set {source}: {_first_fault(error)}") from error

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the landmarks, in the set's order."""
        return tuple(landmark.name for landmark in self.landmarks)

    def __len__(self) -> int:
        return len(self.landmarks)

    def index(self, name: str) -> int:
        """Position of a landmark in the set; ``ValueError`` for an unknown name."""
        return self.names.index(name)

    @property
    def mirror_order(self) -> tuple[int, ...] | None:
        """For each landmark the index of the one that takes its place when an image is mirrored left to right.

        None where :attr:`mirror` says that images are not.
        """
        if not self.mirror:
            return None
        return tuple(self.index(landmark.partner or landmark.name) for landmark in self.landmarks)


@lru_cache(maxsize=16)
def _loaded(path: Path, stamp: tuple[int, ...]) -> LandmarkSet:  # noqa: ARG001 - a file that has changed is read again
    """A set is read once: YAML takes a tenth of a second, and what comes of it cannot be changed."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = " ".join(str(error).split())
        raise LandmarkSetError(f"Landmark set {path.name} is not readable as YAML: {where}") from error
    return LandmarkSet.parse(content, source=path.name)


def _refuse_duplicates(what: str, values: list[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{what} '{value}' is used by more than one landmark")


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"unknown key '{where}'."
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"{where}: {message}." if where else f"{message}."
