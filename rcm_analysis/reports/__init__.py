"""Notebooks become pages, published, delivered and on schedule. Contains no analysis."""

from rcm_analysis import moved

__getattr__ = moved("reports", "render")
