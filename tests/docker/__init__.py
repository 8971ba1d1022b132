"""The files for containers, as far as they can be checked where none can run."""
