"""Open denials, the most worthwhile first. Learns with `models`, renders nothing."""
