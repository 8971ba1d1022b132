"""A DICOMweb server: search, retrieve and store, and one sentence for everything that goes wrong with it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pydicom
import requests
from dicomweb_client.web import DICOMwebClient
from monailabel.config import settings
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from monailabel_app.errors import NotFoundError, StudiesError

logger = logging.getLogger(__name__)
for chatty in ("dicomweb_client", "highdicom"):  # one line a request, every few seconds
    logging.getLogger(chatty).setLevel(logging.WARNING)

TIMEOUTS_S = (5.0, 60.0)
"""To connect, and between two pieces of an answer; dicomweb-client would wait for ever."""
ATTEMPTS = 4
WHOLE_BODY = 1 << 30
"""dicomweb-client sends what is longer in chunks, and a request of chunks cannot be sent a second time."""
TOKEN = "FARNET_DICOMWEB_TOKEN"  # noqa: S105 - the variable's name
_PASSING = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE)


class PacsAwayError(StudiesError):
    """The DICOMweb server does not answer (503)."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class PacsRefusedError(StudiesError):
    """The DICOMweb server answers, but not with what was asked for (502)."""

    status = HTTPStatus.BAD_GATEWAY


@dataclass(frozen=True, slots=True)
class Place:
    """Where an instance is: its study, series and SOP instance UID."""

    study: str
    series: str
    instance: str


class Pacs:
    """A DICOMweb server.

    Login and prefixes come from MONAI Label's settings ``MONAI_LABEL_DICOMWEB_USERNAME``, ``..._PASSWORD`` and
    ``MONAI_LABEL_{QIDO,WADO,STOW}_PREFIX``, a bearer token from ``FARNET_DICOMWEB_TOKEN``, trusted certificates from
    ``REQUESTS_CA_BUNDLE``.

    Args:
        url: its address, such as ``http://localhost:8042/dicom-web``.

    Raises:
        ValueError: no such address can be.
    """

    def __init__(self, url: str) -> None:
        self.url = url.strip().rstrip("/")
        self._patient = _client(self.url, ATTEMPTS)
        self._brisk = _client(self.url, 1)

    def series(self, modality: str, filters: Mapping[str, str] | None = None) -> list[pydicom.Dataset]:
        """All series of a modality, without waiting for a server that is away.

        Raises:
            PacsAwayError, PacsRefusedError: it does not answer, or not with that.
        """
        with self._one_sentence():
            return list(self._all_series({**(filters or {}), "Modality": modality}))

    def instances(self, study: str, series: str) -> list[pydicom.Dataset]:
        """The instances of a series: class, number, rows, columns and frames; errors as :meth:`series`."""
        with self._one_sentence():
            found = self._brisk.search_for_instances(
                study, series, fields=["SOPClassUID", "InstanceNumber", "Rows", "Columns", "NumberOfFrames"]
            )
            return [pydicom.Dataset.from_json(item) for item in found]

    def series_of(self, instance: str) -> str | None:
        """The series of an instance; None where there is no such instance; errors as :meth:`series`."""
        with self._one_sentence():
            found = self._brisk.search_for_instances(search_filters={"SOPInstanceUID": instance})
            return str(pydicom.Dataset.from_json(found[0]).SeriesInstanceUID) if found else None

    def metadata(self, place: Place) -> pydicom.Dataset:
        """An instance without its pixels; errors as :meth:`retrieve`."""
        with self._one_sentence():
            found = self._patient.retrieve_instance_metadata(place.study, place.series, place.instance)
            return pydicom.Dataset.from_json(found, bulk_data_uri_handler=lambda *_: None)

    def retrieve(self, place: Place) -> pydicom.Dataset:
        """An instance as it is stored, compressed as it is.

        Raises:
            NotFoundError: it is no longer there.
            PacsAwayError, PacsRefusedError: the server does not answer, or not with that.
        """
        with self._one_sentence():
            return self._patient.retrieve_instance(place.study, place.series, place.instance)

    def store(self, dataset: pydicom.Dataset) -> None:
        """Store an instance; storing it a second time changes nothing.

        Raises:
            PacsRefusedError: the server does not take it.
            PacsAwayError: it does not answer, and whether it has stored the instance is not known.
        """
        with self._one_sentence():
            answer = self._patient.store_instances([dataset])
        failed = answer.get("FailedSOPSequence")
        if failed:
            reason = failed[0].get("FailureReason") or 0
            raise PacsRefusedError(f"The DICOMweb server {self.url} did not store the file: failure {reason:#06x}.")

    def _all_series(self, filters: dict[str, str]) -> Iterator[pydicom.Dataset]:
        """Page by page; dicomweb-client's own paging never ends with a server that knows no ``offset``."""
        seen: set[str] = set()
        offset = 0
        while True:
            page = self._brisk.search_for_series(
                fields=["Modality", "NumberOfSeriesRelatedInstances"], search_filters=filters, offset=offset
            )
            found = [pydicom.Dataset.from_json(item) for item in page]
            new = [series for series in found if str(series.get("SeriesInstanceUID")) not in seen]
            yield from new
            if not new:
                return
            seen.update(str(series.get("SeriesInstanceUID")) for series in new)
            offset += len(page)

    @contextmanager
    def _one_sentence(self) -> Iterator[None]:
        try:
            yield
        except requests.HTTPError as error:
            raise self._refused(error) from error
        except requests.exceptions.SSLError as error:
            raise PacsAwayError(
                f"The certificate of the DICOMweb server {self.url} is not trusted: set REQUESTS_CA_BUNDLE to the file "
                "of its authority."
            ) from error
        except requests.exceptions.JSONDecodeError as error:
            raise PacsRefusedError(f"What answers at {self.url} is no DICOMweb server.") from error
        except requests.RequestException as error:
            logger.debug("DICOMweb: %s", error)
            raise PacsAwayError(
                f"The DICOMweb server {self.url} does not answer: try again when it is back."
            ) from error
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, pydicom.errors.InvalidDicomError) as error:
            raise PacsRefusedError(
                f"The DICOMweb server {self.url} sent something that cannot be read: {str(error)[:200]}."
            ) from error

    def _refused(self, error: requests.HTTPError) -> StudiesError:
        status = error.response.status_code
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return PacsRefusedError(
                f"The DICOMweb server {self.url} refuses the login: check MONAI_LABEL_DICOMWEB_USERNAME and "
                f"MONAI_LABEL_DICOMWEB_PASSWORD, or {TOKEN}."
            )
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return NotFoundError(f"The DICOMweb server {self.url} does not have what was asked for (any more).")
        if status in _PASSING or status == HTTPStatus.GATEWAY_TIMEOUT:
            return PacsAwayError(f"The DICOMweb server {self.url} is not ready (status {status}): try again later.")
        return PacsRefusedError(f"The DICOMweb server {self.url} refuses the request (status {status}).")


