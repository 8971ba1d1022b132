"""A real server for tests: a process, started as users start it, on a copy of the app with its own studies."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from lib.datasets.phantoms import Phantom, make_phantom, write_dicom_dx
from lib.formats import json_text, markups_document
from lib.landmarks import Landmarks
from lib.radiographs import read_header
from tests.tiny import FILE_SIZE, KIND

ROOT = Path(__file__).parents[1]
STARTUP_S = 120


@dataclass(frozen=True)
class Server:
    """Requests to the server, and where its files lie."""

    url: str
    app: Path
    studies: Path
    scratch: Path

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        return requests.request(method, f"{self.url}{path}", timeout=120, **more)

    def get(self, path: str, **more: Any) -> Any:
        response = self.request("GET", path, **more)
        response.raise_for_status()
        return response.json()

    def infer(self, model: str = "farnet_demo", **more: Any) -> requests.Response:
        return self.request("POST", f"/infer/{model}", **more)

    def find(self, image: str) -> dict[str, Any]:
        """The JSON answer for an image of the studies."""
        response = self.infer(params={"image": image, "output": "json"}, data={"params": '{"device": "cpu"}'})
        assert response.status_code == 200, response.text
        return dict(response.json())

    def put_image(self, image: str, path: Path) -> requests.Response:
        files = {"file": (path.name, path.read_bytes())}
        return self.request("PUT", "/datastore/image", params={"image": image}, files=files)

    def put_label(self, image: str, content: str | bytes, **more: Any) -> requests.Response:
        return self.request(
            "PUT", "/datastore/label", params={"image": image, **more}, files={"label": ("label.mrk.json", content)}
        )


def save_phantom(path: Path, seed: int) -> Phantom:
    """A phantom cephalogram as a PNG or DICOM file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    phantom = make_phantom(KIND, seed, FILE_SIZE, bits=12 if path.suffix == ".dcm" else 8)
    if path.suffix == ".dcm":
        write_dicom_dx(path, phantom)
    else:
        Image.fromarray(phantom.pixels).save(path)
    return phantom


def label_of(path: Path, landmarks: Landmarks) -> str:
    """The markups file that Slicer would submit for an image."""
    return json_text(markups_document(landmarks, read_header(path).geometry, title="submitted"))


def copy_app(folder: Path) -> Path:
    """The app as a user would have cloned it, without the repository's models."""
    for name in ("lib", "monailabel_app"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "main.py", folder)
    (folder / "model").mkdir()
    return folder


def server_command() -> list[str]:
    """``monailabel``, where the set-up has mended MONAI Label's own wrapper; the module otherwise."""
    wrapper = Path(sys.executable).with_name("monailabel")
    if wrapper.is_file() and "readlink" in wrapper.read_text():
        return [str(wrapper)]
    return [sys.executable, "-m", "monailabel.main"]


def server_environment(scratch: Path) -> dict[str, str]:
    """The environment without what a user's own settings, or another checkout, would bring in."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MONAI_LABEL", "PYTHONPATH"))}
    sessions = str(scratch / "sessions")
    return {**kept, "MONAI_LABEL_SESSION_PATH": sessions, "CUDA_VISIBLE_DEVICES": "", "TMPDIR": str(scratch)}


def conf_arguments(conf: dict[str, str]) -> list[str]:
    return [text for key, value in conf.items() for text in ("--conf", key, value)]


@contextmanager
def running_server(
    home: Path,
    scratch: Path,
    conf: dict[str, str],
    studies: str = "../my studies",
    environment: dict[str, str] | None = None,
) -> Iterator[Server]:
    """A server on ``home/the app`` (see :func:`copy_app`) and ``home/my studies``, ended with the block.

    Args:
        home: a folder; blanks in its paths are meant.
        scratch: the server's temporary folder.
        conf: what follows ``--conf``.
        studies: other studies, such as the address of a DICOMweb server.
        environment: added to the server's environment.
    """
    elsewhere = home / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*server_command(), "start_server", "--app", "../the app", "--studies", studies]
    command += ["--host", "127.0.0.1", "--port", str(port), *conf_arguments(conf)]
    log = home / "server.log"
    surroundings = {**server_environment(scratch), **(environment or {})}
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=elsewhere, env=surroundings, stdout=output, stderr=subprocess.STDOUT)
    try:
        running = Server(f"http://127.0.0.1:{port}", home / "the app", home / "my studies", scratch)
        wait_for(running, process, log)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_for(server: Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + STARTUP_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.get("/info/")
        except requests.RequestException:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"The server did not start:\n{log.read_text()[-3000:]}")
