"""Files offered become one batch of the store, or are refused with a reason. Interprets no claim."""

from rcm_analysis import moved

__getattr__ = moved("intake", "ingest")
