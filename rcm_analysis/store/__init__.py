"""What is known of a practice, on disk, and the engine that reads it. Never reads a file that was offered, never derives."""

from rcm_analysis import moved

__getattr__ = moved("store", "practice")
