"""``serve``: start the MONAI Label server."""

from __future__ import annotations

import argparse
import os
import sys

from lib.configs import choose_models
from monailabel_app.cli.common import APP_DIR


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "serve",
        help="start the server for 3D Slicer, OHIF and REST clients",
        description="The same as 'monailabel start_server --app . --studies DIR --conf models NAMES'.",
    )
    parser.add_argument(
        "--studies", required=True, metavar="DIR", help="folder of radiographs, or address of a DICOMweb server"
    )
    parser.add_argument(
        "--models", default="farnet_demo", metavar="NAMES", help="models, separated by commas (default: %(default)s)"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="0.0.0.0 lets other machines in, without a login (default: %(default)s)"
    )
    parser.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    parser.add_argument(
        "--conf",
        nargs=2,
        action="append",
        default=[],
        metavar=("KEY", "VALUE"),
        help="landmarks, preset, variant, encoder, input_size, sigma, imagenet, begin_with",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check the configuration, then become the server."""
    conf = {"models": options.models, **dict(options.conf)}
    choose_models(conf, APP_DIR / "model")
    settings = [text for key, value in conf.items() for text in ("--conf", key, value)]
    command = ["start_server", "--app", str(APP_DIR), "--studies", options.studies]
    command += ["--host", options.host, "--port", str(options.port), *settings]
    os.execv(sys.executable, [sys.executable, "-m", "monailabel.main", *command])  # noqa: S606 - no shell is wanted
