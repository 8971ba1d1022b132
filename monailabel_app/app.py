"""The MONAI Label app: FARNet's tasks on a folder of studies or a DICOMweb server."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.infer_v2 import InferTask
from monailabel.interfaces.tasks.strategy import Strategy
from monailabel.interfaces.tasks.train import TrainTask

from lib.activelearning import DESCRIPTIONS, NEED_SCORES, Known, NextSample, Worklist
from lib.checkpoints import ModelFileError
from lib.configs import ConfigError, TaskConfig, choose_models
from lib.infers import InferError
from lib.landmarks import LandmarkSetError
from lib.trainers.memory import keep_freed_memory
from lib.trainers.plan import unfinished_run
from lib.trainers.run_log import note_interrupted
from lib.version import VERSION
from monailabel_app.batch import BatchPrediction
from monailabel_app.datastores.opening import check_studies, open_studies
from monailabel_app.datastores.rules import ORIGINAL, checked_tag
from monailabel_app.errors import ClientError, NotFoundError, client_errors
from monailabel_app.routes import install_routes
from monailabel_app.scoring import BackgroundScoring
from monailabel_app.warming import Warming

logger = logging.getLogger(__name__)


class FARNetApp(MONAILabelApp):
    """FARNet landmark detection for 3D Slicer, OHIF and the command line.

    Args:
        app_dir: folder of the app; weights and runs lie in its ``model``.
        studies: folder of radiographs, or address of a DICOMweb server.
        conf: see :func:`~lib.configs.choose_models`; ``models`` is needed.
    """

    warming: Warming | None = None  # in a server only

    def __init__(self, app_dir: str, studies: str, conf: dict[str, str]) -> None:
        keep_freed_memory()
        self.configs = _configured(conf or {}, Path(app_dir) / "model", str(studies))
        super().__init__(
            app_dir=str(app_dir),
            studies=str(studies),
            conf=conf,
            name="FARNet landmarks",
            description="Anatomical landmarks on radiographs: predict, correct, submit, retrain",
            version=VERSION,
        )
        self.background = BackgroundScoring(
            {name: config.scoring(self._infers[name], self._datastore.folder) for name, config in self.configs.items()},
            self.datastore,
        )

    # --- what there is -------------------------------------------------------------------------------------------

    def init_datastore(self) -> Datastore:
        """The folder of studies, or the DICOMweb server."""
        return open_studies(
            self.studies, {name: config.landmark_set for name, config in self.configs.items()}, self.conf
        )

    def init_infers(self) -> dict[str, InferTask]:
        """One infer task a model; without weights it is not offered until a training has published some."""
        return {name: config.infer_task() for name, config in self.configs.items()}

    def init_trainers(self) -> dict[str, TrainTask]:
        """One train task a model."""
        return {name: config.train_task() for name, config in self.configs.items()}

    def init_strategies(self) -> dict[str, Strategy]:
        """How the next radiograph is chosen."""
        return {name: NextSample(name, self._known) for name in DESCRIPTIONS}

    def init_batch_infer(self) -> Callable[..., Any]:
        """Predict all images."""
        return BatchPrediction(lambda model: str(self._infers[model].card().version))

    def on_init_complete(self) -> None:
        """Called by the server only: put our routes in front of upstream's."""
        super().on_init_complete()
        install_routes(self)
        self.warming = Warming(self._infers)
        self.warming.begin()
        self.background.get_ready()
        for config in self.configs.values():
            for record in note_interrupted(config.runs):
                last = unfinished_run(config.runs)
                how = "; with the option 'resume' it goes on" if last is not None and last.run == record.run else ""
                logger.warning("The training %s of %s was interrupted%s.", record.run, config.name, how)

    def info(self) -> dict[str, Any]:
        """What `/info/` tells; of the trainings the last first, since Slicer's progress bar shows the first one."""
        self.background.renew()  # viewers ask for this when a training has ended
        if self.warming is not None:
            self.warming.begin()
        told: dict[str, Any] = super().info()
        started = {name: stats.get("start_ts", 0) for name, stats in told["train_stats"].items()}
        last_first = sorted(started, key=lambda name: -started[name])
        return {**told, "train_stats": {name: told["train_stats"][name] for name in last_first}}

    def train(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Train a model; a training that the server has started ends with the server."""
        in_background = not self._server_mode
        started: dict[str, Any] = super().train({**({"server": os.getppid()} if in_background else {}), **request})
        return started

    # --- requests ------------------------------------------------------------------------------------------------

    def checked_model(self, name: object) -> str:
        """The name of a model that can predict.

        Raises:
            NotFoundError: an unknown model, or one without weights.
        """
        if not isinstance(name, str) or name not in self._infers:
            raise NotFoundError(f"There is no model '{name}': this server has {', '.join(self._infers)}.")
        if not self._infers[name].is_valid():
            raise NotFoundError(f"Model '{name}' has no weights yet: train it first, or put a model file into model/.")
        return name

    def checked_trainer(self, name: object) -> str:
        """The name of a model that can be trained.

        Raises:
            NotFoundError: there is none of that name.
        """
        if not isinstance(name, str) or name not in self._trainers:
            raise NotFoundError(f"There is no model '{name}' to train: this server has {', '.join(self._trainers)}.")
        return name

    def infer(self, request: Mapping[str, Any], datastore: Datastore | None = None) -> dict[str, Any]:
        """Predict one image of the studies, or the file at ``request["upload"]``.

        Upstream opens whatever path stands in ``image`` and takes an unknown id for the working directory; here an id
        is an id.

        Raises:
            NotFoundError: an unknown model or image.
            ClientError: a file that is no radiograph, or a parameter that cannot be used.
        """
        studies: Any = datastore or self._datastore
        self.checked_model(request.get("model"))
        asked = dict(request)
        upload = asked.pop("upload", None)
        if upload is not None:
            asked["image"] = str(upload)
        else:
            image = asked.get("image")
            if not isinstance(image, str) or not studies.get_image_uri(image):
                raise NotFoundError(f"There is no image '{image}' in the studies.")
        try:
            with client_errors():
                if upload is None and asked.get("pixel_spacing") is None and self._is_spacing_noted(studies, image):
                    asked["pixel_spacing"] = studies.pixel_spacing(image).as_dict()
                return self._run(asked, studies, is_file=upload is not None)
        except (InferError, ModelFileError) as error:
            raise ClientError(str(error)) from error

    @staticmethod
    def _is_spacing_noted(studies: Any, image: Any) -> bool:
        """Whether a user has said how large its pixels are; what its file says is read along with them."""
        return studies.notes(image).get("pixel_spacing") is not None

    def _run(self, asked: dict[str, Any], studies: Any, *, is_file: bool) -> dict[str, Any]:
        task = self._infers[asked["model"]]
        image = asked["image"]
        tag = checked_tag(asked.get("label_tag", ORIGINAL))
        if tag != ORIGINAL:
            raise ClientError(
                f"A prediction can be stored as '{ORIGINAL}' only: '{tag}' is what a person has submitted."
            )
        file = image if is_file else studies.get_image_uri(image)
        with self.background.waiting():
            path, params = task({**asked, "image": file, "skip_writer": False})
        label = path
        if asked.get("save_label") and not is_file:
            info = {"model": asked["model"], "version": params["version"], "params": params}
            try:
                label = studies.save_label(image, path, tag, info)
            except ClientError:
                Path(path).unlink(missing_ok=True)  # nobody will ask for it
                raise
        return {"label": label, "tag": "original", "file": path, "params": params}

    def next_sample(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The next radiograph to annotate.

        Without its path on this server: on a shared disk, Slicer would glue numbered files into a stack.

        Raises:
            NotFoundError: an unknown strategy.
        """
        strategy = self.checked_strategy(request.get("strategy"))
        found = self._strategies[strategy]({**request, "strategy": strategy}, self._datastore)
        return found or {"message": Worklist.of(self._datastore).end()}

    def checked_strategy(self, name: object) -> str:
        """The name of a strategy; the default where none is named.

        Raises:
            NotFoundError: there is none of that name.
        """
        if not name:
            return next(iter(DESCRIPTIONS))
        if not isinstance(name, str) or name not in self._strategies:
            raise NotFoundError(f"There is no strategy '{name}': this server has {', '.join(self._strategies)}.")
        return name

    def _known(self, request: Mapping[str, Any]) -> Known:
        """What is known of the radiographs now; what is not will be, next time."""
        asked = request.get("model")
        names = [asked] if isinstance(asked, str) and asked in self.configs else list(self.configs)
        model = next((name for name in names if self._infers[name].is_valid()), None)
        if model is None or request["strategy"] not in NEED_SCORES:
            return Known({})
        self.background.want(model, disagreement=request["strategy"] == "disagreement")
        return self.background.scoring[model].known(self.datastore())


def _configured(conf: Mapping[str, str], model_dir: Path, studies: str) -> dict[str, TaskConfig]:
    """The models, or the end of the program with one sentence; the server would drown it in a traceback if raised."""
    try:
        check_studies(studies, conf)
        return choose_models(conf, model_dir)
    except (ConfigError, LandmarkSetError) as error:
        sys.stderr.write(f"farnet: {error}\n")
        sys.stderr.flush()
        if "monailabel.app" in sys.modules:  # the server is starting
            os._exit(2)
        raise SystemExit(2) from error
