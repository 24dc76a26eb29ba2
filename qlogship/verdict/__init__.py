"""What may be said of the numbers on the dashboard: right, uncertain or wrong; one rule for all."""
