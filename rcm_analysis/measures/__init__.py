"""KPIs as data: numerator over denominator by month and segment. Judges no change."""

from rcm_analysis import moved

__getattr__ = moved("measures", "measures")
