"""Synthetic 835, 837P and 277CA files of any size: balanced, with honest counts, and no real person.

The numbers vary by arithmetic on the claim's own number, so that the same size gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

PROCEDURES = ["99213", "99214", "97110", "70553", "80053", "36415", "J1745", "20610", "93000", "96372", "A0429"]
CLAIMS_PER_TRANSACTION = 40
MEMBERS = 60_000  # of the practice; they come again and again


def _member(i: int) -> str:
    return f"W{i * 7919 % MEMBERS:08d}01"


def _procedure(i: int, line: int) -> str:
    code = PROCEDURES[(i * 7 + line * 3) % len(PROCEDURES)]
    return f"HC:{code}:25" if (i + line) % 3 == 0 else f"HC:{code}"


def _dollars(cents: int) -> str:
    return f"{cents / 100:.2f}".rstrip("0").rstrip(".")


def payment(i: int) -> tuple[str, int]:
    """A claim payment of three lines and the cents it pays: 2 % reversals, 12 % denials, some with six triplets."""
    reversal, denied = i % 50 == 7, i % 25 in (3, 11, 19)
    sign = -1 if reversal else 1
    lines, charged, paid, share = [], 0, 0, 0
    for k in range(3):
        charge = sign * (9000 + i * 37 % 20000 + 500 * k)
        cut, part = charge * 3 // 10, 0 if denied else sign * 1500
        pay = 0 if denied else charge - cut - part
        charged, paid, share = charged + charge, paid + pay, share + part
        remark = ""
        if denied:
            adjustments = f"CAS*CO*16*{_dollars(charge)}~"
            remark = f"LQ*HE*N{130 + i % 9}~LQ*HE*MA130~"
        elif i % 40 == 0:
            fifth = [cut // 5] * 4 + [cut - 4 * (cut // 5)]
            triplets = "**".join(
                f"{c}*{_dollars(a)}" for c, a in zip(("45", "97", "253", "59", "131"), fifth, strict=True)
            )
            adjustments = f"CAS*CO*{triplets}**24*0~CAS*PR*2*{_dollars(part)}~"
        else:
            adjustments = f"CAS*CO*45*{_dollars(cut)}~CAS*PR*2*{_dollars(part)}~"
        lines.append(
            f"SVC*{_procedure(i, k)}*{_dollars(charge)}*{_dollars(pay)}**{1 + k}~DTM*472*2026{1 + i % 9:02d}{1 + i % 28:02d}~"
            f"{adjustments}REF*6R*{i}L{k}~AMT*B6*{_dollars(charge - cut)}~{remark}"
        )
    status = "22" if reversal else "4" if denied else "1"
    head = (
        f"CLP*C{i:08d}*{status}*{_dollars(charged)}*{_dollars(paid)}*{_dollars(share)}*12*X{i:011d}*11*1~"
        f"NM1*QC*1*SAMPLE*PAT****MI*{_member(i)}~NM1*82*1*DOC*D****XX*1{i % 40:09d}~{'MOA***MA01~' if i % 3 else ''}"
        f"REF*1L*G{i % 500:05d}~DTM*232*2026{1 + i % 9:02d}{1 + i % 28:02d}~DTM*050*2026{1 + i % 9:02d}28~"
    )
    return head + "".join(lines), paid


def remittances(number: int) -> str:
    claims = [payment(number * CLAIMS_PER_TRANSACTION + i) for i in range(CLAIMS_PER_TRANSACTION)]
    recovered = number % 10 * 100
    paid = sum(cents for _, cents in claims) - recovered
    plb = f"PLB*1522003506*20261231*WO:X{number:011d}*{_dollars(recovered)}~" if recovered else ""
    return (
        f"ST*835*{number:06d}~BPR*I*{_dollars(paid)}*C*ACH*CCP*01*071000013*DA*1*1999999999**01*061000104*DA*7*20261031~"
        f"TRN*1*T{number}*1999999999~DTM*405*20261031~N1*PR*PAYER {number % 20}~N3*1 MAIN ST~N4*ALBANY*NY*12207~"
        f"PER*BL*DESK*TE*8005551212~REF*2U*{77000 + number % 20}~N1*PE*CLINIC*XX*1522003506~LX*1~"
        + "".join(text for text, _ in claims)
        + plb
    )


def claims(number: int) -> str:
    return (
        f"ST*837*{number:06d}*005010X222A1~BHT*0019*00*B{number}*20261031*0630*CH~NM1*41*2*CLINIC*****46*S~"
        "PER*IC*DESK*TE*8005551212~NM1*40*2*HOUSE*****46*R~HL*1**20*1~PRV*BI*PXC*207Q00000X~"
        "NM1*85*2*CLINIC*****XX*1522003506~N3*1 MAIN ST~N4*ALBANY*NY*12207~REF*EI*999999999~"
        + "".join(_claim(number * CLAIMS_PER_TRANSACTION + i, i + 2) for i in range(CLAIMS_PER_TRANSACTION))
    )


def _claim(i: int, level: int) -> str:
    day = f"2026{1 + i % 9:02d}{1 + i % 28:02d}"
    charges = [9000 + i * 37 % 20000 + 500 * k for k in range(3)]
    lines = "".join(
        f"LX*{k + 1}~SV1*{_procedure(i, k)}*{_dollars(charge)}*UN*{1 + k}***1:2~DTP*472*D8*{day}~REF*6R*{i}L{k}~"
        for k, charge in enumerate(charges)
    )
    return (
        f"HL*{level}*1*22*0~SBR*P*18*******CI~NM1*IL*1*SAMPLE*PAT****MI*{_member(i)}~N3*2 ELM ST~N4*ALBANY*NY*12207~"
        f"DMG*D8*19{30 + i % 60}0{1 + i % 9}15*{'FM'[i % 2]}~NM1*PR*2*PAYER {i % 20}*****PI*{77000 + i % 20}~"
        f"CLM*C{i:08d}*{_dollars(sum(charges))}***11:B:1*Y*A*Y*Y~HI*ABK:E11{i % 10}*ABF:I10~"
        f"NM1*82*1*DOC*D****XX*1{i % 40:09d}~PRV*PE*PXC*207Q00000X~{lines}"
    )


def acknowledgments(number: int) -> str:
    return (
        f"ST*277*{number:06d}*005010X214~BHT*0085*08*K{number}*20261031*0630*TH~HL*1**20*1~"
        f"NM1*PR*2*PAYER {number % 20}*****PI*{77000 + number % 20}~TRN*1*P{number}~DTP*050*D8*20261031~DTP*009*D8*20261031~"
        f"HL*2*1*21*1~NM1*41*2*CLINIC*****46*S~TRN*2*B{number}~STC*A1:19:PR*20261031*WQ*8000~QTY*90*38~QTY*AA*2~"
        f"AMT*YU*7600~AMT*YY*400~HL*3*2*19*1~NM1*85*2*CLINIC*****XX*1522003506~TRN*1*0~STC*A1:19:PR**WQ*8000~"
        + "".join(_status(number * CLAIMS_PER_TRANSACTION + i, i + 4) for i in range(CLAIMS_PER_TRANSACTION))
    )


def _status(i: int, level: int) -> str:
    status = "A7:562:85*20261031*U" if i % 20 == 3 else "A2:20:PR*20261031*WQ"
    return (
        f"HL*{level}*3*PT~NM1*QC*1*SAMPLE*PAT****MI*{_member(i)}~TRN*2*C{i:08d}~STC*{status}*200~REF*1K*X{i:011d}~"
        f"DTP*472*D8*2026{1 + i % 9:02d}{1 + i % 28:02d}~"
    )


FILES: dict[str, tuple[str, str, Callable[[int], str]]] = {
    "835": ("HP", "005010X221A1", remittances),
    "837": ("HC", "005010X222A1", claims),
    "277CA": ("HN", "005010X214", acknowledgments),
}


def write(path: Path, kind: str, megabytes: float) -> None:
    """A file of a kind (835, 837, 277CA) of about this size; a claim number never comes twice."""
    group, release, transaction = FILES[kind]
    size, number = 0, 0
    with open(path, "w", newline="\n") as file:
        file.write("ISA*00*          *00*          *ZZ*PAYER          *ZZ*CLINIC         *261031*0630*^*00501*000000001*0*P*:~"
                   f"GS*{group}*PAYER*CLINIC*20261031*0630*1*X*{release}~")  # fmt: skip
        while size < megabytes * 1e6:
            body = transaction(number)
            size += file.write(f"{body}SE*{body.count('~') + 1}*{number:06d}~")
            number += 1
        file.write(f"GE*{number}*1~IEA*1*000000001~")
