# shellcheck shell=bash
# Sourced by start.sh and test.sh, after setup.sh: programs around the viewers that are no Python packages. Each function
# does nothing where its program is there already, and otherwise installs it or says in one sentence that it is missing.
#   find_orthanc       Orthanc, a DICOM server, with its DICOMweb plugin: sets ORTHANC and ORTHANC_DICOMWEB
#   find_chromium      a browser without a window, and letters for it to draw
#   find_ohif          an OHIF newer than the one in MONAI Label's wheel: sets OHIF

find_orthanc() {
    if ! locate_orthanc; then
        debian_packages orthanc orthanc-dicomweb || true
        # Debian starts what it installs: a server for other machines' DICOM, which nobody has asked for here.
        systemctl disable --now orthanc 2>/dev/null || true
        locate_orthanc || { echo "farnet: Orthanc with DICOMweb not found (Debian: orthanc orthanc-dicomweb)" >&2; return 1; }
    fi
}

# Debian keeps the program where only root's PATH leads, and Orthanc's own packages keep the plugin elsewhere.
locate_orthanc() {
    local folder
    # shellcheck disable=SC2034 # read by pacs.sh
    ORTHANC="$(PATH="$PATH:/usr/local/sbin:/usr/sbin" command -v Orthanc)" || return 1
    for folder in /usr/share/orthanc/plugins /usr/local/share/orthanc/plugins; do
        ORTHANC_DICOMWEB="$folder/libOrthancDicomWeb.so"
        [ -e "$ORTHANC_DICOMWEB" ] && return
    done
    return 1
}

find_chromium() {
    command -v chromium >/dev/null && return
    debian_packages chromium fonts-dejavu-core || true
    command -v chromium >/dev/null || { echo "farnet: Chromium not found (Debian: chromium fonts-dejavu-core)" >&2; return 1; }
}

OHIF_VERSION=3.13.2
# What `npm view @ohif/app@3.13.2 dist.integrity` says, in hexadecimal digits.
OHIF_SHA512=5997719a9986eeba85816f5924b71b82bdd70ad2e2d4a0cd3e831a798e4f3deea3e06e1f8c48e393271933a0ba664d85f3b04ac457e9abe8dde715d907d13c10

# A folder beside the environment, as test.sh has for Slicer. Two parts stay out: a runtime for segmentation in the browser
# and the viewer of microscopy, three quarters of the package.
find_ohif() {
    OHIF="$(dirname "$PY")/../ohif"
    if [ "$(cat "$OHIF/.farnet" 2>/dev/null)" != "$OHIF_VERSION" ]; then
        echo "farnet: fetching OHIF $OHIF_VERSION (50 MB)"
        rm -rf "$OHIF"
        mkdir -p "$OHIF"
        if ! { fetch_ohif "$OHIF/app.tgz" && unpack_ohif "$OHIF/app.tgz"; }; then
            rm -rf "$OHIF"
            echo "farnet: OHIF $OHIF_VERSION could not be fetched from npm; MONAI Label's own OHIF is there" >&2
            return 1
        fi
        printf '%s' "$OHIF_VERSION" >"$OHIF/.farnet"
    fi
    OHIF="$(cd "$OHIF/dist" && pwd)"
}

# npm may not be there, and where it is it knows which registry to ask.
fetch_ohif() {
    local registry
    registry="$(npm config get registry 2>/dev/null)" || registry=""
    [ -n "$registry" ] || registry=https://registry.npmjs.org
    "$PY" -c 'import shutil, sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=60) as answer, open(sys.argv[2], "wb") as file:
    shutil.copyfileobj(answer, file)' "${registry%/}/@ohif/app/-/app-$OHIF_VERSION.tgz" "$1" 2>/dev/null || return 1
    echo "$OHIF_SHA512  $1" | sha512sum --check --status
}

unpack_ohif() {
    tar --extract --gzip --file "$1" --directory "$OHIF" --strip-components 1 --no-same-owner \
        --exclude package/dist/ort --exclude package/dist/dicom-microscopy-viewer
    rm "$1"
}
