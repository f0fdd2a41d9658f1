"""Timings as text, a page and plots."""
