"""The version of this distribution. Imports nothing."""

__version__ = "0.1.0"
