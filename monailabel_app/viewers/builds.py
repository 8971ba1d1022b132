"""A build of OHIF on the disk, and the few words in it that have to change for it to lie at another address."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path

from monailabel_app.errors import NotFoundError

INDEX = "index.html"
_BASE = re.compile(rb"""PUBLIC_URL\s*=\s*["']([^"']*)["']""")


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
        found = _BASE.search((self.folder / INDEX).read_bytes())
        return found[1].decode() if found else "/"

    @cached_property
    def takes_panels(self) -> bool:
        """Whether the configuration can add panels to OHIF's own modes; before 3.13 OHIF does not start with that."""
        return any(b"applyModeCustomizations" in script.read_bytes() for script in self.folder.glob("app.bundle*.js"))

    def file(self, name: str) -> Path | None:
        """A file of the build; None where there is none of that name."""
        return file_inside(self.folder, name)

    def rewritten(self, file: Path, base: str) -> bytes | None:
        """A page, script or style that tells where the build lies, changed to ``base``; None for all other files.

        Only a build that is not minified can be moved like this, as those on npm are.
        """
        if self.base == base or file.suffix not in _MOVED:
            return None
        return _rewritten(file, file.stat().st_mtime_ns, self.base, base)


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


@lru_cache(maxsize=256)
def _rewritten(file: Path, _changed: int, old: str, new: str) -> bytes | None:
    content = file.read_bytes()
    moved = _MOVED[file.suffix](content, old.encode(), new.encode())
    return None if moved == content else moved


def _moved_page(content: bytes, old: bytes, new: bytes) -> bytes:
    linked = re.sub(rb'\b(src|href|content)="' + re.escape(old) + rb"(?!/)", rb'\1="' + new, content)
    return _BASE.sub(b'PUBLIC_URL="%s"' % new, linked)


def _moved_script(content: bytes, old: bytes, new: bytes) -> bytes:
    return content.replace(b'__webpack_require__.p = "%s"' % old, b'__webpack_require__.p = "%s"' % new)


def _moved_style(content: bytes, old: bytes, new: bytes) -> bytes:
    return re.sub(rb"\burl\(" + re.escape(old) + rb"(?!/)", b"url(" + new, content)


_MOVED: dict[str, Callable[[bytes, bytes, bytes], bytes]] = {
    ".html": _moved_page,
    ".js": _moved_script,
    ".css": _moved_style,
}
