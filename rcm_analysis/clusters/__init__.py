"""Denials with one cause, grouped and labeled. Judges no change over time by itself."""
