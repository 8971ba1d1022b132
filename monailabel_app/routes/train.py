"""Training over HTTP: ``POST /train/{model}`` and ``DELETE /train/``."""

from __future__ import annotations

import os
import time
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from monailabel.config import settings
from monailabel.endpoints.train import run_model
from monailabel.endpoints.train import stop as kill
from monailabel.endpoints.user.auth import RBAC, User
from monailabel.utils.async_tasks.utils import processes, tasks

from lib.checkpoints import ModelFileError, VersionError
from lib.networks import WeightsError
from lib.radiographs import RadiographError
from lib.trainers import OptionsError, TrainOptions
from lib.trainers.landmarks import TrainingFailedError
from lib.trainers.lock import TrainingRunningError, TrainingStoppedError, ask_to_stop, is_training
from lib.trainers.run_log import note_interrupted
from lib.trainers.samples import NotEnoughLabelsError
from lib.trainers.split import SplitError
from lib.trainers.training import DivergedError
from monailabel_app.errors import ClientError

router = APIRouter(tags=["Train"])

START_S = 10.0
STOP_S = 90.0
"""How long a training may take to end its step and to publish its best, before it is killed."""
POLL_S = 0.1

Admin = Annotated[User, Depends(RBAC(settings.MONAI_LABEL_AUTH_ROLE_ADMIN))]


FAULTS = (
    *(OptionsError, NotEnoughLabelsError, SplitError, RadiographError, ModelFileError, WeightsError),
    *(VersionError, TrainingStoppedError, TrainingFailedError, DivergedError),
)
"""What a training says in one sentence, when it runs while the client waits as well."""


class RunningError(ClientError):
    """A training is running already; the status is the one that MONAI Label gives."""

    status = HTTPStatus.TOO_MANY_REQUESTS


@router.post("/train/{model}", summary="Train a model on the submitted labels")
def train(
    request: Request,
    model: str,
    _: Admin,
    params: dict[str, Any] | None = None,
    run_sync: bool = False,
    enqueue: bool = False,
) -> Any:
    """Start a training; what cannot work is refused now, with a sentence, instead of failing in the background.

    Only the options themselves go on: upstream would let ``model`` overrule the address, and ``bundle_path``
    change what Python imports.
    """
    app = request.app.state.farnet
    task = app._trainers[app.checked_trainer(model)]
    try:
        options = task.check(params or {}, app.datastore(), queued=enqueue)
        if processes("train") and not enqueue:
            raise RunningError("This server is training already: wait for the end of that training, or stop it.")
        return run_model(model, {**_sent(options, run_sync), "server": os.getpid()}, run_sync, enqueue)
    except TrainingRunningError as error:
        raise RunningError(str(error)) from error
    except FAULTS as error:
        raise ClientError(str(error)) from error


def _sent(options: TrainOptions, run_sync: bool) -> dict[str, Any]:
    """What goes to the training's process.

    Upstream makes ``gpus`` its ``CUDA_VISIBLE_DEVICES``, where numbers are those of the machine, also of GPUs that this
    server may not use; here, as on the command line, they are those of the GPUs that it may see.
    """
    sent = options.model_dump()
    if options.device == "cpu" or options.gpus == "all" or run_sync:
        return sent
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    numbers = [int(number) for number in options.gpus.split(",")]
    names = [visible[number] for number in numbers] if visible else [str(number) for number in numbers]
    return {**sent, "gpus": ",".join(names), "device": "cuda"}  # the process sees no others


@router.post("/train/", include_in_schema=False)
def train_all(_: Admin) -> Any:
    """Upstream's, which trains all models with whatever parameters it is given, is deprecated and not offered."""
    raise ClientError("Say which model to train: POST /train/MODEL.")


@router.delete("/train/", summary="Stop the training that is running; its best so far is kept")
def stop(request: Request, _: Admin) -> Any:
    """Ask the training to stop, and wait: it ends its step and publishes its best model if that is better.

    Upstream kills it at once, and answers null in the moment in which it begins.
    """
    waiting = [task for task in tasks("train") if task["status"] in ("SUBMITTED", "RUNNING")]
    if not waiting:
        return None
    task = next((task for task in waiting if task["id"] in processes("train")), waiting[0])
    runs = request.app.state.farnet.configs[task["request"]["model"]].runs
    if _ends_by_itself(task, runs):
        task["status"] = "STOPPED"
        task["end_ts"] = datetime.today().strftime("%Y-%m-%d %H:%M:%S")
        return task
    killed = kill()
    deadline = time.monotonic() + START_S
    while is_training(runs) and time.monotonic() < deadline:
        time.sleep(POLL_S)  # the lock goes with the process
    note_interrupted(runs)
    return killed


def _ends_by_itself(task: dict[str, Any], runs: Path) -> bool:
    """Ask until the process has ended; False where it has not begun to train, or does not end."""
    deadline, has_begun = time.monotonic() + START_S, False
    while task["id"] not in processes("train") and time.monotonic() < deadline:
        time.sleep(POLL_S)  # its process is being started
    if task["id"] not in processes("train"):
        return False
    deadline = time.monotonic() + STOP_S
    while (process := processes("train").get(task["id"])) is not None and process.poll() is None:
        if is_training(runs):
            has_begun = True
            task["status"] = "STOPPED"  # before it ends, or upstream would note that it is done
            ask_to_stop(runs)
        elif not has_begun:
            return False
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
