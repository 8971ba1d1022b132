#!/usr/bin/env bash
# Sets everything up on a fresh machine and starts the server. Can be run again at no cost.
#   scripts/start.sh [--studies DIR | --ohif] [--models NAMES] [--host H] [--port P] [--conf KEY VALUE] ...
# Without --studies: synthetic sample studies. Without --models: the demo model that comes with the project.
# With --ohif: the samples lie in a PACS of their own (Orthanc), and OHIF in the browser shows them.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
. "$ROOT/scripts/setup.sh"
. "$ROOT/scripts/viewers.sh"
. "$ROOT/scripts/pacs.sh"

host=127.0.0.1 port=8000 studies="" ohif="" rest=()
while [ $# -gt 0 ]; do
    case "$1" in
        -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
        --host) host="$2"; shift 2 ;;
        --port) port="$2"; shift 2 ;;
        --studies) studies="$2"; shift 2 ;;
        --ohif) ohif=yes; shift ;;
        *) rest+=("$1"); shift ;;
    esac
done
if [ -n "$ohif" ] && [ -n "$studies" ]; then
    echo "farnet: --ohif brings its own studies; for OHIF on your PACS give its address: --studies http://.../dicom-web" >&2
    exit 2
fi
samples=(phantoms cephalometric_19)
chosen=(--count 24 --seed 5000)

export GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-30000}" # threads that wait for work shall not keep a core busy for long
setup_environment requirements.txt
port_is_free "$host" "$port" || { echo "farnet: port $port is in use; give another one with --port." >&2; exit 2; }
if [ -n "$ohif" ]; then
    find_orthanc || exit 2
    start_pacs "$ROOT/studies-pacs"
    studies="$PACS"
    "$PY" "$ROOT/main.py" "${samples[@]}" "$studies" "${chosen[@]}"
elif [ -z "$studies" ]; then
    studies="$ROOT/studies"
    if [ ! -f "$studies/datastore_v2.json" ]; then
        echo "farnet: making sample studies in $studies"
        "$PY" "$ROOT/main.py" "${samples[@]}" "$studies" "${chosen[@]}" --unlabelled 12
    fi
fi

echo
echo "farnet: starting on http://$host:$port (stop with Ctrl-C)"
case "$studies" in
    http://* | https://*) cat <<TEXT
  OHIF        http://$host:$port/ohif/, choose a study, then 'MONAI Label landmarks'
  PACS        $studies
TEXT
        ;;
esac
cat <<TEXT
  3D Slicer   extension MONAILabel, drag slicer/FARNetLandmarks onto Slicer, server http://$host:$port (docs/slicer.md)
  REST        curl 'http://$host:$port/info/'
TEXT
if [ "$studies" = "$ROOT/studies" ]; then
    echo "              curl -X POST 'http://$host:$port/infer/farnet_demo?image=cephalometric_19_phantom_5012&output=json'"
fi
echo "  API pages   http://$host:$port/"
echo
server=("$PY" "$ROOT/main.py" serve --studies "$studies" --host "$host" --port "$port" ${rest[@]+"${rest[@]}"})
if [ -n "$ohif" ]; then run_beside_pacs "${server[@]}"; else exec "${server[@]}"; fi
