"""Open denials, the most worthwhile first. Learns with `models`, renders nothing."""

from rcm_analysis import moved

__getattr__ = moved("risk", "worklist")
