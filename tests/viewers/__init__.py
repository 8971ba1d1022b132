"""Real Orthanc, real OHIF in a real browser. What is not installed is skipped, and said."""
