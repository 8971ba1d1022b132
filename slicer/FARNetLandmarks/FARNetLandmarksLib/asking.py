"""What the server of the MONAI Label extension is asked beyond what the extension asks itself, by its own client."""

from __future__ import annotations

import json
import sys
from typing import Any
from urllib.parse import quote_plus


def set_aside(widget: Any, image: str, decision: str, reason: str) -> str:
    """Take a radiograph out of what is to be annotated; empty, or a sentence that says why that could not be done.

    Args:
        widget: the extension's panel, which knows server and login.
        image: the radiograph's id.
        decision: ``defer``, ``reject`` or, to take that back, ``none``.
        reason: why.
    """
    failed = "That was not taken back" if decision == "none" else "The radiograph was not set aside"
    selector = f"/activelearning/decision?image={quote_plus(image)}"
    try:
        widget.updateServerSettings()
        client = widget.logic._client()  # which asks for the login where the server wants one
        send = sys.modules[type(client).__module__].MONAILabelUtils.http_method
        body = client._update_client_id({"decision": decision, "reason": reason})
        status, answer, *_ = send("PUT", client.get_server_url(), selector, body, client._headers)
    except Exception as error:  # noqa: BLE001  the client raises bare exceptions; the annotator must see the sentence
        return f"{failed}: {getattr(error, 'msg', error)}"
    return "" if status == 200 else f"{failed}: {_detail(answer, status)}"


def _detail(answer: Any, status: int) -> str:
    """The sentence of an answer that refuses."""
    try:
        detail = json.loads(answer)["detail"]
        return str(detail if isinstance(detail, str) else detail[0]["msg"])
    except (ValueError, KeyError, TypeError, IndexError):
        return f"the server answers {status}."
