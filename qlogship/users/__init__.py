"""`qlogship users`: the dashboard's user administration; deletable."""
