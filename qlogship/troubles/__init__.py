"""What is wrong now: said once in the log, kept for `status`, gone when it is over."""
