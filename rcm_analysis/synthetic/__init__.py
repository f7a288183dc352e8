"""A synthetic practice with known truth, as EDI files and a ledger."""
