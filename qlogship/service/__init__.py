"""The service: one step of work, and the loop that waits between steps."""
