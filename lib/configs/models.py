"""The models by name, and how a user's wishes change them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lib.activelearning import ScoreFile, Scoring
from lib.checkpoints import ModelCard, ModelVersions
from lib.configs.presets import PRESETS, Preset
from lib.configs.variants import VARIANTS
from lib.infers.landmarks import LandmarkInferTask
from lib.landmarks import LandmarkSet, LandmarkSetError
from lib.networks import ENCODERS, check_input_size, nearest_input_size
from lib.trainers.landmarks import LandmarkTrainTask
from lib.trainers.one_process import Recipe


class ConfigError(ValueError):
    """A configuration that cannot be used; one sentence that says what may be given."""


@dataclass(frozen=True, slots=True)
class TaskConfig:
    """One model: what it finds, with which network, and where its files lie.

    Args:
        name: name in viewers and of its files, ``farnet_ceph``.
        landmark_set: the landmarks.
        preset: network size and training.
        model_dir: folder of weights and runs.
        variant: a key of :data:`~lib.configs.variants.VARIANTS`.
        encoder, input_size, sigma: instead of the preset's.
        imagenet: path of ImageNet weights for the encoder, or ``"download"``; None trains from scratch.
        begin_with: path of a model file, of whatever landmarks, to take weights from instead.
    """

    name: str
    landmark_set: LandmarkSet
    preset: Preset
    model_dir: Path = field(default_factory=lambda: Path("model"))
    variant: str = "farnet"
    encoder: str | None = None
    input_size: tuple[int, int] | None = None
    sigma: float | None = None
    imagenet: str | None = None
    begin_with: str | None = None

    @property
    def published(self) -> Path:
        """The model in use, once one was trained."""
        return self.model_dir / f"{self.name}.pt"

    @property
    def paths(self) -> list[str]:
        """Where weights are looked for; the last that exists wins: those that came with the app, then the user's."""
        return [str(self.model_dir / f"pretrained_{self.name}.pt"), str(self.published)]

    @property
    def current(self) -> Path | None:
        """The file that is served, if there is one."""
        return next((Path(path) for path in reversed(self.paths) if Path(path).is_file()), None)

    @property
    def runs(self) -> Path:
        """The folder of this model's training runs."""
        return self.model_dir / self.name

    @property
    def versions(self) -> ModelVersions:
        """What was published, uploaded or shipped; changes of what is served go through it."""
        return ModelVersions(self.published, Path(self.paths[0]))

    def card(self) -> ModelCard:
        """The card of a network that is yet to be trained."""
        height, width = self.landmark_set.input_size
        scaled = nearest_input_size(round(height * self.preset.scale), round(width * self.preset.scale))
        variant = VARIANTS[self.variant]
        return ModelCard(
            model=self.name,
            version="untrained",
            variant=self.variant,
            encoder=self.encoder or self.preset.encoder,
            image_kernel=variant.image_kernel,
            aggregation=variant.aggregation,
            refinement=variant.refinement,
            batch_statistics=variant.batch_statistics,
            grey=variant.grey,
            input_size=self.input_size or scaled,
            sigma=self.sigma or self.preset.sigma,
            decoder=variant.decoder,
            landmark_set=self.landmark_set,
        )

    def infer_task(self) -> LandmarkInferTask:
        """The task that predicts."""
        return LandmarkInferTask(self.name, self.paths, self.landmark_set)

    def scoring(self, task: LandmarkInferTask, studies: Path) -> Scoring:
        """What keeps the scores of a folder of studies.

        Args:
            task: predicts.
            studies: the folder.
        """
        return Scoring(task, self.versions, ScoreFile(studies, self.name))

    def train_task(self, *, progress: bool = False) -> LandmarkTrainTask:
        """The task that trains."""
        variant, preset = VARIANTS[self.variant], self.preset
        recipe = Recipe(
            self.card(),
            self.versions,
            self.paths,
            self.imagenet,
            self.begin_with,
            variant.objective,
            half=preset.half,
            progress=progress,
        )
        return LandmarkTrainTask(recipe, self.runs, preset.training.model_copy(update=dict(variant.training)))


