"""Active learning over HTTP: the next radiograph, the queue, and setting one aside."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC, User

from lib.activelearning import DESCRIPTIONS, Decision, DecisionError, Verdict, Worklist
from lib.checkpoints import ModelFileError
from monailabel_app.datastores.rules import FINAL
from monailabel_app.errors import BusyError, ClientError, NotFoundError

router = APIRouter(prefix="/activelearning", tags=["ActiveLearning"])
Person = Annotated[User, Depends(RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER))]
Annotator = Annotated[User, Depends(RBAC(settings.MONAI_LABEL_AUTH_ROLE_ANNOTATOR))]

_handing_out = threading.Lock()
"""Two annotators who ask in the same moment get two radiographs."""
MOST = 1000
PLACE = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
ATTEMPTS = 10
"""So many times another server may be quicker."""


@router.get("/", summary="How labelling goes on")
def overview(request: Request, _: Person) -> dict[str, Any]:
    """The strategies, how far scoring is, how much is left, and what was set aside and why."""
    app = request.app.state.farnet
    worklist = Worklist.of(app.datastore())
    scores = {}
    for model in app.background.scoring:
        try:
            scores[model] = app.background.progress(model)
        except ModelFileError as error:
            scores[model] = {"fault": str(error)}
    return {
        "default": next(iter(DESCRIPTIONS)),
        "strategies": [{"name": name, "description": text} for name, text in DESCRIPTIONS.items()],
        "total": worklist.total,
        "left": len(worklist.free) + len(worklist.busy) + len(worklist.deferred),
        "busy": list(worklist.busy),
        "deferred": list(worklist.deferred),
        "rejected": {image: decision.as_dict() for image, decision in worklist.rejected.items()},
        "scores": scores,
    }


@router.get("/queue", summary="The next radiographs, without handing them out")
def queue(
    request: Request,
    _: Person,
    strategy: str = "",
    model: str | None = None,
    count: int = 20,
    seed: int = 0,
) -> dict[str, Any]:
    """At most ``count`` radiographs that nobody is working on, the next one first, each with why."""
    app = request.app.state.farnet
    if not 1 <= count <= MOST:
        raise ClientError(f"'count' is a number from 1 to {MOST}.")
    chosen = app.checked_strategy(strategy)
    asked = {"strategy": chosen, "seed": seed, **({} if model is None else {"model": model})}
    found = app._strategies[chosen].queue(asked, Worklist.of(app.datastore()), count)
    return {"strategy": chosen, "images": found}


@router.put("/decision", summary="Set a radiograph aside, or take that back")
def decide(request: Request, image: str, user: Annotator, params: dict[str, Any]) -> dict[str, Any]:
    """``{"decision": "defer" | "reject" | "none", "reason": text}``; the reason is needed to reject.

    Who takes a decision back frees the radiograph, or, with ``"working": true``, goes on working on it. The answer says
    where the radiograph is.
    """
    studies = request.app.state.farnet.datastore()
    if not studies.has_image(image):
        raise NotFoundError(f"There is no image '{image[:80]}' in the studies.")
    try:
        who = _who(user, params)
        decision = Decision.asked(params.get("decision"), params.get("reason", ""), who)
    except DecisionError as error:
        raise ClientError(str(error)) from error
    with studies.transaction():
        notes = studies.notes(image)
        noted: dict[str, Any] = {"decision": decision.as_dict()}
        if decision.verdict is Verdict.NONE:
            mine = {"taken back": _entry(who)} if params.get("working") is True else {}
            noted["strategy"] = {**handed_to_others(notes, who), **mine}
        studies.note(image, **noted)
    place = {key: notes[key] for key in PLACE if key in notes}
    return {**place, "image": image, **decision.as_dict()}


@router.post("/{strategy}", summary="The next radiograph to annotate")
def next_sample(request: Request, strategy: str, user: Person, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """What is noted about the image, its ``id`` and ``why`` it; ``message`` and no ``id`` when nothing is left.

    Upstream chooses and notes in two steps, so that two annotators get the same radiograph.
    """
    app = request.app.state.farnet
    given = params or {}
    studies = app.datastore()
    with _handing_out:
        for _ in range(ATTEMPTS):
            worklist = Worklist.of(studies)
            with worklist.lock:
                found = app.next_sample({**given, "strategy": strategy})
                if "id" not in found:
                    return dict(found)
                before = worklist.notes(found["id"])
            if hand_out(studies, found["id"], before, strategy, _who(user, given) or user.username):
                break
        else:
            raise BusyError("Other servers hand out these radiographs as well, and were quicker each time: ask again.")
    return {**studies.get_image_info(found["id"]), **found}


def hand_out(studies: Any, image: str, before: Mapping[str, Any], strategy: str, who: str) -> bool:
    """Note that somebody works on an image; False where it has been handed out, set aside, labelled or removed since.

    Args:
        studies: the datastore.
        image: which.
        before: what was noted about it when it was chosen.
        strategy: that has chosen it.
        who: asked for it.
    """
    with studies.transaction():
        if not studies.has_image(image) or studies.get_label_by_image_id(image, FINAL):
            return False
        now = studies.notes(image)
        if any(now.get(key) != before.get(key) for key in ("strategy", "decision")):
            return False
        handed = now.get("strategy")
        studies.note(image, strategy={**(handed if isinstance(handed, dict) else {}), strategy: _entry(who)})
    return True


def handed_to_others(notes: Mapping[str, Any], who: str) -> dict[str, Any]:
    """What is noted about hand-outs of an image, without those to one person."""
    handed = notes.get("strategy")
    entries = handed if isinstance(handed, dict) else {}
    return {
        name: entry
        for name, entry in entries.items()
        if not (isinstance(entry, dict) and entry.get("client_id") == who)
    }


def _entry(who: str) -> dict[str, Any]:
    return {"ts": round(time.time(), 3), "client_id": who}


def _who(user: User, params: dict[str, Any]) -> str:
    """Who is logged in, else the name that a client gives itself."""
    if settings.MONAI_LABEL_AUTH_ENABLE and user.username:
        return str(user.username)
    given = params.get("client_id", "")
    return given[:80] if isinstance(given, str) else ""
