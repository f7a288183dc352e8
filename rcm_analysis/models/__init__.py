"""The chance of an outcome for any table: learners, calibration, scores. Knows nothing of claims."""
