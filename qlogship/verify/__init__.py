"""Read all that the state directory holds, and compare it with what was written."""
