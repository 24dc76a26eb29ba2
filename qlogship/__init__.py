"""qlogship: ships Asterisk's queue_log to a Softphone.Pro Team Dashboard."""

from importlib.metadata import version

__version__ = version("qlogship")
