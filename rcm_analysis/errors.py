"""Errors that a user can mend: the message is one sentence for an analyst, `code` the exit code of the command."""


class RcmError(Exception):
    """Base of StoreError, MappingError and ReportError: wrong usage or configuration."""

    code = 2


class FailedError(RcmError):
    """The machine was in the way (a full disk, a file that changed while it was read). What was not changed, or is left, is said."""

    code = 1


# Of the engine and of Python, by name, so that a notebook's error can be told as well as one of this process
OUT_OF_MEMORY = ("OutOfMemoryException", "MemoryError")
NO_MEMORY = (
    "there is not enough memory: end other programs, run with --jobs 1, or raise RCM_MEMORY_LIMIT where it is set"
)


def out_of_memory(error: BaseException) -> bool:
    """Whether the engine or Python ran out of memory."""
    return type(error).__name__ in OUT_OF_MEMORY


def of_the_system(error: BaseException) -> str:
    """What the machine refused, in one sentence: a full or read-only disk, a path; empty for other errors.

    >>> of_the_system(OSError(28, "No space left on device"))
    'the machine was in the way (No space left on device): mend that, and give the same command again'
    """
    if isinstance(error, OSError):
        why = error.strerror or type(error).__name__
    elif type(error).__name__ == "IOException":  # the engine's, whose text holds its statement
        why = "a file could not be read or written; is the disk full?"
    else:
        return ""
    return f"the machine was in the way ({why}): mend that, and give the same command again"
