"""Forgetting a number: masking it wherever the state directory has it."""
