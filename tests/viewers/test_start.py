"""``scripts/start.sh --ohif``: the whole demo with one command, and nothing of it left when it ends."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.running import copy_app, server_environment
from tests.viewers.leftovers import alive, all_end, hear_ctrl_c
from tests.viewers.orthanc import find_orthanc, free_port

ROOT = Path(__file__).parents[2]
SEARCH = "proxy/dicom/qido/studies?PatientID=PHANTOM-*&limit=100"


@dataclass
class Demo:
    """The script at work: its process, the server's address, what it has said."""

    process: "subprocess.Popen[bytes]"
    url: str
    log: Path

    def wait(self) -> None:
        """Until the server answers."""
        for _ in range(1200):
            if self.process.poll() is not None:
                break
            try:
                requests.get(f"{self.url}/info/", timeout=20).raise_for_status()
            except requests.RequestException:
                time.sleep(0.1)
            else:
                return
        pytest.fail(self.log.read_text()[-3000:])


@pytest.fixture
def clone(tmp_path) -> Path:
    """The project as a user has cloned it, with blanks in its path, in this environment."""
    if not Path(sys.prefix, ".farnet-requirements.txt").is_file():
        pytest.skip("this environment was not made by scripts/start.sh, which would install into it")
    find_orthanc()
    home = copy_app(tmp_path / "my clone")
    shutil.copytree(ROOT / "scripts", home / "scripts")
    shutil.copy(ROOT / "model" / "pretrained_farnet_demo.pt", home / "model")
    for name in ("requirements.txt", "constraints.txt"):
        shutil.copy(ROOT / name, home)
    return home


@contextmanager
def started(clone: Path, port: int, *arguments: str) -> Iterator[Demo]:
    """The script; whatever is left of it at the block's end is ended."""
    environment = {
        **server_environment(clone.parent),
        "FARNET_VENV": sys.prefix,
        "MONAI_LABEL_DICOMWEB_CACHE_PATH": str(clone.parent / "cache"),
    }
    command = ["bash", str(clone / "scripts" / "start.sh"), "--ohif", "--port", str(port), *arguments]
    log = clone.parent / "start.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=clone.parent, env=environment, stdout=output, stderr=output, preexec_fn=hear_ctrl_c
        )
    try:
        yield Demo(process, f"http://127.0.0.1:{port}", log)
    finally:
        for left in alive(clone):
            os.kill(left, signal.SIGKILL)
        process.wait()


def test_the_whole_demo_by_one_command(clone):
    with started(clone, free_port()) as demo:
        demo.wait()
        assert len(requests.get(f"{demo.url}/{SEARCH}", timeout=60).json()) == 24
        assert requests.get(f"{demo.url}/datastore/", timeout=60).json()["total"] == 24
        assert "<title>OHIF Viewer</title>" in requests.get(f"{demo.url}/ohif/", timeout=60).text
        said = demo.log.read_text()
        assert f"OHIF        {demo.url}/ohif/, choose a study, then 'MONAI Label landmarks'" in said
        assert "24 synthetic radiographs sent to" in said
        demo.process.send_signal(signal.SIGINT)  # Ctrl-C
        assert demo.process.wait(30) == 130
        assert all_end(clone)


def test_two_kinds_of_studies_are_refused(clone):
    with started(clone, free_port(), "--studies", "somewhere") as demo:
        assert demo.process.wait(60) == 2
        assert demo.log.read_text().startswith("farnet: --ohif brings its own studies; for OHIF on your PACS")


def test_a_port_in_use_is_told(clone):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with started(clone, port) as demo:
            assert demo.process.wait(60) == 2
            assert f"farnet: port {port} is in use; give another one with --port.\n" in demo.log.read_text()
