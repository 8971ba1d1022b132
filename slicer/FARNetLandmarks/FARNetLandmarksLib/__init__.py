"""FARNet Landmarks for 3D Slicer, in three layers.

``notes``, ``review``: plain Python, knows no Slicer. ``lists``, ``views``, ``session``: MRML scene and nodes, no
windows. ``bridge``, ``stock``, ``panel``: the MONAI Label extension and Qt. Runs on Python 3.9, that of Slicer 5.6.
"""
