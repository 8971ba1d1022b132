"""Placeholder until the reader lands."""
from pathlib import Path
from lib.radiographs.radiograph import Radiograph, RadiographHeader
EXTENSIONS: tuple[str, ...] = (".nii.gz", ".nii", ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".dcm")
def read_header(path: str | Path) -> RadiographHeader: raise NotImplementedError
def read_radiograph(path: str | Path) -> Radiograph: raise NotImplementedError
