"""`qlogship import` and `qlogship export`: older files in, the archive out; deletable."""
