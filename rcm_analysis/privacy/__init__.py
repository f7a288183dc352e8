"""Who may be seen: pseudonyms at the door, names out of free text. What leaves in a de-identified page is `pages.release`."""

from rcm_analysis import moved

__getattr__ = moved("privacy", "pseudonyms")
