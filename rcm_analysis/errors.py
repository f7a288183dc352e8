"""Errors that a user can mend: the message is one sentence for an analyst, `code` the exit code of the command."""


class RcmError(Exception):
    """Base of StoreError, MappingError and ReportError: wrong usage or configuration."""

    code = 2


class FailedError(RcmError):
    """The machine was in the way (a full disk, a file that changed while it was read); nothing was changed."""

    code = 1
