"""Where radiographs and labels live, with one set of rules for what may be stored."""

from monailabel_app.datastores.local import StudiesFolder

__all__ = ["StudiesFolder"]
