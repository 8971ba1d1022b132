"""What MONAI Label loads, and the command line: ``python main.py -h``."""

import os
import sys
from pathlib import Path

# Threads of GNU OpenMP that wait for work keep their cores busy, and slow whatever else runs there: a second request, a
# training. So they give up after 2 ms instead of 8; sooner, and they miss the next layer of a small network. It reads
# this when torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "30000")

# main.py may be run from any folder, and MONAI Label takes the app's folder from the path again after loading
sys.path.insert(0, str(Path(__file__).resolve().parent))

if __name__ == "__main__":  # the command line does not wait for all that a server needs
    from monailabel_app.cli import main

    sys.exit(main())

from monailabel_app.app import FARNetApp

__all__ = ["FARNetApp"]
