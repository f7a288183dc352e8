"""The demo practice as text: 837, 277CA and 835 files and the ledger, from what `demo` decided."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

SUBMITTER, HOUSE = "RIVERBEND", "CLEARWAY1"
GROUP_NPI, GROUP_NAME = "1522003502", "RIVERBEND MEDICAL AND AMBULANCE"

GIVEN = ("AVERY", "ROWAN", "SAGE", "QUINN", "DEVON", "EMERY", "LANE")
FAMILY = (
    "ASHGROVE",
    "BRACKEN",
    "CEDARHILL",
    "BIRCHWOOD",
    "ELDERBY",
    "FERNDALE",
    "GORSEY",
    "HAZELTON",
    "IVYBRIDGE",
    "JUNIPERO",
    "LARCHMONT",
)


def day(value: date) -> str:
    return value.strftime("%Y%m%d")


def money(cents: int, form: str = "plain") -> str:
    """An amount as a payer writes it: `two` 240.00, `plain` 240 or 8.4."""
    if form == "two":
        return f"{cents / 100:.2f}"
    return f"{cents / 100:.2f}".rstrip("0").rstrip(".") if cents % 100 else str(cents // 100)


def envelope(
    kind: str, version: str, sender: str, receiver: str, when: date, control: int, sets: list[list[str]]
) -> list[str]:
    """Segments of an interchange around transaction sets, with honest counts."""
    stamp = day(when)
    head = (f"ISA*00*          *00*          *ZZ*{sender:<15}*ZZ*{receiver:<15}*{stamp[2:]}*0630*^*00501*"
            f"{control:09d}*0*P*:")  # fmt: skip
    out = [head, f"GS*{kind}*{sender}*{receiver}*{stamp}*0630*{control}*X*{version}"]
    for i, body in enumerate(sets, 1):
        code = {"HP": "835", "HC": "837", "HN": "277"}[kind]
        tail = "" if code == "835" else f"*{version}"
        out += [f"ST*{code}*{i:04d}{tail}", *body, f"SE*{len(body) + 2}*{i:04d}"]
    return [*out, f"GE*{len(sets)}*{control}", f"IEA*1*{control:09d}"]


def text(segments: list[str], style: dict[str, str] | None = None) -> str:
    """The segments with a payer's own delimiters and line ends."""
    style = style or {"element": "*", "component": ":", "segment": "~", "line": "\n"}
    marks = str.maketrans({"*": style["element"], ":": style["component"]})
    end = style["segment"] + style["line"]
    return end.join(segment.translate(marks) for segment in segments) + end


def write_all(folder: Path, world: dict[str, Any]) -> dict[str, int]:
    """Writes every file of the world; gives the number of files by kind."""
    for name in ("edi/837", "edi/835", "edi/277ca"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    counts = {
        "837": _submissions(folder / "edi/837", world),
        "277CA": _acknowledgments(folder / "edi/277ca", world),
        "835": _remittances(folder / "edi/835", world),
    }
    _ledger(folder / "ledger.csv", world["postings"])
    _work_log(folder / "work_log.csv", world["work"])
    return counts


def _by_day(rows: Iterable[dict], *keys: str) -> dict[tuple, list[dict]]:
    groups: dict[tuple, list[dict]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[key] for key in keys)].append(row)
    return dict(sorted(groups.items()))


def _submissions(folder: Path, world: dict[str, Any]) -> int:
    days = _by_day(world["submissions"], "on")
    for control, ((when,), rows) in enumerate(days.items(), 1):
        body = ["BHT*0019*00*" + f"B{day(when)}*{day(when)}*0600*CH",
                f"NM1*41*2*{GROUP_NAME}*****46*{SUBMITTER}", "PER*IC*BILLING OFFICE*TE*5550100111",
                f"NM1*40*2*CLEARWAY*****46*{HOUSE}", "HL*1**20*1", f"NM1*85*2*{GROUP_NAME}*****XX*{GROUP_NPI}",
                "N3*1 LANDING ROAD", "N4*RIVERBEND*OH*450010001", "REF*EI*310000000"]  # fmt: skip
        for level, row in enumerate(rows, 2):
            body += _claim(level, row)
        segments = envelope("HC", "005010X222A1", SUBMITTER, HOUSE, when, control, [body])
        (folder / f"837P_{day(when)}.837").write_text(text(segments), newline="")
    return len(days)


def provider(npi: str) -> str:
    """Who rendered the service, by a made-up name that goes with the NPI.

    >>> provider("1234567003")
    'NM1*82*1*BIRCHWOOD*QUINN****XX*1234567003'
    """
    given, family = GIVEN[int(npi[-2:]) % len(GIVEN)], FAMILY[int(npi[-3:]) % len(FAMILY)]
    return f"NM1*82*1*{family}*{given}****XX*{npi}"


