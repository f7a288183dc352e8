"""Before a claim goes out: rules, chances, edits, and the scrub that applies them. Changes no file that it was given."""

from rcm_analysis import moved

__getattr__ = moved("prevention", "rules")
