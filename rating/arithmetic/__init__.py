"""Exact numbers: scaled integers with proven bounds, and the one allocation primitive."""
