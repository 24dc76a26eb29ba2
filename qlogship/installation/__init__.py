"""The machine qlogship is installed on: whose files are where, and acting as their user."""
