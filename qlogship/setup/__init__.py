"""`qlogship setup`: from an installed package to a service that ships; deletable."""
