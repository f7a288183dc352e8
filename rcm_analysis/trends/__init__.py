"""What changed in denials, and whether it is real. Draws and words nothing but its headline."""

from rcm_analysis import moved

__getattr__ = moved("trends", "signals")
