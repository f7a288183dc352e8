"""What a page says: blocks, columns, and a module of sentences and layouts for each notebook. Computes no figure."""

from rcm_analysis import moved

__getattr__ = moved("pages", "blocks")
