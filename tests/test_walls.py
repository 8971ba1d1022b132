"""The walls of the house: who may import whom (contracts in pyproject.toml)."""

import subprocess
import sys
from pathlib import Path


def test_no_import_crosses_a_wall():
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
