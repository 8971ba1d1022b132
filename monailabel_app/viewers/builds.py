"""A build of OHIF on the disk, and the few words in it that have to change for it to lie at another address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path

from monailabel_app.errors import NotFoundError

INDEX = "index.html"
_BASE = re.compile(r"""PUBLIC_URL\s*=\s*["']([^"']*)["']""")
_MAIN_SCRIPT = re.compile(r"app\.bundle\..*js")


@dataclass(frozen=True)
class Build:
    """A folder with an ``index.html``, made to lie at :attr:`base`.

    Args:
        folder: the folder, resolved.
    """

    folder: Path

    @cached_property
    def base(self) -> str:
        """The path that it was built for: ``/`` on npm, ``/ohif/`` in the package of MONAI Label."""
        found = _BASE.search((self.folder / INDEX).read_text(encoding="utf-8"))
        return found[1] if found else "/"

    @cached_property
    def takes_panels(self) -> bool:
        """Whether the configuration can add panels to OHIF's own modes; before 3.13 OHIF does not start with that."""
        scripts = (path for path in self.folder.glob("app.bundle.*js") if _MAIN_SCRIPT.fullmatch(path.name))
        return any(b"applyModeCustomizations" in path.read_bytes() for path in scripts)

    def file(self, name: str) -> Path | None:
        """A file of the build; None where there is none of that name."""
        return file_inside(self.folder, name)

    def rewritten(self, file: Path, base: str) -> bytes | None:
        """The start page or the main script, changed to lie at ``base``; None where nothing is to be changed.

        Only a build that is not minified can be moved like this, which those on npm are not.
        """
        if self.base == base:
            return None
        if file.name == INDEX:
            return _moved_page(file, self.base, base)
        return _moved_script(file, self.base, base) if _MAIN_SCRIPT.fullmatch(file.name) else None


def file_inside(folder: Path, name: str) -> Path | None:
    """A file in a folder or below; None where there is none, or one outside."""
    try:
        path = (folder / name).resolve()
        return path if path.is_relative_to(folder) and path.is_file() else None
    except (OSError, ValueError):  # a name that no file can have
        return None


def wheel_build() -> Path:
    """The build that comes with MONAI Label."""
    return Path(str(files("monailabel"))) / "endpoints" / "static" / "ohif"


def open_build(chosen: str | None) -> Build:
    """The build in a folder, or that of MONAI Label.

    Raises:
        NotFoundError: no build is there; one sentence.
    """
    folder = (Path(chosen).expanduser() if chosen else wheel_build()).resolve()
    index = folder / INDEX
    if not index.is_file():
        raise NotFoundError(
            f"There is no OHIF in '{folder}': give --conf ohif FOLDER with a folder that holds {INDEX}, such as "
            "node_modules/@ohif/app/dist."
        )
    return _build(folder, index.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _build(folder: Path, _changed: int) -> Build:
    return Build(folder)


@lru_cache(maxsize=4)
def _moved_page(file: Path, old: str, new: str) -> bytes:
    text = file.read_text(encoding="utf-8")
    text = re.sub(rf'\b(src|href|content)="{re.escape(old)}(?!/)', rf'\1="{new}', text)
    return _BASE.sub(f'PUBLIC_URL="{new}"', text).encode()


@lru_cache(maxsize=4)
def _moved_script(file: Path, old: str, new: str) -> bytes:
    return file.read_bytes().replace(
        f'__webpack_require__.p = "{old}"'.encode(), f'__webpack_require__.p = "{new}"'.encode()
    )
