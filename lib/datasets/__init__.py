"""Public data sets and phantoms."""
