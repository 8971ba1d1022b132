"""``farnet_split.json``: the split of a folder of studies, the same for the command line and the server."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from lib.formats import write_atomic
from lib.trainers.split.assign import extended
from lib.trainers.split.entries import Side, Split, SplitError
from lib.trainers.split.given import with_given
from lib.trainers.split.links import Case

logger = logging.getLogger(__name__)

SPLIT_FILE = "farnet_split.json"
_LOCK_FILE = ".farnet_split.lock"
_LOCK_TIMEOUT_S = 60.0


class SplitFile:
    """The split of all images of a folder, whatever landmarks they are labelled with.

    Args:
        folder: the datastore's folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder) / SPLIT_FILE

    def read(self) -> Split:
        """The split; without a side for anybody where there is no file.

        Raises:
            SplitError: the file is damaged.
        """
        try:
            return Split.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return Split()
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(part) for part in fault["loc"])
            raise SplitError(
                f"{self.path} is damaged ({where + ': ' if where else ''}{fault['msg']}): put back a copy, or mend it; "
                "without it nobody knows which images earlier models have learnt from."
            ) from error

    def extend(self, cases: Sequence[Case], share: float) -> Split:
        """Decide the sides of images that have none, see :func:`~lib.trainers.split.assign.extended`.

        Raises:
            SplitError: the file is damaged or locked, or the images cannot be split.
        """
        with self._locked():
            before = self.read()
            after = extended(before, cases, share)
            self._write(before, after)
        return after

    def use(self, sides: Mapping[str, Side], source: str, cases: Sequence[Case], *, force: bool = False) -> Split:
        """Take a user's sides, see :func:`~lib.trainers.split.given.with_given`.

        Raises:
            SplitError: the file is damaged or locked, or images that belong together would come on both sides.
        """
        with self._locked():
            before = self.read()
            after = with_given(before, sides, source, cases, force=force)
            self._write(before, after)
        return after

    def _write(self, before: Split, after: Split) -> None:
        if after == before:
            return
        write_atomic(self.path, after.model_dump_json(indent=1, exclude_none=True))
        for image, entry in after.images.items():
            earlier = before.images.get(image)
            if entry.side == "left_out" and (earlier is None or earlier.side != "left_out"):
                logger.warning("'%s' is neither trained on nor held out. %s", image, entry.reason)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with FileLock(self.path.with_name(_LOCK_FILE), timeout=_LOCK_TIMEOUT_S):
                yield
        except Timeout as error:
            raise SplitError(f"{self.path} is in use by another program; try again in a minute.") from error
