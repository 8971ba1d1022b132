"""Public data sets as they are published, and phantoms: both yield studies."""

from lib.datasets.aasce import read_aasce
from lib.datasets.hand import read_hand
from lib.datasets.isbi2015 import read_isbi2015
from lib.datasets.observers import ObserverReading, read_observers
from lib.datasets.studies import DatasetError, Study

__all__ = ["DatasetError", "ObserverReading", "Study", "read_aasce", "read_hand", "read_isbi2015", "read_observers"]
