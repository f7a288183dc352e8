"""Denial trend analytics for medical practices and ambulance businesses.

Files on disk become tidy tables (`intake`, `store`), tables become claims, denials and write-offs as of a date
(`claims`), those become measures (`measures`, `summaries`), pictures (`charts`) and pages (`pages`, `reports`). An
analyst begins with

    con = claims.open_practice("data/store", "riverbend", as_of=date(2026, 10, 31))
"""

__version__ = "0.1.0"
