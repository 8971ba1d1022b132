"""The one place that says how training varies radiographs."""

from __future__ import annotations

from monai.transforms import Transform

from lib.landmarks import LandmarkSet
from lib.transforms.augment import RandAffineLandmarksd
from lib.transforms.collimation import RandCollimationd
from lib.transforms.intensity import RandIntensityd


def training_variation(landmark_set: LandmarkSet) -> list[Transform]:
    """Random transforms of a sample that is fit to the network's input: ``image`` (1, H, W) in 0..1, ``label`` (N, 2).

    They leave their input as it is, and their ``set_random_state`` alone determines what they do. Collimation follows
    geometry, because a beam's edges have nothing to do with how the patient stands, and comes before grey values,
    because processing changes the border as well.
    """
    return [
        RandAffineLandmarksd(mirror_order=landmark_set.mirror_order),
        RandCollimationd(),
        RandIntensityd(),
    ]
