"""Disguises of a known ledger: other headings, codes, signs, columns and claim numbers, with the same dollars.

python tests/disguises.py ledger.csv out/      writes six of them
"""

from __future__ import annotations

import csv
import io
import random
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

KINDS = ("Charge", "Insurance Payment", "Patient Payment", "Adjustment", "Write-Off", "Insurance Takeback", "Transfer")


@dataclass(frozen=True)
class Disguise:
    """What is changed: headings, posting types and codes, how amounts are signed or split, and what stands around."""

    headings: str = "kept"  # kept, letters, strange
    types: str = "kept"  # kept, opaque, foreign, words, none
    amounts: str = "signed"  # signed, turned, brackets, positive, sides, sides_signed, several
    claims: str = "kept"  # kept, lower, zeros, cut
    around: str = "nothing"  # nothing, titles, balance, dates_iso, dates_european, semicolons


SIX = {
    "headings": Disguise(headings="letters"),
    "languages": Disguise(headings="strange", types="foreign", around="semicolons"),
    "sides": Disguise(headings="letters", types="opaque", amounts="sides"),
    "brackets": Disguise(headings="strange", types="opaque", amounts="brackets", around="titles"),
    "several": Disguise(headings="kept", amounts="several"),
    "balance": Disguise(headings="letters", types="opaque", claims="zeros", around="balance"),
}
FOREIGN = dict(
    zip(
        KINDS,
        ("Leistung", "Kassenzahlung", "Eigenzahlung", "Korrektur", "Ausbuchung", "Storno", "Umbuchung"),
        strict=True,
    )
)
SAID = dict(
    zip(
        KINDS,
        ("charge entered", "ins pmt ERA", "pt pmt at desk", "adj", "w/o", "ins recoup ERA", "balance to next party"),
        strict=True,
    )
)
OPAQUE = dict(zip(KINDS, ("K1", "R4", "R5", "J7", "J9", "F2", "X3"), strict=True))


def disguised(text: str, how: Disguise, *, seed: int = 1) -> str:
    """The ledger in its disguise; `text` has the columns of the demo's ledger."""
    rng = random.Random(seed)
    rows = list(csv.DictReader(io.StringIO(text)))
    codes = {
        code: f"{rng.choice('BCDK')}{n:02d}"
        for n, code in enumerate(sorted({row["Adj Code"] for row in rows} - {""}), 10)
    }
    out, balance = [], {}
    for row in rows:
        amount, kind = Decimal(row["Amount"]), row["Transaction"]
        line = {
            "Visit #": _claim(row["Visit #"], how.claims),
            "Patient": row["Patient"],
            "DOS": _day(row["DOS"], how),
            "Post Date": _day(row["Post Date"], how),
        }
        if how.types == "kept":
            line |= {"Transaction": kind, "Adj Code": row["Adj Code"], "Description": row["Description"]}
        elif how.types in ("opaque", "foreign"):
            line |= {
                "Transaction": (OPAQUE if how.types == "opaque" else FOREIGN)[kind],
                "Adj Code": codes.get(row["Adj Code"], ""),
            }
        elif how.types == "words":
            line |= {"Memo": f"{SAID[kind]} {row['Description']}".strip()}
        else:
            line |= {"Adj Code": codes.get(row["Adj Code"], "")}
        line |= {"Insurance": row["Insurance"], "CPT": row["CPT"], "Site": row["Site"]}
        line |= _amounts(amount, kind, how.amounts)
        if how.around == "balance":
            balance[row["Visit #"]] = balance.get(row["Visit #"], Decimal(0)) + (0 if kind == "Transfer" else amount)
            line["Balance"] = f"{balance[row['Visit #']]:.2f}"
        out.append(line)
    return _written(out, how)


def _claim(number: str, how: str) -> str:
    return {"kept": number, "lower": number.lower(), "zeros": "00" + number, "cut": number[2:]}[how]


def _day(text: str, how: Disguise) -> str:
    month, day, year = text.split("/")
    return {"dates_iso": f"{year}-{month}-{day}", "dates_european": f"{day}.{month}.{year}"}.get(how.around, text)


def _amounts(amount: Decimal, kind: str, how: str) -> dict[str, str]:
    plain = f"{amount:.2f}"
    if how == "turned":
        return {"Amount": f"{-amount:.2f}"}
    if how == "brackets":
        return {"Amount": f"({-amount:,.2f})" if amount < 0 else f"{amount:,.2f}"}
    if how == "positive":
        return {"Amount": f"{abs(amount):.2f}"}
    if how in ("sides", "sides_signed"):
        credit = f"{amount if how == 'sides_signed' else -amount:.2f}"
        return {"Debit": plain if amount >= 0 else "", "Credit": credit if amount < 0 else ""}
    if how == "several":
        names = dict(zip(KINDS, ("Chg", "Ins Pmt", "Pt Pmt", "Adjs", "W/O", "Ins Pmt", "Transfer"), strict=True))
        name, blank = names[kind], dict.fromkeys(names.values(), "0.00")
        return {**blank, name: plain}
    return {"Amount": plain}


def _written(rows: list[dict[str, str]], how: Disguise) -> str:
    names = list(rows[0])
    shown = {
        "kept": names,
        "letters": [chr(65 + i) for i in range(len(names))],
        "strange": [f"{name[::-1].strip('# ')}x" for name in names],
    }
    out = io.StringIO()
    write = csv.writer(out, delimiter=";" if how.around == "semicolons" else ",", lineterminator="\n")
    if how.around == "titles":
        out.write("Account activity\n\n")
    write.writerow(shown[how.headings])
    write.writerows(row.values() for row in rows)
    if how.around == "titles":
        write.writerow(["Totals", *[""] * (len(names) - 2), "1.00"])
    return out.getvalue()


if __name__ == "__main__":
    source, folder = Path(sys.argv[1]).read_text(), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for name, how in SIX.items():
        (folder / f"{name}.csv").write_text(disguised(source, how))
