"""The sandbox: a local Team Dashboard with the vendor's API, and a simulated call centre.

Nothing is imported here, so that the call centre can be used without the
HTTP libraries that the extra `sandbox` brings.
"""
