"""Starts that cannot work end at once with one sentence."""

import subprocess

from tests.running import conf_arguments, copy_app, server_command, server_environment


def test_an_unknown_model_starts_no_server(tmp_path):
    command = [*server_command(), "start_server", "--app", str(copy_app(tmp_path / "app"))]
    command += ["--studies", str(tmp_path / "studies"), "--host", "127.0.0.1", "--port", "1"]
    command += conf_arguments({"models": "farnet_foot"})
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=server_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    sentence = "farnet: Unknown model 'farnet_foot': choose of farnet_ceph, farnet_hand, farnet_spine, farnet_demo."
    assert sentence in done.stderr.splitlines()
    assert "Traceback" not in done.stdout + done.stderr
