"""Who may be seen: pseudonyms at the door, and what leaves in a de-identified report. Stores and shows nothing itself."""

from rcm_analysis import moved

__getattr__ = moved("privacy", "pseudonyms")
