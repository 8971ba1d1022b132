"""The learning: landmarks, radiographs, FARNet, its training and evaluation; usable without any server."""
