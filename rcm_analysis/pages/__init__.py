"""What a page says: blocks, columns, sentences. Computes no figure."""

from rcm_analysis import moved

__getattr__ = moved("pages", "blocks")
