"""X12 text to columns and back: 835, 837, 277CA. Knows no store, and no meaning beyond the standard's."""
