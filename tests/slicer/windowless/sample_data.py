"""A stand-in for Slicer's module ``SampleData``, which the MONAI Label plugin downloads images with.

It mirrors ``SampleDataLogic.downloadFromURL``, ``downloadFile`` and ``loadNode``: a file is kept in the scene's cache
folder under the name that was asked for and taken from there the next time, unless a checksum is given and differs; it
is loaded as a ``VolumeFile`` without ``singleFile``, and its node keeps no storage node. Not mirrored: the sources that
Slicer offers, archives, scenes, progress, further attempts after a failure.
"""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Any

import slicer
import vtk
from slicer.util import computeChecksum, extractAlgoAndDigest


class SampleDataLogic:
    """Downloads and loads."""

    def downloadFromURL(
        self,
        uris: Any = None,
        fileNames: Any = None,
        nodeNames: Any = None,
        checksums: Any = None,
        loadFileProperties: Any = None,
    ) -> list[Any]:
        columns = [value if isinstance(value, list) else [value] for value in (uris, fileNames, nodeNames, checksums)]
        folder = slicer.mrmlScene.GetCacheManager().GetRemoteCacheDirectory()
        nodes = []
        for uri, file, name, checksum in zip(*columns, strict=True):
            path = self.downloadFile(uri, folder, file, checksum)
            node = self.loadNode(path, name, "VolumeFile", dict(loadFileProperties or {}))
            if node is None:
                raise RuntimeError(f"Failed to load {path}")
            nodes.append(node)
        return nodes

    def downloadFile(self, uri: str, destFolderPath: str, name: str, checksum: str | None = None) -> str:
        path = Path(destFolderPath) / name
        algorithm, digest = extractAlgoAndDigest(checksum)
        if path.exists() and path.stat().st_size:
            if algorithm is None or computeChecksum(algorithm, path) == digest:
                return str(path)
            path.unlink()
        urllib.request.urlretrieve(uri, path)
        if algorithm is not None and computeChecksum(algorithm, path) != digest:
            raise ValueError("Checksum mismatch")
        return str(path)

    def loadNode(self, uri: str, name: str, fileType: str = "VolumeFile", fileProperties: Any = {}) -> Any:  # noqa: B006
        fileProperties["fileName"] = uri
        fileProperties["name"] = name
        loaded = vtk.vtkCollection()
        if not slicer.app.coreIOManager().loadNodes(fileType, fileProperties, loaded):
            return None
        for index in range(loaded.GetNumberOfItems()):
            self._forget_file(loaded.GetItemAsObject(index))
        return loaded.GetItemAsObject(0)

    def _forget_file(self, node: Any) -> None:
        """The file in the cache is not where the node is to be saved."""
        storage = node.GetStorageNode()
        if storage is not None:
            slicer.mrmlScene.RemoveNode(storage)
            node.SetAndObserveStorageNodeID(None)
