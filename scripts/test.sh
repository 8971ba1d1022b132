#!/usr/bin/env bash
# Sets up what the tests need and passes them: lint, types, walls, tests. Arguments go to pytest.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT"
. scripts/setup.sh

setup_environment requirements-dev.txt
ruff check .
ruff format --check .
mypy
"$PY" -m pytest "$@"
