"""The error that a user can mend: its message is one sentence for an analyst, and a command ends with code 2."""


class RcmError(Exception):
    """Base of StoreError, MappingError and ReportError."""
