"""KPIs as data: numerator over denominator by month and segment. Judges no change."""
