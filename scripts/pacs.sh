# shellcheck shell=bash
# Sourced by start.sh --ohif: a PACS of its own with synthetic radiographs, and the server beside it until one of them ends.
#   start_pacs FOLDER        Orthanc on the first free port from 8042 on: sets PACS to its DICOMweb address
#   run_beside_pacs COMMAND  becomes its exit code; whatever ends this shell ends both

children=()
PATIENCE_S="${PATIENCE_S:-15}"

start_pacs() {
    local folder="$1" port
    for port in $(seq 8042 8061); do port_is_free "" "$port" && break || port=""; done
    [ -n "$port" ] || { echo "farnet: no port from 8042 to 8061 is free for the PACS; stop what is using them." >&2; return 2; }
    mkdir -p "$folder/storage"
    # Held by the children as well, so it says for sure that no Orthanc is left on these files; one may be about to end.
    exec 9>"$folder/lock"
    if command -v flock >/dev/null && ! flock --timeout 5 9; then
        echo "farnet: another start.sh --ohif is using $folder; stop it first." >&2
        return 2
    fi
    write_orthanc_config "$folder" "$port"
    trap stop_children EXIT
    # Bash puts a trapped signal off until a command ends, but never one that 'wait' waits for.
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    echo "farnet: starting a PACS with its files in $folder"
    with_this_shell "$ORTHANC" "$folder/orthanc.json" >"$folder/orthanc.log" 2>&1 &
    children+=($!)
    PACS="http://127.0.0.1:$port/dicom-web"
    wait_for_pacs "$!" || { echo "farnet: Orthanc did not start; its last words are in $folder/orthanc.log" >&2; return 2; }
}

run_beside_pacs() {
    local code=0
    with_this_shell "$@" &
    children+=($!)
    wait -n "${children[@]}" || code=$?
    kill -0 "${children[0]}" 2>/dev/null || { echo "farnet: the PACS has ended, so the server ends too." >&2; code=1; }
    return "$code"
}

# Server first, so that it loses no PACS while it answers; patience first, then force.
stop_children() {
    trap '' HUP INT TERM
    local index child
    for ((index = ${#children[@]} - 1; index >= 0; index--)); do
        child="${children[index]}"
        kill "$child" 2>/dev/null || continue
        for _ in $(seq $((PATIENCE_S * 10))); do kill -0 "$child" 2>/dev/null || break; sleep 0.1; done
        kill -KILL "$child" 2>/dev/null || true
    done
    wait
}

# Runs a command that ends when this shell does, even by kill -9; where the system cannot promise that, without.
with_this_shell() {
    if command -v setpriv >/dev/null && setpriv --pdeathsig TERM true 2>/dev/null; then
        exec setpriv --pdeathsig TERM "$@"
    fi
    exec "$@"
}

# Reached from this machine alone: anybody here may read and write, and there is no login to forget.
write_orthanc_config() {
    "$PY" - "$1" "$2" "$ORTHANC_DICOMWEB" >"$1/orthanc.json" <<'PYTHON'
import json, sys

folder, port, plugin = sys.argv[1:]
storage = f"{folder}/storage"
json.dump({
    "Name": "FARNet samples", "StorageDirectory": storage, "IndexDirectory": storage,
    "HttpPort": int(port), "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "DicomServerEnabled": False,
    "Plugins": [plugin], "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
}, sys.stdout, indent=1)
PYTHON
}

# Whether nothing listens there. Any other fault, such as an address of another machine, is the server's to tell.
port_is_free() {
    "$PY" - "$1" "$2" <<'PYTHON'
import errno, socket, sys

try:
    socket.create_server((sys.argv[1], int(sys.argv[2]))).close()
except (OSError, ValueError, OverflowError) as error:
    sys.exit(getattr(error, "errno", None) == errno.EADDRINUSE)
PYTHON
}

# Until it answers, as long as its process is alive.
wait_for_pacs() {
    "$PY" - "$1" "$PACS/studies?limit=1" <<'PYTHON'
import os, sys, time, urllib.request

process, url = int(sys.argv[1]), sys.argv[2]
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
for _ in range(300):
    try:
        direct.open(url, timeout=5).close()
        sys.exit(0)
    except OSError:
        time.sleep(0.1)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        break
sys.exit(1)
PYTHON
}
