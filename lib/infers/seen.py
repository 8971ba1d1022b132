"""What a model has seen in a radiograph: all that its answers are made of, in whatever form they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lib.checkpoints import ModelCard
from lib.confidence import Trust
from lib.heatmaps import Evidence
from lib.radiographs import RadiographHeader

FileKey = tuple[str, int, int, int, int]
"""Path, inode, times of the last change of content and of anything (ns), size: changes whenever a file is replaced."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A few kilobytes, no pixel and no heat map among them; nothing of it hangs on what a request says.

    Args:
        header: the radiograph's.
        evidence: of its heat maps, on the CPU.
        features: (C,) of the image.
        card: the model's.
        trust: the model's.
    """

    header: RadiographHeader
    evidence: Evidence
    features: npt.NDArray[np.float32]
    card: ModelCard
    trust: Trust

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """What is left of the data when all transforms have been applied."""
        evidence, trained = data["evidence"], data["trained"]
        on_cpu = Evidence(**{field.name: getattr(evidence, field.name).cpu() for field in fields(Evidence)})
        features = data["features"].float().cpu().numpy().astype(np.float32)
        return cls(data["header"], on_cpu, features, trained.card, trained.trust)


def file_key(path: str | Path) -> FileKey | None:
    """What tells a file from any other that is or was at the same place; None where there is none."""
    with suppress(OSError):
        status = Path(path).stat()
        return str(path), status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size
    return None