def authorise(session: requests.Session) -> requests.Session:
    """Give a session the login of the DICOMweb server."""
    name, password = settings.MONAI_LABEL_DICOMWEB_USERNAME, settings.MONAI_LABEL_DICOMWEB_PASSWORD
    if name and password:
        session.auth = (name, password)
    if token := os.environ.get(TOKEN):
        session.headers["Authorization"] = f"Bearer {token}"
    return session


class _TimedAdapter(HTTPAdapter):
    """Sends with a limit of time; requests has none of its own."""

    def send(self, request: requests.PreparedRequest, **more: Any) -> requests.Response:  # type: ignore[override]
        return super().send(request, **{**more, "timeout": more.get("timeout") or TIMEOUTS_S})


def _client(url: str, attempts: int) -> DICOMwebClient:
    session = authorise(requests.Session())
    retry = Retry(
        total=attempts - 1,
        backoff_factor=0.5,
        status_forcelist=[int(status) for status in _PASSING],
        allowed_methods=None,  # POST too: an instance that is stored twice is the same instance
        raise_on_status=False,
        respect_retry_after_header=False,  # it may say an hour, while a person waits
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, _TimedAdapter(max_retries=retry))
    client = DICOMwebClient(
        url,
        session,
        settings.MONAI_LABEL_QIDO_PREFIX or None,
        settings.MONAI_LABEL_WADO_PREFIX or None,
        settings.MONAI_LABEL_STOW_PREFIX or None,
        chunk_size=WHOLE_BODY,
    )
    client.set_http_retry_params(retry=False)
    return client
