"""Whose radiograph it is, without saying who: patient and study as hashes, by which images of one are kept together."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Self

_PLACEHOLDERS = frozenset(
    {"anon", "anonym", "anonymous", "anonymised", "anonymized", "anonymouspatient", "deidentified", "removed"}
    | {"redacted", "unknown", "unnamed", "none", "null", "nil", "nan", "na", "noid", "nopatientid", "id", "patient"}
    | {"patientid", "default", "test"}
)
"""What programs write where they know no patient, in letters and digits only."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Patient and study of an image; None where they are not known.

    The hashes are those of the ids, always the same: whoever has a list of patient ids can find them again. So a file
    with them is pseudonymous, not anonymous.

    Args:
        patient: ``"patient:"`` and 16 hexadecimal digits.
        study: ``"study:"`` and 16 hexadecimal digits.
        number: where the patient's id has an issuer, what ``patient`` would be without: a device that leaves the issuer
            out, or a person who notes the id, means the same patient.
    """

    patient: str | None = None
    study: str | None = None
    number: str | None = None

    @classmethod
    def of(cls, patient: object = None, issuer: object = None, study: object = None) -> Self:
        """The identity that ids stand for; placeholders such as ``"ANONYMOUS"``, ``"0"`` or nothing are no ids.

        Args:
            patient: a patient's id, DICOM's ``PatientID`` or what a user has noted.
            issuer: who gave it, ``IssuerOfPatientID``: the same number of two hospitals is two patients.
            study: ``StudyInstanceUID``.
        """
        person, examination, given_by = _text(patient), _text(study), _text(issuer)
        known = not _is_placeholder(person)
        return cls(
            _hash("patient", given_by, person) if known else None,
            None if _is_placeholder(examination) else _hash("study", examination),
            _hash("patient", "", person) if known and given_by else None,
        )

    def or_else(self, other: Identity) -> Identity:
        """This identity, with what it does not know taken from another one."""
        whose = self if self.patient else other
        return Identity(whose.patient, self.study or other.study, whose.number)


def _text(value: object) -> str:
    """An id as DICOM means it: blanks around it do not count."""
    return str(value).strip(" \0") if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _is_placeholder(text: str) -> bool:
    letters = re.sub(r"[\W_]", "", text.casefold())
    return not letters.strip("0") or not letters.strip("x") or letters in _PLACEHOLDERS


def _hash(kind: str, *parts: str) -> str:
    return f"{kind}:{hashlib.sha256(chr(0).join((kind, *parts)).encode('utf-8', 'replace')).hexdigest()[:16]}"
