"""Metrics, noise floors and statistics: pure functions of arrays, each with its formula."""
