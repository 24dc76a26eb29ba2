"""`qlogship report`: the dashboard's own logs, downloaded; deletable."""
