"""Photographs and sound as the arrays that models take."""
