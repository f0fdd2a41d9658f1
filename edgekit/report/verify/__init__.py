"""Verdicts as text, a page and JUnit."""
