"""Public data sets as they are published, and phantoms: both yield studies."""

from lib.datasets.aasce import read_aasce
from lib.datasets.hand import read_hand
from lib.datasets.isbi2015 import read_isbi2015
from lib.datasets.observers import ObserverReading, read_observers
from lib.datasets.protocol import Protocol, ProtocolError, protocol_names
from lib.datasets.studies import DatasetError, MissingReaderError, Study

__all__ = [
    "DatasetError",
    "MissingReaderError",
    "ObserverReading",
    "Protocol",
    "ProtocolError",
    "Study",
    "protocol_names",
    "read_aasce",
    "read_hand",
    "read_isbi2015",
    "read_observers",
]
