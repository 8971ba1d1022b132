"""The app around the learning: server, folder of studies, command line."""
