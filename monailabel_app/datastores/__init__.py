"""Where radiographs and labels live, with one set of rules for what may be stored."""
