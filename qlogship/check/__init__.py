"""`qlogship check`: facts are gathered, judged, and shown; deletable."""
