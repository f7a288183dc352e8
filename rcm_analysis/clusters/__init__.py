"""Denials with one cause, grouped and labeled. Judges no change over time by itself."""

from rcm_analysis import moved

__getattr__ = moved("clusters", "grouping")
