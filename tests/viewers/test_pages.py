"""The routes that browsers use: OHIF and our files for it, and the way to the DICOMweb server."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from monailabel_app.viewers import ohif_config, pages, proxy
from monailabel_app.viewers.builds import wheel_build

PLUGIN_FILES = sorted(path.name for path in pages.PLUGIN.iterdir() if path.suffix in (".js", ".css"))


def client_of(*, conf=None, studies="/studies", root_path="") -> TestClient:
    server = FastAPI()
    server.state.farnet = SimpleNamespace(conf=conf or {}, studies=studies)
    for part in (pages, proxy):
        server.include_router(part.router)
    return TestClient(server, root_path=root_path, follow_redirects=False)


@pytest.fixture
def build(tmp_path):
    """A build as npm has them, for '/'; beside it a file that is nobody's business."""
    (tmp_path / "secret.txt").write_text("secret")
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text(
        '<script>window.PUBLIC_URL="/"</script><script src="/app.bundle.0f6159c501addfe9.js"></script>'
        '<link href="/app.bundle.css"><a href="//elsewhere.org/x">'
    )
    (dist / "app.bundle.0f6159c501addfe9.js").write_text('__webpack_require__.p = "/"; const elsewhere = "/";')
    (dist / "app.bundle.css").write_text("@font-face { src: url(/a34f9d1faa5f3315.woff2) }")
    (dist / "89.bundle.b327bf3664812958.js").write_text("1")
    (dist / "assets" / "icon.svg").write_text("<svg/>")
    (dist / "codec.wasm").write_bytes(b"\0asm")
    return dist


def config_of(client) -> dict:
    text = client.get("/ohif/app-config.js").text
    assert text.startswith("window.config = ")
    return json.loads(text.removeprefix("window.config = ").rstrip().removesuffix(";"))


# --- pages ------------------------------------------------------------------------------------------------------------


def test_without_the_slash():
    response = client_of().get("/ohif")
    assert response.status_code == 307
    assert response.headers["location"] == "ohif/"


def test_the_build_that_comes_with_monai_label_is_served_as_it_is():
    client = client_of()
    assert client.get("/ohif/").content == (wheel_build() / "index.html").read_bytes()
    nested = next(path for path in (wheel_build() / "assets").iterdir() if path.suffix == ".png")
    assert client.get(f"/ohif/assets/{nested.name}").content == nested.read_bytes()  # upstream: the start page


def test_a_build_for_the_root_is_moved(build):
    client = client_of(conf={"ohif": str(build)})
    page = client.get("/ohif/").text
    assert 'PUBLIC_URL="/ohif/"' in page
    assert 'src="/ohif/app.bundle.0f6159c501addfe9.js"' in page
    assert 'href="/ohif/app.bundle.css"' in page
    assert 'href="//elsewhere.org/x"' in page
    script = client.get("/ohif/app.bundle.0f6159c501addfe9.js").text
    assert script == '__webpack_require__.p = "/ohif/"; const elsewhere = "/";'
    assert "url(/ohif/a34f9d1faa5f3315.woff2)" in client.get("/ohif/app.bundle.css").text


def test_behind_a_proxy_that_gives_the_server_a_part_of_its_paths(build):
    client = client_of(conf={"ohif": str(build)}, root_path="/farnet")
    assert 'src="/farnet/ohif/app.bundle' in client.get("/ohif/").text
    config = config_of(client)
    assert config["routerBasename"] == "/farnet/ohif"
    assert config["extensions"] == ["/farnet/ohif/farnet/extension.js"]
    assert config["dataSources"][0]["configuration"]["qidoRoot"] == "/farnet/proxy/dicom/qido"


@pytest.mark.parametrize("path", ["viewer", "landmarks", "viewer/dicomweb"])
def test_the_viewers_own_pages(build, path):
    client = client_of(conf={"ohif": str(build)})
    response = client.get(f"/ohif/{path}", params={"StudyInstanceUIDs": "1.2.3"})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")


def test_an_unknown_file(build):
    response = client_of(conf={"ohif": str(build)}).get("/ohif/assets/none.js")
    assert response.status_code == 404
    assert response.json()["detail"] == "OHIF has no file 'assets/none.js'."


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "..%2Fsecret.txt",
        "assets/..%2F..%2Fsecret.txt",
        "%2Fetc%2Fpasswd",
        "%00.js",
        "x" * 5000 + ".js",
    ],
)
@pytest.mark.parametrize("place", ["/ohif/", "/ohif/farnet/"])
def test_nothing_outside_is_served(build, place, path):
    response = client_of(conf={"ohif": str(build)}).get(place + path)
    assert "secret" not in response.text.replace("secret.txt", "")
    assert "root:" not in response.text
    assert response.status_code == 404 or "PUBLIC_URL" in response.text


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("app.bundle.0f6159c501addfe9.js", "text/javascript"),
        ("app.bundle.css", "text/css"),
        ("codec.wasm", "application/wasm"),
        ("assets/icon.svg", "image/svg+xml"),
    ],
)
def test_types(build, path, kind):
    response = client_of(conf={"ohif": str(build)}).get(f"/ohif/{path}")
    assert response.headers["content-type"].partition(";")[0] == kind


