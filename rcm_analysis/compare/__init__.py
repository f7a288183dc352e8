"""A practice next to payers, other practices and published figures. Computes no KPI anew."""
