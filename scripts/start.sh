#!/usr/bin/env bash
# Sets everything up on a fresh machine and starts the server. Can be run again at no cost.
#   scripts/start.sh [--studies DIR] [--models NAMES] [--host H] [--port P] [--conf KEY VALUE] ...
# Without --studies: synthetic sample studies. Without --models: the demo model that comes with the project.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
. "$ROOT/scripts/setup.sh"

host=127.0.0.1 port=8000 studies="" rest=()
while [ $# -gt 0 ]; do
    case "$1" in
        -h | --help) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;;
        --host) host="$2"; shift 2 ;;
        --port) port="$2"; shift 2 ;;
        --studies) studies="$2"; shift 2 ;;
        *) rest+=("$1"); shift ;;
    esac
done

setup_environment requirements.txt
if [ -z "$studies" ]; then
    studies="$ROOT/studies"
    if [ ! -f "$studies/datastore_v2.json" ]; then
        echo "farnet: making sample studies in $studies"
        "$PY" "$ROOT/main.py" phantoms cephalometric_19 "$studies" --count 24 --unlabelled 12 --seed 5000
    fi
fi

cat <<TEXT

farnet: starting on http://$host:$port (stop with Ctrl-C)
  3D Slicer   extension MONAILabel, drag slicer/FARNetLandmarks onto Slicer, server http://$host:$port (docs/slicer.md)
  REST        curl 'http://$host:$port/info/'
              curl -X POST 'http://$host:$port/infer/farnet_demo?image=cephalometric_19_phantom_5012&output=json'
  API pages   http://$host:$port/

TEXT
exec "$PY" "$ROOT/main.py" serve --studies "$studies" --host "$host" --port "$port" ${rest[@]+"${rest[@]}"}
