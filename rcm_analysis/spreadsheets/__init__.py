"""A billing system's exports (CSV, Excel) to columns. Knows no X12 and writes nothing."""
