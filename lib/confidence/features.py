"""The numbers by which an error is predicted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lib.heatmaps import Evidence

FloatArray = npt.NDArray[np.float64]

FEATURES = ("height", "width", "rival", "disagreement", "stray", "shape")
"""Each grows with the error that is to be expected; all are logarithms, so that a straight line does."""


def feature_table(evidence: Evidence, shape: FloatArray | None) -> FloatArray:
    """(N, F) features of the landmarks of one image, in the order of :data:`FEATURES`.

    Args:
        evidence: what the heat maps tell.
        shape: (N,) how far each landmark lies from where the others say, 1 for the limit of what is plausible; None
            where no shape is known, which counts as an ordinary one.
    """
    distance = np.full(len(evidence.peak), 0.4) if shape is None else np.nan_to_num(shape, nan=0.4)
    columns = (
        -np.log(np.clip(evidence.peak.cpu().numpy(), 0.02, 1.0)),
        np.log(np.clip(evidence.width.cpu().numpy(), 0.1, 20.0)),
        np.log(evidence.rival.cpu().numpy() + 0.02),
        np.log(evidence.disagreement.cpu().numpy() + 0.05),
        np.log(evidence.stray.cpu().numpy() + 0.05),
        np.log(np.clip(distance, 0.0, 20.0) + 0.1),
    )
    table: FloatArray = np.stack(columns, axis=1).astype(np.float64)
    return table
