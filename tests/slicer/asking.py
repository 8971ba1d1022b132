"""What the tests of the companion module ask of server and user."""

from __future__ import annotations

from typing import Any

from lib.formats import parse_markups
from lib.landmarks import Landmarks
from lib.radiographs import read_header
from tests.running import Server
from tests.slicer.windowless import StockPlugin
from tests.slicer.windowless.studies import STUDIES, leave_unlabelled
from tests.tiny import CEPH

SAVED = ("info", "Label-Mask saved into MONAI Label Server")


def open_image(stock: StockPlugin, server: Server, image: str) -> None:
    """*Next Sample* where this image is the only one left."""
    leave_unlabelled(server, image)
    stock.connect(server.url)
    stock.next_sample()
    assert stock.image_id == image


def labels(server: Server, image: str) -> dict[str, Any]:
    """What is noted about an image's labels, by tag."""
    return dict(server.get("/datastore/", params={"output": "all"})["objects"][image]["labels"])


def stored(server: Server, image: str, tag: str = "final") -> Landmarks:
    """The landmarks that the server has, as it would train on them."""
    content = server.request("GET", "/datastore/label", params={"label": image, "tag": tag}).content
    return parse_markups(content, CEPH, read_header(server.studies / STUDIES[image]))


def origins(server: Server, image: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The provenance of a submitted label, whole and the origins alone."""
    table = server.get("/datastore/label/info", params={"label": image, "tag": "final"})["provenance"]
    return table, {name: entry["origin"] for name, entry in table.items()}


def pre_annotate(server: Server, image: str) -> None:
    """What bulk prediction leaves behind: an ``original`` label."""
    params = {"image": image, "output": "json"}
    assert server.infer(params=params, data={"params": '{"save_label": true}'}).status_code == 200


def told(stock: StockPlugin) -> list[tuple[str, str]]:
    """Kinds and texts of the dialogs so far."""
    return [(dialog.kind, dialog.text) for dialog in stock.told]
