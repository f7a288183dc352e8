"""Pictures that only draw the tables they are given."""

from rcm_analysis import moved

__getattr__ = moved("charts", "common")
