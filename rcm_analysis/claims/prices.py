"""What a line is usually allowed: what the steps of prices ask for that SQL can't tell on both engines.

A payer's price hangs on the payer, the procedure, the modifiers that change prices and whether the place is a facility,
and on the date. Modifiers that only explain (25, 59 and its kin, LT, RT, GP, an ambulance's origin and destination)
change no price and would only split the history; those that do stand in `reference/price_modifiers.csv`.

    modifiers  price_modifiers
    26 59      26
    RH         ''
    RT 50      50
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis.reference import codes

if TYPE_CHECKING:
    import duckdb

FRAMES = ("price_modifiers_of",)
VALUES = {
    # Places where the building bills for itself, so that the professional's price is the lower one (CMS place of service)
    "facility_places": ["02", "19", "21", "22", "23", "24", "26", "31", "34", "41", "42", "51", "52", "53", "56", "61"],
    "reduced_carcs": ["59"],  # a further procedure of the session at a lower price: no usual price
    "enough_prices": 5,  # payments that a usual price rests on, where there are as many
    # A payment counts for less the further its month of service is from the line's, and less again beyond a 1 January,
    # when fee schedules change. Of .5 to 1, .7 had the smallest error on later payments; the year counts as three months.
    "price_fade": 0.7,
    "year_months": 3,
    # A share of few denials is drawn to the practice's as if by this many more: of 5 to 80, 20 brought the order of work
    # nearest to the truth's in six practices with known truth, the others hardly less
    "prior_denials": 20,
}


def priced(modifiers: list[str]) -> pd.DataFrame:
    """Each text of modifiers with those of them that change a price, in one order.

    >>> priced(["26 59", "RH", "RT 50", "TC 26"])["price_modifiers"].tolist()
    ['26', '', '50', '26 TC']
    """
    change = set(codes.table("price_modifiers")["modifier"])
    told = [" ".join(sorted(change.intersection(text.split()))) for text in modifiers]
    return pd.DataFrame(
        {"modifiers": pd.Series(modifiers, dtype="string"), "price_modifiers": pd.Series(told, dtype="string")}
    )


def prepare(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The practice's modifiers with what of them changes a price, for the steps."""
    found = con.execute("""
        SELECT modifiers FROM remittance_lines WHERE modifiers IS NOT NULL
        UNION SELECT modifiers FROM submission_lines WHERE modifiers IS NOT NULL ORDER BY modifiers""").fetchall()
    return priced([text for (text,) in found])
