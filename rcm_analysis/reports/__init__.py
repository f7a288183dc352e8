"""Notebooks become pages, published, delivered and on schedule. Contains no analysis."""
