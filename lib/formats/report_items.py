"""What stands in the content items of a structured report, however its writer has put it; nothing is taken on trust."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timezone
from typing import Any, NamedTuple

from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.sr.coding import Code

from lib.formats import report_codes as known
from lib.formats.labels import LabelError

UNKNOWN_TIME = "00000000000000.000000"
_SITE_OF_OLD = "G-C0E3"  # of a finding, in SNOMED RT
_DCMJS = "99dcmjs"


class Concept(NamedTuple):
    """A code: its value in each of the forms that a report may give it, and what it means."""

    values: tuple[str, ...] = ()
    meaning: str = ""


def items(item: Dataset) -> list[Dataset]:
    """The content items below one, or below the report itself."""
    return _datasets(item, "ContentSequence")


def about(among: Iterable[Dataset], code: Code) -> Iterator[Dataset]:
    """The items of a concept: by its code, or by its meaning where a writer has another code for it."""
    wanted = {code.value, _SITE_OF_OLD} if code == known.FINDING_SITE else {code.value}
    for item in among:
        name = concept(item)
        if wanted.intersection(name.values) or name.meaning.casefold() == code.meaning.casefold():
            yield item


def concept(item: Dataset) -> Concept:
    """What an item is about."""
    return _coded(item, "ConceptNameCodeSequence")


def code(item: Dataset) -> Concept:
    """What an item of type CODE says."""
    return _coded(item, "ConceptCodeSequence")


def text(among: Iterable[Dataset], code: Code) -> str:
    """What the first item of a concept that says something says; empty where none does."""
    return next((told for item in about(among, code) if (told := plain(item, "TextValue"))), "")


def plain(item: Dataset, keyword: str) -> str:
    """An element as one line of text, empty where it is absent."""
    value = item.get(keyword)
    return "" if value is None else " ".join(str(value).split())


def identifier(report: Dataset, keyword: str) -> str:
    """A UID that a report must have."""
    uid = plain(report, keyword)
    if not uid:
        raise LabelError(f"The structured report is damaged: it has no {keyword}.")
    return uid


def region(group: Iterable[Dataset]) -> Dataset | None:
    """The point of a measurement group: its image region, else the point under one of its numbers."""
    among = list(group)
    # A point of another name beside them is where OHIF has put the label.
    own = [item for item in among if known.IMAGE_REGION.value in concept(item).values or not concept(item).values]
    under = [below for item in among if item.get("ValueType") == "NUM" for below in items(item)]
    points = (item for item in (*own, *under) if plain(item, "ValueType") == "SCOORD")
    return next((item for item in points if plain(item, "GraphicType") == "POINT"), None)


def references(among: Iterable[Dataset]) -> Iterator[str]:
    """SOP instance UIDs that items refer to."""
    for item in among:
        for reference in _datasets(item, "ReferencedSOPSequence"):
            if uid := plain(reference, "ReferencedSOPInstanceUID"):
                yield uid


def evidence(report: Dataset) -> Iterator[str]:
    """SOP instance UIDs of the images that a report was made from."""
    for keyword in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"):
        for study in _datasets(report, keyword):
            for series in _datasets(study, "ReferencedSeriesSequence"):
                yield from references([series])


def numbers(item: Dataset, keyword: str) -> list[float]:
    """The finite numbers that an element begins with."""
    value = item.get(keyword)
    found: list[float] = []
    for part in _listed(value):
        try:
            number = float(part)
        except (TypeError, ValueError):
            break
        if not math.isfinite(number):
            break
        found.append(number)
    return found


def measured(item: Dataset) -> float | None:
    """The value of an item of type NUM."""
    for value in _datasets(item, "MeasuredValueSequence"):
        for keyword in ("FloatingPointValue", "NumericValue"):
            if found := numbers(value, keyword):
                return found[0]
    return None


def by_dcmjs(report: Dataset) -> bool:
    """Whether dcmjs, with which OHIF writes, names its coding scheme in a report."""
    schemes = _datasets(report, "CodingSchemeIdentificationSequence")
    return any(plain(scheme, "CodingSchemeDesignator") == _DCMJS for scheme in schemes)


def moment(report: Dataset) -> str:
    """Date and time of a report's content by this machine's clock, ``YYYYMMDDhhmmss.ffffff``.

    A report that names no time zone is taken to be of ours; but dcmjs writes the time of Greenwich without saying so.
    """
    observed = re.fullmatch(r"(\d{8})(\d{6}(?:\.\d{1,6})?)([+-]\d{4})", plain(report, "ObservationDateTime"))
    if observed is not None and (told := _local(observed[1], observed[2], known.zone_of(observed[3]))):
        return told
    zone = known.time_zone(report) or (UTC if by_dcmjs(report) else None)
    for what in ("Content", "Series", "InstanceCreation"):
        if told := _local(plain(report, f"{what}Date"), plain(report, f"{what}Time"), zone):
            return told
    return UNKNOWN_TIME


def _local(date: str, time: str, zone: timezone | None) -> str:
    found = _date_time(date, time)
    try:
        local = found if found is None or zone is None else found.replace(tzinfo=zone).astimezone()
    except (OverflowError, ValueError, OSError):  # the first or last day that there is
        return ""
    return "" if local is None else local.strftime("%Y%m%d%H%M%S.%f").rjust(len(UNKNOWN_TIME), "0")


def _date_time(date: str, time: str) -> datetime | None:
    """A date with its time of day, midnight where there is none; None for what is no date."""
    day = re.fullmatch(r"(\d{4})[.:-]?(\d{2})[.:-]?(\d{2})", date)
    hour = re.match(r"(\d{2}):?(\d{2})?:?(\d{2})?(?:\.(\d{1,6}))?", time)
    if day is None:
        return None
    hours, minutes, seconds, fraction = ("00",) * 4 if hour is None else (part or "00" for part in hour.groups())
    try:
        return datetime.strptime("".join((*day.groups(), hours, minutes, seconds, ".", fraction)), "%Y%m%d%H%M%S.%f")
    except ValueError:  # the 30th of February
        return None


def _coded(item: Dataset, keyword: str) -> Concept:
    for found in _datasets(item, keyword):
        forms = (plain(found, form) for form in ("CodeValue", "LongCodeValue", "URNCodeValue"))
        return Concept(tuple(value for value in forms if value), plain(found, "CodeMeaning"))
    return Concept()


def _datasets(item: Dataset, keyword: str) -> list[Dataset]:
    value = item.get(keyword)
    return list(value) if isinstance(value, Sequence) else []


def _listed(value: Any) -> list[Any]:
    if value is None or isinstance(value, (str, bytes)):
        return []
    return list(value) if isinstance(value, Iterable) else [value]
