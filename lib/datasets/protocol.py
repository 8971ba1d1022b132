"""Protocols of the public sets as data: which radiographs teach, which test, read by whom, and what others reached.

A protocol is a YAML file in ``lib/datasets/protocols``. It holds the traps of its set too: radiographs that stand on
both sides, landmarks with two definitions, faulty labels. Results are given with and without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lib.datasets.aasce import read_aasce
from lib.datasets.hand import read_folds, read_hand
from lib.datasets.isbi2015 import FILM_MM, read_isbi2015
from lib.datasets.studies import DatasetError, Study

FOLDER = Path(__file__).parent / "protocols"

Measure = Literal["radial", "wrists", "spine"]
"""``radial``: radial errors and success rates; ``wrists``: both conventions of a hand's millimetres; ``spine``: squared
errors, outliers and Cobb angles."""


class ProtocolError(DatasetError):
    """A protocol that there is not, or that cannot be followed with what is given; one sentence."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Selection(_Strict):
    """Some radiographs of a set; what is not stated does not matter.

    Attributes:
        numbers: ``first-last``, of the films of ISBI 2015.
        split: the folder of AASCE that they lie in.
        patients_divisible_by, but_patients_divisible_by: only, or none, of the patients whose number can be divided by
            this. A radiograph without number is of none of these.
        but_patients: none of the patients of these numbers.
    """

    numbers: Annotated[str, Field(pattern=r"^\d+-\d+$")] | None = None
    split: Literal["training", "test"] | None = None
    patients_divisible_by: Annotated[int, Field(ge=2)] | None = None
    but_patients_divisible_by: Annotated[int, Field(ge=2)] | None = None
    but_patients: tuple[int, ...] = ()

    def takes(self, study: Study) -> bool:
        """Whether a study is one of them."""
        if self.numbers is not None:
            first, last = map(int, self.numbers.split("-"))
            number = study.name.rpartition("_")[2]
            if not (number.isdecimal() and first <= int(number) <= last):
                return False
        patient, wanted, unwanted = _patient(study), self.patients_divisible_by, self.but_patients_divisible_by
        if patient is None:
            return wanted is None
        if patient in self.but_patients or (unwanted is not None and patient % unwanted == 0):
            return False
        return wanted is None or patient % wanted == 0


class Exclusion(_Strict):
    """What a second figure leaves out, and why; the first one has everything.

    Attributes:
        name: ``without duplicates``.
        reason: a sentence.
        images: names as in the data set, ``173``.
        landmarks: names.
        suspect: labels that the importer finds faulty.
    """

    name: str
    reason: str
    images: tuple[str, ...] = ()
    landmarks: tuple[str, ...] = ()
    suspect: bool = False

    def drops(self, study: Study) -> bool:
        """Whether the image is left out."""
        stem = study.image.stem if isinstance(study.image, Path) else study.name
        return stem in self.images or (self.suspect and bool(study.provenance.get("suspect")))


class Published(_Strict):
    """Another method's figures, as they stand in print.

    Attributes:
        method: whose.
        source: where they stand.
        figures: ``mre_mm``; ``sdr_2.0`` and so on, ``or20``, ``or40`` and ``smape`` in per cent; ``nmse_e4`` in 1e-4.
    """

    method: str
    source: str
    figures: dict[str, float]


class Test(_Strict):
    """Radiographs to be measured on.

    Attributes:
        name, title: for the command line, for people.
        images: which.
        size: how many these are as published; 0 where nobody knows.
        same_picture: names of images that are the same picture, or of one patient, though the data set does not say so.
        readers: whose labels results are measured against, if not those of the protocol.
        exclusions: second figures.
        published: what others reached.
    """

    __test__ = False  # pytest takes classes of this name for its own

    name: str
    title: str
    images: Selection
    size: Annotated[int, Field(ge=0)] = 0
    same_picture: tuple[tuple[str, ...], ...] = ()
    readers: tuple[str, ...] | None = None
    exclusions: tuple[Exclusion, ...] = ()
    published: tuple[Published, ...] = ()

    def patient(self, study: Study) -> str | None:
        """Whose radiograph it is: as the data set says, or known from pictures that are the same; None: not known."""
        stem = study.image.stem if isinstance(study.image, Path) else study.name
        patient = study.provenance.get("patient")
        same = next((names[0] for names in self.same_picture if stem in names), None)
        return str(patient) if patient else same and f"as {same}"


