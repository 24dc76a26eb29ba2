"""`qlogship reconcile`: archive, ledger and reported counts compared; deletable."""
