"""Where the figures of a run go for people who compare runs: TensorBoard, and MLflow if it is wanted."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from lib.trainers.plan import RunPlan

MLFLOW_FILE = "mlflow.db"
EVENTS_FOLDER = "events"


class Tracker:
    """Writes figures by epoch.

    MLflow writes into a database beside the models: nothing leaves this machine.

    Args:
        plan: the run.
        done: its epochs that are done; what was written about later ones is forgotten.
    """

    def __init__(self, plan: RunPlan, done: int) -> None:
        self._events = SummaryWriter(str(plan.folder / EVENTS_FOLDER), purge_step=done + 1)
        options = plan.options
        database = plan.runs.parent / MLFLOW_FILE
        named = options.model_dump(mode="json")
        self._mlflow = _Mlflow(database, plan.runs.name, plan.run, named) if options.tracking == "mlflow" else None

    def epoch(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Write the figures of an epoch; those that do not exist (NaN) are left out."""
        known = {name: value for name, value in figures.items() if math.isfinite(value)}
        for name, value in known.items():
            self._events.add_scalar(name, value, epoch)
        self._events.flush()
        if self._mlflow is not None:
            self._mlflow.epoch(epoch, known)

    def close(self, *, finished: bool) -> None:
        """The run has ended."""
        self._events.close()
        if self._mlflow is not None:
            self._mlflow.close(finished=finished)


class _Mlflow:
    """A run in a local MLflow database; one that was stopped goes on in the same run."""

    def __init__(self, database: Path, experiment: str, run: str, options: Mapping[str, Any]) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
        from mlflow import MlflowClient  # seconds to import, and most runs do without

        self._client = MlflowClient(tracking_uri=f"sqlite:///{database.resolve()}")
        found = self._client.get_experiment_by_name(experiment)
        artifacts = database.resolve().with_suffix("").as_uri()
        number = found.experiment_id if found else self._client.create_experiment(experiment, artifacts)
        begun = self._client.search_runs([number], f"attributes.run_name = '{run}'")
        self._run: str = (begun[0] if begun else self._client.create_run(number, run_name=run)).info.run_id
        self._client.update_run(self._run, status="RUNNING")
        if not begun:
            for name, value in options.items():
                self._client.log_param(self._run, name, value)

    def epoch(self, epoch: int, figures: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        self._client.log_batch(self._run, [Metric(name, value, now, epoch) for name, value in figures.items()])

    def close(self, *, finished: bool) -> None:
        self._client.set_terminated(self._run, "FINISHED" if finished else "KILLED")
