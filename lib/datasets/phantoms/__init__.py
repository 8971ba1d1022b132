"""Labelled synthetic radiographs: samples for people without data, and ground truth for tests and demo models."""

from lib.datasets.phantoms.dicom import phantom_patient, write_dicom_dx
from lib.datasets.phantoms.phantom import Phantom, make_phantom, phantom_studies

__all__ = ["Phantom", "make_phantom", "phantom_patient", "phantom_studies", "write_dicom_dx"]
