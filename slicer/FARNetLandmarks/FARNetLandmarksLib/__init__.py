"""FARNet Landmarks for 3D Slicer, in three layers.

``notes``, ``review``: plain Python, knows no Slicer. ``lists``, ``decisions``, ``views``, ``session``: MRML scene and
nodes, no windows. ``bridge``, ``submission``, ``stock``: the MONAI Label extension. ``panel``, ``table``: Qt.
Runs on Python 3.9, that of Slicer 5.6.
"""