class Protocol(_Strict):
    """How results on a public set are made, so that they can be compared.

    Attributes:
        name, title: for the command line, for people.
        dataset: which importer reads it.
        landmark_set: the landmarks.
        readers: whose labels results are measured against, the one to learn from first.
        thresholds_mm: radii of the success detection rates.
        measures: see :data:`Measure`.
        file_size: width and height of the files as published, where all have the same.
        training: radiographs to learn from; with folds, those of the other folds.
        folds: of a cross-validation; 1 is none.
        notes: what a reader of the figures must know, sentences.
        tests: what is measured on.
    """

    name: str
    title: str
    dataset: Literal["isbi2015", "hand", "aasce"]
    landmark_set: str
    readers: tuple[str, ...] = Field(min_length=1)
    thresholds_mm: tuple[float, ...] = Field(min_length=1)
    measures: tuple[Measure, ...]
    file_size: tuple[int, int] | None = None
    training: Selection = Selection()
    folds: Annotated[int, Field(ge=1)] = 1
    notes: tuple[str, ...] = ()
    tests: tuple[Test, ...] = Field(min_length=1)

    @classmethod
    def load(cls, name: str) -> Self:
        """A protocol by name.

        Raises:
            ProtocolError: there is none of that name.
        """
        if name not in protocol_names():
            raise ProtocolError(f"There is no protocol '{name}': choose one of {', '.join(protocol_names())}.")
        return cls._parse(yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))

    @classmethod
    def _parse(cls, content: Any) -> Self:
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(part) for part in fault["loc"])
            raise ProtocolError(f"The protocol is not valid: {where}: {fault['msg']}.") from error

    def test(self, name: str | None) -> Test:
        """One of its tests; the only one, or the first, where none is named.

        Raises:
            ProtocolError: it has no such test.
        """
        for test in self.tests:
            if name in (None, test.name):
                return test
        known = ", ".join(test.name for test in self.tests)
        raise ProtocolError(f"Protocol '{self.name}' has no part '{name}': choose of {known}.")

    def training_studies(self, source: Path, shrunk: float = 1.0, fold: int = 1) -> Iterator[Study]:
        """The radiographs to learn from, by the first reader, faulty labels left out.

        Args:
            source: the data set's folder.
            shrunk: how many times smaller the files are than the published ones.
            fold: the one that is not learnt from, counted from 1.

        Raises:
            DatasetError: the folder is not as it is published.
        """
        chosen = self._read(source, self.readers[0], self.training, shrunk)
        others = self._fold_of(source, chosen, lambda number: number != fold)
        return (study for study in others if not study.provenance.get("suspect"))

    def test_studies(
        self, source: Path, test: Test, reader: str, shrunk: float = 1.0, fold: int | None = None
    ) -> Iterator[Study]:
        """The radiographs of a test with the labels of a reader, faulty ones too.

        Args:
            source: the data set's folder.
            test: one of :attr:`tests`.
            reader: one of :attr:`readers`.
            shrunk: how many times smaller the files are than the published ones.
            fold: this one only; None: all.

        Raises:
            MissingReaderError: the folder has no labels by this reader.
            DatasetError: the folder is not as it is published.
        """
        chosen = self._read(source, reader, test.images, shrunk)
        return chosen if fold is None else self._fold_of(source, chosen, lambda number: number == fold)

    def _read(self, source: Path, reader: str, selection: Selection, shrunk: float) -> Iterator[Study]:
        if self.dataset == "isbi2015":
            studies = read_isbi2015(source, reader, FILM_MM * shrunk, chosen=selection.numbers)
        elif self.dataset == "aasce":
            studies = read_aasce(source, selection.split or "training", skip_suspect=False)
        else:
            studies = read_hand(source)
        return (study for study in studies if selection.takes(study))

    def _fold_of(self, source: Path, studies: Iterable[Study], wanted: Callable[[int], bool]) -> Iterator[Study]:
        if self.folds == 1:
            return iter(studies)
        folds = read_folds(source, self.folds)
        return (study for study in studies if wanted(folds[study.name]))


def protocol_names() -> tuple[str, ...]:
    """The protocols that there are."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def _patient(study: Study) -> int | None:
    number = str(study.provenance.get("patient") or "")
    return int(number) if number.isdecimal() else None
