"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lib.configs import MODELS, PRESETS, VARIANTS, TaskConfig, choose_models
from lib.landmarks import LandmarkSet
from lib.networks import ENCODERS
from lib.radiographs import PixelSpacing, SpacingSource
from monailabel_app.datastores import StudiesFolder
from monailabel_app.datastores.opening import is_address, open_studies

APP_DIR = Path(__file__).resolve().parents[2]


class UsageError(ValueError):
    """Arguments that do not go together; one sentence."""


def add_model_arguments(parser: argparse.ArgumentParser | argparse._ArgumentGroup, *, required: bool = True) -> None:
    """``--model`` and what can be changed about it."""
    parser.add_argument("--model", required=required, metavar="NAME", help=f"one of {', '.join(MODELS)}")
    parser.add_argument(
        "--landmarks", metavar="SET", help="landmark set instead of the model's: a name or your own YAML file"
    )
    add_model_dir(parser)
    parser.add_argument(
        "--device", default="cuda", help="cuda, cuda:1, cpu; without a GPU it is the CPU (default: %(default)s)"
    )


def add_model_dir(parser: argparse.ArgumentParser | argparse._ArgumentGroup, default: Any = APP_DIR / "model") -> None:
    """``--model-dir``; a command below another that has it too says ``argparse.SUPPRESS``, so as not to undo it."""
    parser.add_argument(
        "--model-dir",
        type=Path,
        default=default,
        metavar="DIR",
        help=f"where weights and runs lie (default: {APP_DIR / 'model'})",
    )


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """What a new network looks like."""
    parser.add_argument(
        "--preset", choices=PRESETS, help="network and training: full as in the paper, lite for laptops"
    )
    parser.add_argument(
        "--variant",
        choices=VARIANTS,
        metavar="NAME",
        help=f"a row of the paper's ablations, or its released code: one of {', '.join(VARIANTS)} (default: farnet)",
    )
    parser.add_argument("--encoder", choices=ENCODERS, metavar="NAME", help=f"one of {', '.join(ENCODERS)}")
    parser.add_argument("--input-size", metavar="HxW", help="network input, multiples of 32, such as 800x640")
    parser.add_argument("--sigma", metavar="CELLS", help="width of the heat maps' Gaussians")
    parser.add_argument(
        "--imagenet",
        metavar="FILE",
        help="ImageNet weights of the encoder: a file, or 'download'; otherwise from scratch",
    )
    parser.add_argument(
        "--begin-with",
        metavar="FILE",
        help="take the weights of this model file first, whatever its landmarks; the network must be the same",
    )


def add_shrunk(parser: argparse.ArgumentParser | argparse._ArgumentGroup, when: str = "") -> None:
    """``--shrunk``, for copies of a public set; see :func:`check_shrunk`."""
    parser.add_argument(
        "--shrunk",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help=f"{when}how many times smaller the files are than the published ones (default: 1)",
    )


def check_shrunk(factor: float) -> None:
    """Refuse what can be no factor.

    Raises:
        UsageError: it is none.
    """
    if not 0.01 <= factor <= 100.0:
        raise UsageError(f"--shrunk {factor:g} is not a factor between 0.01 and 100.")


def chosen_model(options: argparse.Namespace) -> TaskConfig:
    """The model that the arguments describe.

    Raises:
        ConfigError: they describe none.
        UsageError: they name several.
    """
    keys = ("landmarks", "preset", "variant", "encoder", "input_size", "sigma", "imagenet", "begin_with")
    conf = {key: str(value) for key in keys if (value := getattr(options, key, None)) is not None}
    models = choose_models({"models": options.model, **conf}, options.model_dir)
    if len(models) > 1:
        raise UsageError(f"one model at a time, not {options.model}.")
    return next(iter(models.values()))


def existing_studies(options: argparse.Namespace, config: TaskConfig) -> StudiesFolder:
    """The folder of studies, which must exist, or the studies on a DICOMweb server, which must answer.

    Raises:
        UsageError: it does not.
    """
    return opened_studies(options, {config.name: config.landmark_set})


def opened_studies(options: argparse.Namespace, landmark_sets: Mapping[str, LandmarkSet]) -> StudiesFolder:
    """As :func:`existing_studies`, with the landmark set of each model, by the model's name."""
    where = str(options.studies)
    if not is_address(where) and not Path(where).is_dir():
        raise UsageError(f"there is no folder {where}: make one with 'import' or 'phantoms'.")
    studies = open_studies(where, landmark_sets)
    if fault := studies.status().get("dicomweb", {}).get("fault"):
        raise UsageError(fault)
    return studies


def stated_spacing(millimetres: float) -> PixelSpacing:
    """The size of a pixel as the user states it.

    Raises:
        UsageError: no such pixel can be.
    """
    try:
        return PixelSpacing(millimetres, millimetres, SpacingSource.USER)
    except ValueError as error:
        raise UsageError(str(error)) from error


def number_text(value: Any, digits: int = 2, unit: str = "") -> str:
    """A figure for people; an unknown one is a dash."""
    return "–" if value is None else f"{value:.{digits}f}{unit}"
