#!/usr/bin/env bash
# Sets up what the tests need and passes them: lint, types, walls, tests. Arguments go to pytest.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT"
. scripts/setup.sh
. scripts/viewers.sh

# Qt and the slice view of 3D Slicer draw without a display, but not without these.
drawing_libraries() {
    local missing="" there packages="libegl1 libgl1 libgl1-mesa-dri libxkbcommon0 libfontconfig1 libdbus-1-3"
    there="$(ldconfig -p 2>/dev/null || true)"
    for library in libEGL.so.1 libGL.so.1 libxkbcommon.so.0 libfontconfig.so.1 libdbus-1.so.3; do
        case "$there" in *"$library"*) ;; *) missing="$missing $library" ;; esac
    done
    [ -z "$missing" ] && return
    # shellcheck disable=SC2086 # one word a package
    debian_packages $packages && return
    echo "farnet: not found:$missing; tests that draw are skipped (Debian: $packages)" >&2
}

# Another version of Slicer's core, in a folder of its own that goes before the environment's.
newest_slicer() {
    local folder stamp
    folder="$(dirname "$PY")/../slicer" stamp="$(cksum <requirements-slicer.txt)"
    if [ "$(cat "$folder/.farnet" 2>/dev/null)" != "$stamp" ]; then
        rm -rf "$folder"
        "$PY" -m pip install --disable-pip-version-check --quiet --no-deps --target "$folder" -r requirements-slicer.txt
        printf '%s' "$stamp" >"$folder/.farnet"
    fi
    NEWEST_SLICER="$(cd "$folder" && pwd)"
}

setup_environment requirements.txt # as start.sh does, which is tested too
setup_environment requirements-dev.txt
drawing_libraries
# What cannot be had here is said, and its tests are skipped.
find_orthanc || true
find_chromium || true
find_ohif || true
ruff check .
ruff format --check .
mypy
if [ $# -gt 0 ]; then
    exec "$PY" -m pytest "$@"
fi
# A process for each core, on one core each: the networks of the tests are too small to share out.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
"$PY" -m pytest -n logical --maxprocesses 4 --dist loadfile --durations 25
newest_slicer
echo "farnet: once more with $(grep '^slicer-core' requirements-slicer.txt)"
PYTHONPATH="$NEWEST_SLICER" "$PY" -m pytest tests/slicer/test_geometry_table.py tests/slicer/test_lists.py \
    tests/slicer/test_session.py tests/slicer/test_bridge.py tests/slicer/test_companion.py
