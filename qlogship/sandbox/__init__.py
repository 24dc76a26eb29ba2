"""The sandbox: a local Team Dashboard with the vendor's API.

Nothing is imported here: the HTTP libraries come with the extra `sandbox`.
"""
