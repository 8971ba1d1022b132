# shellcheck shell=bash
# Sourced by start.sh and test.sh: a virtual environment with pinned requirements. Does nothing when they are there already.
#   setup_environment REQUIREMENTS_FILE
#   debian_packages NAME ...

setup_environment() {
    local requirements="$1" environment="${FARNET_VENV:-$ROOT/.venv}" python="${PYTHON:-python3.11}"
    PY="$environment/bin/python"
    if [ ! -x "$PY" ]; then
        command -v "$python" >/dev/null || { echo "farnet: Python 3.11 is needed; set PYTHON to its path." >&2; return 2; }
        "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "farnet: $python is not Python 3.11, which MONAI Label 0.8.5 needs." >&2; return 2; }
        echo "farnet: making a virtual environment in $environment"
        "$python" -m venv "$environment"
    fi
    local wanted stamp="$environment/.farnet-$requirements"
    wanted="$(cat "$ROOT/requirements.txt" "$ROOT/$requirements" "$ROOT/constraints.txt" | cksum)"
    if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        echo "farnet: installing $requirements (some minutes the first time)"
        "$PY" -m pip install --disable-pip-version-check --quiet -r "$ROOT/$requirements" -c "$ROOT/constraints.txt"
        mend_wrapper "$environment"
        printf '%s' "$wanted" >"$stamp"
    fi
    export PATH="$environment/bin:$PATH"
}

# MONAI Label's own command is a shell script that splits arguments at blanks and takes whatever python is first on the PATH.
mend_wrapper() {
    cat >"$1/bin/monailabel" <<'WRAPPER'
#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/python" -m monailabel.main "$@"
WRAPPER
    chmod +x "$1/bin/monailabel"
}

# Installs packages, or returns 1: on another system, without root, without a network.
debian_packages() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then return 1; fi
    echo "farnet: installing $*"
    local apt=(apt-get -qq -o DPkg::Lock::Timeout=120)
    "${apt[@]}" update && DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y --no-install-recommends "$@" >/dev/null
}
