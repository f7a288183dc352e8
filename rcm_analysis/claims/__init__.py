"""Facts become claims, denials and write-offs as of a day. Measures nothing."""

from rcm_analysis import moved

__getattr__ = moved("claims", "derive")
