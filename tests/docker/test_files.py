"""Compose file, Dockerfile and configuration agree with each other and with what is in the repository."""

import fnmatch
import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import requests
import yaml

from monailabel_app.cli.parser import build_parser
from tests.viewers.orthanc import running_orthanc

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
COMPOSE_TEXT = (DOCKER / "compose.yaml").read_text()
SERVICES = yaml.safe_load(COMPOSE_TEXT)["services"]
DOCKERFILE = (DOCKER / "Dockerfile").read_text().replace("\\\n", " ")


def instructions(name: str) -> list[list[str]]:
    """The words of each instruction of this name in the Dockerfile."""
    return [shlex.split(line)[1:] for line in DOCKERFILE.splitlines() if line.startswith(f"{name} ")]


def test_every_file_that_is_named_exists():
    build = SERVICES["farnet"]["build"]
    assert (DOCKER / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service["volumes"]]
    files = [name for name in mounted if name.startswith(".")]
    assert files == ["./orthanc.json"]
    assert all((DOCKER / name).is_file() for name in files)
    assert set(mounted) - set(files) == set(yaml.safe_load(COMPOSE_TEXT)["volumes"])


def test_what_is_copied_is_in_git_and_let_through():
    sources = [source for words in instructions("COPY") for source in words[:-1]]
    assert sources
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    let_through = re.findall(r"^!(.+)$", (DOCKER / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    assert sorted(let_through) == sorted(sources)
    for source in sources:
        assert fnmatch.filter(tracked.stdout.splitlines(), f"{source}*"), source


def test_images_are_pinned_and_no_port_is_published_to_the_network():
    images = [SERVICES["orthanc"]["image"], *(words[0] for words in instructions("FROM"))]
    assert all(re.search(r":\d+\.\d+", image) for image in images)
    ports = [port for service in SERVICES.values() for port in service["ports"]]
    assert len(ports) == 3
    assert all(re.match(r"\$\{(DICOM_)?BIND:-127\.0\.0\.1\}:", port) for port in ports)


def test_every_variable_is_explained_and_passwords_have_no_default():
    variables = dict(re.findall(r"\$\{(\w+):([-?])", COMPOSE_TEXT))
    explained = re.findall(r"^#?([A-Z_]+)=", (DOCKER / "example.env").read_text(), re.MULTILINE)
    assert sorted(variables) == sorted(explained)
    assert {name for name, kind in variables.items() if kind == "?"} == {"PACS_USER", "PACS_PASSWORD"}
    assert "/docker/.env" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_command_is_one_that_the_app_understands():
    [entry] = re.findall(r"^ENTRYPOINT (\[.*\])$", DOCKERFILE, re.MULTILINE)
    command = json.loads(entry) + [re.sub(r"\$\{\w+:-(.*)\}", r"\1", word) for word in SERVICES["farnet"]["command"]]
    assert command[:3] == ["python", "main.py", "serve"]
    options = build_parser().parse_args(command[2:])
    assert (options.host, options.port, options.models) == ("0.0.0.0", 8000, "farnet_demo")
    assert options.studies == "http://orthanc:8042/dicom-web"
    assert SERVICES["farnet"]["ports"] == ["${BIND:-127.0.0.1}:${PORT:-8000}:8000"]


def test_it_does_not_run_as_root():
    assert instructions("USER") == [["farnet"]]
    assert DOCKERFILE.index("USER farnet") < DOCKERFILE.index("ENTRYPOINT")


def test_a_real_orthanc_takes_the_configuration(tmp_path):
    config = json.loads((DOCKER / "orthanc.json").read_text())
    apart = {"DicomServerEnabled": False}  # its port may be taken here
    with running_orthanc(tmp_path / "orthanc", ("farnet", "secret"), {**config, **apart}) as pacs:
        assert pacs.get("/system")["Name"] == "FARNet studies"
        assert pacs.get("/dicom-web/studies") == []
        assert requests.get(f"{pacs.url}/dicom-web/studies", timeout=20).status_code == 401