MODELS: dict[str, tuple[str, str]] = {
    "farnet_ceph": ("cephalometric_19", "full"),
    "farnet_hand": ("hand_37", "full"),
    "farnet_spine": ("spine_68", "full"),
    "farnet_demo": ("cephalometric_19", "lite"),
}
"""Model name -> landmark set and preset."""


def choose_models(conf: Mapping[str, str], model_dir: Path) -> dict[str, TaskConfig]:
    """The models that a server or command shall have.

    Args:
        conf: ``models``: names, separated by commas. ``landmarks``: a landmark set, shipped or the path of a user's
            own, for the named models; without ``models`` it becomes the model ``farnet_<name of the set>``.
            ``preset``, ``variant``, ``encoder``, ``input_size`` (``800x640``), ``sigma``, ``imagenet``, ``begin_with``:
            instead of the models' own.
        model_dir: folder of weights and runs.

    Raises:
        ConfigError: an unknown model, preset, variant, encoder, size, or landmark set; one sentence.
    """
    own = _own_set(conf.get("landmarks"))
    names = [name.strip() for name in conf.get("models", "").split(",") if name.strip()]
    if own is not None and not names:
        names = [f"farnet_{own.name}"]
    if not names:
        raise ConfigError(f"Say which models to use: --conf models NAME[,NAME...] of {', '.join(MODELS)}.")
    configs = {}
    for name in dict.fromkeys(names):
        if name not in MODELS and not (own is not None and name == f"farnet_{own.name}"):
            raise ConfigError(f"Unknown model '{name}': choose of {', '.join(MODELS)}.")
        set_name, preset = MODELS.get(name, ("", "full"))
        config = TaskConfig(name, own or LandmarkSet.load(set_name), PRESETS[preset], model_dir)
        configs[name] = _customised(config, conf)
    return configs


def _own_set(name_or_path: str | None) -> LandmarkSet | None:
    if not name_or_path:
        return None
    try:
        return LandmarkSet.load(name_or_path)
    except LandmarkSetError as error:
        raise ConfigError(str(error)) from error


def _customised(config: TaskConfig, conf: Mapping[str, str]) -> TaskConfig:
    if preset := conf.get("preset"):
        if preset not in PRESETS:
            raise ConfigError(f"Unknown preset '{preset}': choose one of {', '.join(PRESETS)}.")
        config = replace(config, preset=PRESETS[preset])
    if variant := conf.get("variant"):
        if variant not in VARIANTS:
            raise ConfigError(f"Unknown variant '{variant}': choose one of {', '.join(VARIANTS)}.")
        config = replace(config, variant=variant)
    if encoder := conf.get("encoder"):
        if encoder not in ENCODERS:
            raise ConfigError(f"Unknown encoder '{encoder}': choose one of {', '.join(ENCODERS)}.")
        config = replace(config, encoder=encoder)
    if size := conf.get("input_size"):
        config = replace(config, input_size=_parse_size(size))
    if sigma := conf.get("sigma"):
        config = replace(config, sigma=_parse_sigma(sigma))
    if imagenet := conf.get("imagenet"):
        config = replace(config, imagenet=imagenet)
    if begin_with := conf.get("begin_with"):
        if imagenet:
            raise ConfigError("Training begins with 'imagenet' or with 'begin_with', not with both.")
        config = replace(config, begin_with=begin_with)
    return config


def _parse_size(text: str) -> tuple[int, int]:
    height, separator, width = text.lower().partition("x")
    if not (separator and height.strip().isdecimal() and width.strip().isdecimal()):
        raise ConfigError(f"Input size '{text}' is not of the form HEIGHTxWIDTH, such as 800x640.")
    try:
        check_input_size(int(height), int(width))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return int(height), int(width)


def _parse_sigma(text: str) -> float:
    try:
        sigma = float(text)
    except ValueError:
        sigma = 0.0
    if not 0.5 <= sigma <= 100.0:
        raise ConfigError(f"Sigma '{text}' is not a number from 0.5 to 100 (cells of the heat map).")
    return sigma