def _claim(level: int, row: dict) -> list[str]:
    claim, payer, person = row["claim"], row["payer"], row["claim"]["patient"]
    composite = f"{claim['place']}:B:{row['frequency']}"
    out = [f"HL*{level}*1*22*0", f"SBR*{row['order']}*18*******{payer['filing']}",
           f"NM1*IL*1*{person['family']}*{person['given']}****MI*{person['member']}", f"N3*{person['street']}",
           "N4*RIVERBEND*OH*45001", f"DMG*D8*{day(person['born'])}*{person['sex']}",
           f"NM1*PR*2*{payer['name']}*****PI*{payer['id']}",
           f"CLM*{claim['number']}*{money(claim['charge'])}***{composite}*Y*A*Y*Y"]  # fmt: skip
    if claim["auth"]:
        out.append(f"REF*G1*PA{claim['number'][-6:]}")
    if row["reference"]:
        out.append(f"REF*F8*{row['reference']}")
    ride = [line for line in claim["lines"] if line["code"].startswith("A04")]
    if ride:
        out += [f"CR1*LB*160**A*DH*{max(line['units'] for line in ride)}", "CRC*07*Y*01"]
    out.append("HI*" + "*".join(f"{'ABK' if i == 0 else 'ABF'}:{code}" for i, code in enumerate(claim["dx"])))
    out += [provider(claim["npi"]),
            f"NM1*77*2*{claim['location']}*****XX*{claim['facility']}", "N3*1 MAIN ST", "N4*RIVERBEND*OH*450010001"]  # fmt: skip
    for place in ("PW", "45") if ride else ():
        out += [f"NM1*{place}*2", "N3*2 MAIN ST", "N4*RIVERBEND*OH*450010001"]
    for number, line in enumerate(claim["lines"], 1):
        out += [f"LX*{number}", f"SV1*HC:{_code(line)}*{money(line['charge'])}*UN*{line['units']}***1",
                f"DTP*472*D8*{day(claim['served'])}", f"REF*6R*{claim['number']}L{number}"]  # fmt: skip
        if claim.get("ordered_by"):
            out.append(provider(claim["ordered_by"]).replace("*82*", "*DK*"))
    return out


def _code(line: dict) -> str:
    return ":".join([line["code"], *line["modifiers"]])


def _acknowledgments(folder: Path, world: dict[str, Any]) -> int:
    days = _by_day(world["acknowledgments"], "on")
    for control, ((when,), rows) in enumerate(days.items(), 1):
        sets = []
        for (name,), mine in _by_day(rows, "payer_name").items():
            payer = mine[0]["payer"]
            body = [f"BHT*0085*08*K{day(when)}{payer['key']}*{day(when)}*0630*TH", "HL*1**20*1",
                    f"NM1*PR*2*{name}*****PI*{payer['id']}", f"TRN*1*K{day(when)}{payer['key']}", "HL*2*1*21*1",
                    f"NM1*41*2*{GROUP_NAME}*****46*{SUBMITTER}", f"TRN*2*B{day(when)}",
                    f"STC*A1:19:PR*{day(when)}*WQ*{money(sum(r['claim']['charge'] for r in mine))}", "HL*3*2*19*1",
                    f"NM1*85*2*{GROUP_NAME}*****XX*{GROUP_NPI}"]  # fmt: skip
            for level, row in enumerate(mine, 4):
                person = row["claim"]["patient"]
                status = "A2:20:PR" if not row["rejected"] else row["rejected"]
                body += [f"HL*{level}*3*PT", f"NM1*QC*1*{person['family']}*{person['given']}****MI*{person['member']}",
                         f"TRN*2*{row['claim']['number']}",
                         f"STC*{status}*{day(when)}*{'U' if row['rejected'] else 'WQ'}*{money(row['claim']['charge'])}"]  # fmt: skip
                if not row["rejected"]:
                    body.append(f"REF*1K*{row['reference']}")
                body.append(f"DTP*472*D8*{day(row['claim']['served'])}")
            sets.append(body)
        segments = envelope("HN", "005010X214", HOUSE, SUBMITTER, when, control, sets)
        (folder / f"277CA_{day(when)}.277").write_text(text(segments), newline="")
    return len(days)


def _remittances(folder: Path, world: dict[str, Any]) -> int:
    groups = _by_day(world["remittances"], "payer_key", "on")
    forward: dict[str, int] = defaultdict(int)
    for control, ((key, when), rows) in enumerate(groups.items(), 1):
        payer = rows[0]["payer"]
        total = sum(row["paid"] for row in rows)
        plb = []
        if forward[key]:
            plb.append(("FB", forward.pop(key)))
        if control % 9 == 0:
            plb.append(("L6", -(37 + control % 50)))
        if total - sum(amount for _, amount in plb) < 0:
            short = total - sum(amount for _, amount in plb)
            plb.append(("FB", short))
            forward[key] = -short
        body = _remittance(payer, when, control, rows, total - sum(amount for _, amount in plb))
        if plb:
            pairs = "*".join(f"{reason}:{control}*{money(amount, payer['form'])}" for reason, amount in plb)
            body.append(f"PLB*{GROUP_NPI}*{when.year}1231*{pairs}")
        segments = envelope("HP", "005010X221A1", payer["id"], SUBMITTER, when, control, [body])
        (folder / f"{key}_{day(when)}.835").write_text(text(segments, payer["style"]), newline="")
    return len(groups)


