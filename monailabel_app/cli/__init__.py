"""The command line: one small file a command."""

from monailabel_app.cli.parser import main

__all__ = ["main"]
