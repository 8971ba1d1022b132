"""``scripts/pacs.sh``: a PACS and a server that live and die together."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.viewers.leftovers import alive, all_end, hear_ctrl_c
from tests.viewers.orthanc import find_orthanc

SCRIPTS = Path(__file__).parents[2] / "scripts"
SCRIPT = """set -euo pipefail
PY="$1" ORTHANC="$2" ORTHANC_DICOMWEB="$3" folder="$4" scripts="$5"
shift 5
. "$scripts/pacs.sh"
start_pacs "$folder"
run_beside_pacs "$@"
"""
SERVER = "import sys, time; print('up', flush=True); time.sleep(600)"


@pytest.fixture
def beside_pacs(tmp_path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Runs Python code as the server beside a PACS with its files in ``tmp_path/a PACS``."""
    program, plugin = find_orthanc()
    running = []

    def run(code: str) -> "subprocess.Popen[str]":
        command = ["bash", "-c", SCRIPT, "bash", sys.executable, program, str(plugin)]
        command += [str(tmp_path / "a PACS"), str(SCRIPTS), sys.executable, "-c", code, str(tmp_path)]
        process = subprocess.Popen(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=hear_ctrl_c
        )
        running.append(process)
        return process

    yield run
    for left in alive(tmp_path):
        os.kill(left, signal.SIGKILL)
    for process in running:
        process.communicate()


def until_up(process: "subprocess.Popen[str]") -> None:
    for line in process.stdout:
        if line == "up\n":
            return
    pytest.fail(process.stderr.read())


def pacs_among(pids: list[int]) -> int:
    [pid] = [pid for pid in pids if Path(f"/proc/{pid}/comm").read_text() == "Orthanc\n"]
    return pid


@pytest.mark.parametrize(("ending", "code"), [("INT", 130), ("TERM", 143), ("HUP", 129), ("KILL", -9)])
def test_whatever_ends_the_script_ends_both(beside_pacs, tmp_path, ending, code):
    process = beside_pacs(SERVER)
    until_up(process)
    assert len(alive(tmp_path)) == 3
    process.send_signal(getattr(signal, f"SIG{ending}"))
    assert process.wait(30) == code
    assert all_end(tmp_path)


def test_the_server_has_the_last_word(beside_pacs, tmp_path):
    process = beside_pacs("raise SystemExit(7)")
    assert process.wait(30) == 7
    assert all_end(tmp_path)


def test_the_server_ends_with_its_pacs(beside_pacs, tmp_path):
    process = beside_pacs(SERVER)
    until_up(process)
    os.kill(pacs_among(alive(tmp_path)), signal.SIGKILL)
    assert process.wait(30) == 1
    assert "farnet: the PACS has ended, so the server ends too.\n" in process.stderr.read()
    assert all_end(tmp_path)


def test_a_server_that_will_not_end_is_ended(beside_pacs, tmp_path, monkeypatch):
    monkeypatch.setenv("PATIENCE_S", "2")
    process = beside_pacs(f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SERVER}")
    until_up(process)
    begun = time.monotonic()
    process.terminate()
    assert process.wait(60) == 143
    assert time.monotonic() - begun > 2  # it had the time to finish what it was doing
    assert all_end(tmp_path)


def test_a_second_pacs_on_the_same_files_is_refused(beside_pacs, tmp_path):
    first = beside_pacs(SERVER)
    until_up(first)
    second = beside_pacs(SERVER)
    assert second.wait(60) == 2
    assert second.stderr.read() == f"farnet: another start.sh --ohif is using {tmp_path / 'a PACS'}; stop it first.\n"
    assert first.poll() is None


def test_a_pacs_that_does_not_start_is_told_with_the_place_of_its_log(beside_pacs, tmp_path):
    (tmp_path / "a PACS" / "storage").mkdir(parents=True)
    (tmp_path / "a PACS" / "storage" / "index").write_text("no database")
    process = beside_pacs(SERVER)
    assert process.wait(60) == 2
    log = tmp_path / "a PACS" / "orthanc.log"
    assert process.stderr.read() == f"farnet: Orthanc did not start; its last words are in {log}\n"
    assert all_end(tmp_path)


def test_only_this_machine_reaches_it(beside_pacs, tmp_path):
    process = beside_pacs(SERVER)
    until_up(process)
    config = (tmp_path / "a PACS" / "orthanc.json").read_text()
    assert '"RemoteAccessAllowed": false' in config
    port = int(config.partition('"HttpPort": ')[2].partition(",")[0])
    assert requests.get(f"http://127.0.0.1:{port}/dicom-web/studies", timeout=20).json() == []