def _remittance(payer: dict, when: date, control: int, rows: list[dict], paid: int) -> list[str]:
    out = [f"BPR*I*{money(paid, 'two')}*C*ACH*CCP*01*071000013*DA*1002003*1{payer['id']:0>9}**01*061000104*DA*77088*{day(when)}",
           f"TRN*1*{payer['key']}{day(when)}{control}*1{payer['id']:0>9}", f"DTM*405*{day(when)}",
           f"N1*PR*{payer['name']}", "N3*PO BOX 77", "N4*COLUMBUS*OH*432010000", "PER*BL*EDI DESK*TE*5550100222",
           f"N1*PE*{GROUP_NAME}*XX*{GROUP_NPI}", "REF*TJ*310000000", "LX*1"]  # fmt: skip
    for row in rows:
        out += _payment(payer, row)
    return out


def _payment(payer: dict, row: dict) -> list[str]:
    claim, person, form = row["claim"], row["claim"]["patient"], payer["form"]
    sign = -1 if row["status"] == "22" else 1
    share = row["share"] if sign > 0 else 0
    out = [f"CLP*{claim['number']}*{row['status']}*{money(sign * claim['charge'], form)}*{money(row['paid'], form)}*"
           f"{money(share, form) if share else ''}*{payer['filing']}*{row['reference']}*{claim['place']}*{row['frequency']}"]  # fmt: skip
    if payer["claim_level"]:
        out += _cas(_merged(row["lines"]), sign, form)
    out += [f"NM1*QC*1*{person['family']}*{person['given']}****MI*{person['member']}",
            provider(claim["npi"])]  # fmt: skip
    if row["forwarded"]:
        out.append(f"NM1*TT*2*{row['forwarded']}")
    if payer["filing"] == "MB":
        out.append("MOA***MA01" + ("*MA18" if row["forwarded"] else ""))
    out += [f"DTM*232*{day(claim['served'])}", f"DTM*233*{day(claim['served'])}", f"DTM*050*{day(row['received'])}"]
    if payer["claim_level"]:
        return out
    for number, (line, result) in enumerate(zip(claim["lines"], row["lines"], strict=True), 1):
        out += [f"SVC*HC:{_code(line)}*{money(sign * line['charge'], form)}*{money(sign * result['paid'], form)}**"
                f"{line['units'] if result['paid'] else 0}" + ("" if result["paid"] else f"**{line['units']}"),
                f"DTM*472*{day(claim['served'])}", *_cas(result["cas"], sign, form), f"REF*6R*{claim['number']}L{number}"]  # fmt: skip
        if result["allowed"] and sign > 0:
            out.append(f"AMT*B6*{money(result['allowed'], form)}")
        out += [f"LQ*HE*{code}" for code in result["rarcs"]]
    return out


def _merged(lines: list[dict]) -> list[tuple[str, str, int]]:
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for line in lines:
        for group, carc, amount in line["cas"]:
            sums[group, carc] += amount
    return [(group, carc, amount) for (group, carc), amount in sums.items() if amount]


def _cas(triplets: list[tuple[str, str, int]], sign: int, form: str) -> list[str]:
    groups: dict[str, list[str]] = defaultdict(list)
    for group, carc, amount in triplets:
        groups[group].append(f"{carc}*{money(sign * amount, form)}")
    return [f"CAS*{group}*" + "**".join(parts) for group, parts in groups.items()]


def _ledger(path: Path, postings: list[dict]) -> None:
    columns = [
        "Visit #",
        "Patient",
        "DOS",
        "Post Date",
        "Transaction",
        "Adj Code",
        "Description",
        "Insurance",
        "CPT",
        "Site",
        "Amount",
    ]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for p in sorted(postings, key=lambda p: (p["on"], p["claim"]["number"])):
            person = p["claim"]["patient"]
            writer.writerow([p["claim"]["number"], f"{person['family']}, {person['given']}", f"{p['claim']['served']:%m/%d/%Y}",
                             f"{p['on']:%m/%d/%Y}", p["kind"], p["code"], p["reason"], p["payer"], p["procedure"],
                             p["claim"]["location"], f"{p['amount'] / 100:.2f}"])  # fmt: skip


def _work_log(path: Path, work: list[dict]) -> None:
    """What staff did, with the users and notes that such an export has and that nobody may keep."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Date Worked", "Visit #", "Work Queue", "Action", "Result", "Worked By", "Notes"])
        for row in sorted(work, key=lambda row: (row["on"], row["claim"]["number"])):
            person = row["claim"]["patient"]
            writer.writerow([f"{row['on']:%m/%d/%Y}", row["claim"]["number"], row["desk"], row["action"], row["outcome"], "jmoss",
                             f"spoke w {person['given']} {person['family']}"])  # fmt: skip
