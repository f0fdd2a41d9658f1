"""Wrappers of the converters, and of what they need: typed results, warnings as values."""
