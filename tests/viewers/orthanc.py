"""A real PACS for tests: Orthanc with its DICOMweb plugin, a process of its own on a free port of 127.0.0.1."""

import io
import json
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydicom
import pytest
import requests

from tests.viewers.tls import tls_in_front

__all__ = ["Orthanc", "find_orthanc", "free_port", "running_orthanc", "tls_in_front"]

STARTUP_S = 60
PLUGIN = "libOrthancDicomWeb.so"
PLUGIN_FOLDERS = (Path("/usr/share/orthanc/plugins"), Path("/usr/local/share/orthanc/plugins"))
PACKAGES = "Debian: apt-get install orthanc orthanc-dicomweb, or scripts/test.sh as root"


def find_orthanc() -> tuple[str, Path]:
    """The program and its DICOMweb plugin; the test skips visibly where one of them is missing."""
    program = shutil.which("Orthanc", path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin")
    plugin = next((folder / PLUGIN for folder in PLUGIN_FOLDERS if (folder / PLUGIN).exists()), None)
    if program is None or plugin is None:
        pytest.skip(f"Orthanc with DICOMweb is not installed ({PACKAGES})")
    return program, plugin


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Orthanc:
    """A PACS whose files lie in a folder, so that it can be killed and started again.

    Args:
        folder: for its configuration, log and files.
        login: name and password that every request needs.
        more: further elements of Orthanc's configuration.

    Attributes:
        port: where it listens, always the same.
        url: its address.
        requests: a session with the login.
        log: the file of what it says.
    """

    def __init__(self, folder: Path, login: tuple[str, str] | None = None, more: dict[str, Any] | None = None) -> None:
        self._program, plugin = find_orthanc()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = folder
        (folder / "storage").mkdir(parents=True, exist_ok=True)
        self.log = folder / "orthanc.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.requests = requests.Session()
        self.requests.trust_env = False
        self.requests.auth = login
        config: dict[str, Any] = {
            "Name": "FARNet tests",
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "HttpPort": self.port,
            "DicomServerEnabled": False,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": login is not None,
            "RegisteredUsers": dict([login]) if login else {},
            "Plugins": [str(plugin)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        (folder / "orthanc.json").write_text(json.dumps({**config, **(more or {})}))

    @property
    def dicomweb(self) -> str:
        """The address for ``--studies``."""
        return f"{self.url}/dicom-web"

    # --- alive and dead ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start and wait until it answers; after :meth:`kill` on the same files and port."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, str(self._folder / "orthanc.json")], cwd=self._folder, stdout=log, stderr=log
            )
        deadline = time.monotonic() + STARTUP_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.get("/system")
            except requests.ConnectionError:
                time.sleep(0.05)
            else:
                return
        pytest.fail(f"Orthanc did not start:\n{self.log.read_text()[-3000:]}")

    def kill(self) -> None:
        """As a power cut would: ``kill -9``."""
        if self._process:
            self._process.kill()
            self._process.wait()

    # --- what it holds -------------------------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        """The JSON answer of its REST interface."""
        response = self.requests.get(f"{self.url}{path}", timeout=60)
        response.raise_for_status()
        return response.json()

    def store(self, *files: Path) -> list[str]:
        """Store files by the REST interface: Orthanc's own identifiers of the instances."""
        stored = []
        for file in files:
            response = self.requests.post(f"{self.url}/instances", data=file.read_bytes(), timeout=60)
            assert response.status_code == 200, f"{file.name}: {response.text}"
            stored.append(str(response.json()["ID"]))
        return stored

    def stow(self, *files: Path) -> requests.Response:
        """Store files as DICOMweb's STOW-RS does, in one request."""
        boundary = uuid.uuid4().hex
        body = b"".join(
            f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode() + file.read_bytes() + b"\r\n"
            for file in files
        )
        return self.requests.post(
            f"{self.dicomweb}/studies",
            data=body + f"--{boundary}--\r\n".encode(),
            headers={
                "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
                "Accept": "application/dicom+json",
            },
            timeout=60,
        )

    def instances(self, modality: str | None = None) -> list[dict[str, str]]:
        """The tags of all instances, by keyword, or of those of one modality; ``ID`` is Orthanc's own identifier."""
        found = [
            {**self.get(f"/instances/{identifier}/simplified-tags"), "ID": identifier}
            for identifier in self.get("/instances")
        ]
        return [tags for tags in found if modality in (None, tags.get("Modality"))]

    def file(self, identifier: str) -> bytes:
        """An instance as it was stored, by Orthanc's own identifier."""
        response = self.requests.get(f"{self.url}/instances/{identifier}/file", timeout=60)
        response.raise_for_status()
        return response.content

    def reports(self) -> list[pydicom.Dataset]:
        """All structured reports."""
        return [pydicom.dcmread(io.BytesIO(self.file(tags["ID"]))) for tags in self.instances("SR")]

    def delete(self, uid: str) -> None:
        """Forget an instance, by its SOP instance UID."""
        found = self.requests.post(f"{self.url}/tools/lookup", data=uid, timeout=60).json()
        for match in found:
            if match["Type"] == "Instance":
                self.requests.delete(f"{self.url}{match['Path']}", timeout=60).raise_for_status()


@contextmanager
def running_orthanc(
    folder: Path, login: tuple[str, str] | None = None, more: dict[str, Any] | None = None
) -> Iterator[Orthanc]:
    """A PACS that ends with the block, however that ends; see :class:`Orthanc`."""
    pacs = Orthanc(folder, login, more)
    try:
        pacs.start()
        yield pacs
    finally:
        pacs.kill()  # to end in order takes it 2.5 s, and nobody needs its files any more