def test_browsers_keep_what_has_a_hash_in_its_name_and_ask_for_the_rest(build):
    client = client_of(conf={"ohif": str(build)})
    assert "immutable" in client.get("/ohif/89.bundle.b327bf3664812958.js").headers["cache-control"]
    for path in ("", "app-config.js", "app.bundle.0f6159c501addfe9.js", "farnet/extension.js"):
        first = client.get(f"/ohif/{path}")
        assert first.headers["cache-control"] == "no-cache"
        assert first.headers["etag"]
    again = client.get(
        "/ohif/app-config.js", headers={"If-None-Match": client.get("/ohif/app-config.js").headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


def test_a_folder_without_ohif(tmp_path):
    response = client_of(conf={"ohif": str(tmp_path)}).get("/ohif/")
    assert response.status_code == 404
    assert response.json()["detail"].startswith(f"There is no OHIF in '{tmp_path}': give --conf ohif FOLDER")


def test_the_configuration(build):
    config = config_of(client_of(conf={"ohif": str(build)}))
    assert config["extensions"] == ["/ohif/farnet/extension.js"]
    assert config["modes"] == ["/ohif/farnet/mode.js"]
    assert config["monaiLabel"] == {"url": "/"}
    assert config["measurementTrackingMode"] == "none"
    assert config["customizationService"] == {}  # this build knows of no panels in its modes, and would not start
    assert "oidc" not in config


def test_a_newer_ohif_gets_the_panel_in_its_own_modes(build):
    script = build / "app.bundle.0f6159c501addfe9.js"
    script.write_text(script.read_text() + "customizationService.applyModeCustomizations([mode.id]);")
    modes = config_of(client_of(conf={"ohif": str(build)}))["customizationService"]["mode"]
    assert modes["@ohif/mode-longitudinal"] == {"rightPanels": {"$unshift": ["farnet.extension.panelModule.landmarks"]}}


def test_ohif_logs_in_where_the_server_wants_it(monkeypatch):
    monkeypatch.setattr(ohif_config.settings, "MONAI_LABEL_AUTH_ENABLE", True)
    config = config_of(client_of())
    assert config["oidc"][0]["client_id"] == "monailabel-app"
    assert config["routerBasename"] + config["oidc"][0]["redirect_uri"] == "/ohif/callback"


@pytest.mark.parametrize("name", PLUGIN_FILES)
def test_the_plugin_serves_an_ohif_elsewhere_too(name):
    response = client_of().get(f"/ohif/farnet/{name}")
    assert response.status_code == 200
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"


def test_the_modules_of_the_plugin_find_each_other():
    imported = {
        name
        for file in PLUGIN_FILES
        for name in re.findall(r"(?:from|import\(|URL\()\s*'\./([\w.]+)'", (pages.PLUGIN / file).read_text())
    }
    assert imported <= set(PLUGIN_FILES)
    assert set(PLUGIN_FILES) - imported == {"mode.js"}  # OHIF is told that one, and extension.js


# --- proxy ------------------------------------------------------------------------------------------------------------


class Pacs(BaseHTTPRequestHandler):
    """Answers what it was asked, or what its path says."""

    def do_GET(self):
        length = int(self.headers.get("Content-Length") or 0)
        told = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.rfile.read(length).decode(),
            "BulkDataURI": f"http://{self.headers['Host']}/dicom-web/studies/1/series/2/bulk/3",
            "alias": "https:\\/\\/pacs.hospital.example\\/rs\\/studies\\/1",
        }
        content, kind = json.dumps(told).replace("\\\\", "\\").encode(), "application/dicom+json"
        if "frames" in self.path:
            content, kind = bytes(range(256)) * 1000, "multipart/related; type=application/octet-stream; boundary=b"
        self.send_response(int(self.path.partition("status=")[2] or 200))
        self.send_header("Content-Type", kind)
        self.send_header("Set-Cookie", "pacs=1")
        self.send_header("Location", "http://127.0.0.1:1/")  # which counts with a 302 only
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def pacs():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pacs)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/dicom-web"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def browser(pacs, monkeypatch):
    """A browser's requests; the server has a login of its own at the PACS."""
    monkeypatch.setattr(proxy.settings, "MONAI_LABEL_DICOMWEB_USERNAME", "farnet")
    monkeypatch.setattr(proxy.settings, "MONAI_LABEL_DICOMWEB_PASSWORD", "secret")
    proxy.pacs_session.cache_clear()
    yield client_of(studies=pacs)
    proxy.pacs_session.cache_clear()


def test_the_query_arrives(browser):
    asked = browser.get("/proxy/dicom/qido/studies?limit=101&00100020=*A%2FB*&includefield=00081030").json()
    assert asked["path"] == "/dicom-web/studies?limit=101&00100020=*A%2FB*&includefield=00081030"


