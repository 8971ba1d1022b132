"""A real server on a folder of radiographs, as a process, for benchmarks over HTTP."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 300.0


def app_folder(folder: Path, weights: Mapping[str, Path], code: Path = ROOT) -> Path:
    """An app with the project's code, and weights of its own by model."""
    (folder / "model").mkdir(parents=True)
    for name in ("lib", "monailabel_app"):
        shutil.copytree(code / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(code / "main.py", folder)
    for model, path in weights.items():
        shutil.copy(path, folder / "model" / f"{model}.pt")
    return folder


@contextmanager
def running_server(app: Path, studies: Path, models: str) -> Iterator[str]:
    """The address of a server, which is ended with the block.

    Raises:
        RuntimeError: it ended, or does not answer.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "monailabel.main", "start_server", "--app", str(app), "--studies", str(studies)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--conf", "models", models]
    log = app / "server.log"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MONAI_LABEL")}
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=app, env=environment, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603 - ours
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(url, process, log)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            requests.get(f"{url}/info/", timeout=60).raise_for_status()
        except requests.RequestException:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"The server did not start:\n{log.read_text()[-2000:]}")
