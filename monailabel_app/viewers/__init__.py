"""What the server serves to browsers: OHIF, our panel for it, and the way to the DICOM server."""