def test_only_what_is_meant_for_the_pacs_is_sent_on(browser):
    sent = {
        "Accept": "application/dicom+json",
        "Cookie": "session=1",
        "Authorization": "Bearer browser",
        "X-Other": "1",
    }
    asked = browser.get("/proxy/dicom/wado/studies/1/metadata", headers=sent)
    headers = asked.json()["headers"]
    assert headers["accept"] == "application/dicom+json"
    assert headers["authorization"] == "Basic ZmFybmV0OnNlY3JldA=="
    assert "cookie" not in headers
    assert "x-other" not in headers
    assert headers["host"] != "testserver"
    assert "set-cookie" not in asked.headers


def test_addresses_in_answers_lead_through_the_proxy(browser):
    told = browser.get("/proxy/dicom/wado/studies/1/metadata").json()
    assert told["BulkDataURI"] == "http://testserver/proxy/dicom/wado/studies/1/series/2/bulk/3"
    assert told["alias"] == "http://testserver/proxy/dicom/wado/studies/1"


def test_pixels_are_not_changed(browser):
    response = browser.get("/proxy/dicom/wado/studies/1/series/2/instances/3/frames/1")
    assert response.content == bytes(range(256)) * 1000
    assert response.headers["content-type"] == "multipart/related; type=application/octet-stream; boundary=b"


def test_storing(browser):
    kind = 'multipart/related; type="application/dicom"; boundary=b'
    asked = browser.post("/proxy/dicom/stow/studies", content=b"--b--", headers={"Content-Type": kind}).json()
    assert (asked["method"], asked["path"], asked["body"]) == ("POST", "/dicom-web/studies", "--b--")
    assert asked["headers"]["content-type"] == kind


def test_too_much_to_store(browser, monkeypatch):
    monkeypatch.setattr(proxy, "MAX_IMAGE_BYTES", 1 << 20)
    response = browser.post("/proxy/dicom/stow/studies", content=b"0" * ((1 << 20) + 1))
    assert response.status_code == 413
    assert response.json()["detail"] == "This is more than the 1 MB that are passed on at once."


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_do_not_exist(browser, method):
    assert browser.request(method, "/proxy/dicom/wado/studies/1").status_code == 405


def test_prefixes(monkeypatch):
    for service in ("QIDO", "WADO", "STOW"):
        monkeypatch.setattr(proxy.settings, f"MONAI_LABEL_{service}_PREFIX", f"/{service.lower()}-rs/")
    assert proxy.pacs_path("qido/studies") == "qido-rs/studies"
    assert proxy.pacs_path("wado/studies/1") == "wado-rs/studies/1"
    assert proxy.pacs_path("stow/studies") == "stow-rs/studies"
    assert proxy.pacs_path("qido/studies/1/series/2/metadata") == "wado-rs/studies/1/series/2/metadata"
    assert proxy.pacs_path("studies/1") == "studies/1"


@pytest.mark.parametrize(
    "path",
    [
        "wado/../../instances",
        "wado/%2e%2e/%2e%2e/instances",
        "wado/..%2Finstances",
        "wado//evil.org/x",
        "wado/a\\..\\b",
    ],
)
def test_no_way_leads_elsewhere(browser, pacs, path):
    response = browser.get(f"/proxy/dicom/{path}")
    if response.status_code == 200:  # the client itself has taken the dots out
        assert response.json()["path"].startswith("/dicom-web/")
    else:
        assert response.status_code in (404, 422)


@pytest.mark.parametrize("path", ["wado/http:%2F%2Fevil.org%2F", "@evil.org/x", "wado/peers/other/get", "servers"])
def test_only_what_dicomweb_defines_is_passed_on(browser, path):
    response = browser.get(f"/proxy/dicom/{path}")
    assert response.status_code == 422
    assert response.json()["detail"] == "This is no path of a DICOMweb server."


@pytest.mark.parametrize("status", [401, 403])
def test_the_pacs_refuses_our_login(browser, pacs, status):
    response = browser.get(f"/proxy/dicom/qido/studies?status={status}")
    assert response.status_code == 502  # not 401: the browser's own login is right
    assert response.json()["detail"] == (
        f"The DICOMweb server {pacs} refuses the login of this server: check MONAI_LABEL_DICOMWEB_USERNAME and "
        "MONAI_LABEL_DICOMWEB_PASSWORD."
    )


def test_the_pacs_sends_us_elsewhere(browser):
    response = browser.get("/proxy/dicom/qido/studies?status=302")
    assert response.status_code == 502
    assert response.json()["detail"].endswith("is elsewhere: it answers with another address.")


@pytest.mark.parametrize("status", [204, 404, 409, 500])
def test_other_answers_are_passed_on(browser, status):
    assert browser.get(f"/proxy/dicom/qido/studies?status={status}").status_code == status


def test_the_pacs_is_away():
    response = client_of(studies="http://127.0.0.1:1/dicom-web/").get("/proxy/dicom/qido/studies")
    assert response.status_code == 503
    assert response.json()["detail"] == (
        "The DICOMweb server http://127.0.0.1:1/dicom-web does not answer: try again when it is back."
    )


def test_a_folder_of_studies():
    response = client_of(studies="/data/radiographs").get("/proxy/dicom/qido/studies")
    assert response.status_code == 404
    assert response.json()["detail"].startswith(
        "OHIF shows the studies of a DICOMweb server, and this server has a folder"
    )
