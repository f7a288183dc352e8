"""Nobody's name: no cell, file name or element that could be a person's reaches the store, a log or an export."""

from __future__ import annotations

import unicodedata
import zipfile
from datetime import date

import pytest
from conftest import envelope, remittance

from rcm_analysis.edi import envelopes, x12
from rcm_analysis.intake import ingest
from rcm_analysis.privacy import names
from rcm_analysis.reference import codes
from rcm_analysis.store import schema
from rcm_analysis.store.practice import Practice


def stored(own: Practice) -> str:
    con = own.connect()
    return " ".join(str(con.execute(f"SELECT * FROM {table.name}").fetchall()) for table in schema.FACTS)


def everything(own: Practice, outcome: ingest.Outcome) -> str:
    return f"{stored(own)} {outcome.files} {outcome.rejects} {outcome.said}".lower()


# --- cells ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["Ann Moss", "MOSS ANN", "moss ann b", "Moss, Ann", "O'Quill Ann", "Müllhaus Jo", "Quill-Voss Bo", "Bill Will",
             "Grace Hill", "Moss A", "Dr. Quill Ann", "Van Der Quill Jo"],
)  # fmt: skip
def test_words_that_could_name_a_person(text):
    assert names.could_name(text, codes.vocabulary())
    assert names.could_name(unicodedata.normalize("NFD", text), codes.vocabulary())


@pytest.mark.parametrize(
    "text", ["ATLAS", "MERIDIAN BLUE", "HARVEST MUT", "GRANITE WC", "HARBORLIGHT MCO", "TRI COUNTY COMPENSATION FUND", "K84",
             "past timely filing", "EMS BASE 7", "River Main", "99213", "", "CO-45", "STATE OF WYANDOT MEDICAID"],
)  # fmt: skip
def test_words_that_name_none(text):
    assert not names.could_name(text, codes.vocabulary())


PEOPLE = ["Ann Quillon", "Bo Mossbank", "Cy Thornwick", "Dee Veldhuis"]
WORDS = [word for name in PEOPLE for word in name.lower().split() if len(word) > 3]


def ledger(cell: str, *, heading: str = "", claims: int = 60, payer: str = "ATLAS HEALTH PLAN") -> str:
    """A ledger with a column that nobody understands: the same cell in all rows of a claim."""
    rows = [f"Claim,Post Date,Type,Payer,{heading},Amount"]
    for i in range(claims):
        text = cell.format(PEOPLE[i % len(PEOPLE)])
        for n, (kind, amount) in enumerate([("Charge", 100), ("Payment", -60), ("Adj", -40)]):
            rows.append(f'7{i:04d},2026-0{1 + n}-1{i % 9},{kind},"{payer.format(PEOPLE[i % 4])}","{text}",{amount}.00')
    return "\n".join(rows)


@pytest.mark.parametrize("heading", ["", "Q7", "Info"])
@pytest.mark.parametrize("cell", ["{}", "{} ", "{}."])
@pytest.mark.parametrize("change", [str, str.upper, str.lower])
def test_a_column_of_few_persons_of_many_claims_is_not_kept(tmp_path, heading, cell, change):
    (tmp_path / "ledger.csv").write_text(ledger(change(cell.format("{}")).format("{}"), heading=heading))
    text = (tmp_path / "ledger.csv").read_text()
    for name in PEOPLE:
        text = text.replace(name, change(name))
    (tmp_path / "ledger.csv").write_text(text)
    own = Practice(tmp_path / "s", "p")
    kept = everything(own, ingest.ingest(own, [tmp_path / "ledger.csv"]))
    assert "70001" in kept and "atlas health plan" in kept
    assert not [word for word in WORDS if word in kept]


@pytest.mark.parametrize(
    "payer", ["SELF PAY - {}", "Self-Pay: {}", "PATIENT {}", "Guarantor / {}", "{}"],
)  # fmt: skip
def test_a_payer_that_is_a_person_is_not_kept(tmp_path, payer):
    """In a ledger in which a few of the rows name somebody, and no column names the patients."""
    some = ledger("", claims=4, payer=payer).splitlines()[1:]
    (tmp_path / "ledger.csv").write_text("\n".join([ledger(""), *(row.replace("70", "71", 1) for row in some)]))
    own = Practice(tmp_path / "s", "p")
    kept = everything(own, ingest.ingest(own, [tmp_path / "ledger.csv"]))
    assert "71001" in kept and "atlas health plan" in kept
    assert not [word for word in WORDS if word in kept]


@pytest.mark.parametrize(
    "payer", ["MEDICARE PT B", "SELF INSURED TRUST", "PATIENT CHOICE HMO", "SELF PAY", "PT B MEDICARE"]
)
def test_a_payer_with_a_word_of_the_patients_in_its_name_is_kept(tmp_path, payer):
    (tmp_path / "ledger.csv").write_text(ledger("", payer=payer))
    own = Practice(tmp_path / "s", "p")
    assert payer.lower() in everything(own, ingest.ingest(own, [tmp_path / "ledger.csv"]))


@pytest.mark.parametrize("heading", ["Location", "CPT", "Adj Code", "Payer 2", "Posting ID"])
def test_no_column_whatever_it_is_called_keeps_a_name(tmp_path, heading):
    rows = ledger("", heading=heading).splitlines()
    rows = [row.replace(',"",', f',"{PEOPLE[i % 4]}",') if 1 <= i <= 3 else row for i, row in enumerate(rows)]
    (tmp_path / "ledger.csv").write_text("\n".join(rows))
    own = Practice(tmp_path / "s", "p")
    kept = everything(own, ingest.ingest(own, [tmp_path / "ledger.csv"]))
    assert "70001" in kept
    assert not [word for word in WORDS if word in kept]


def test_columns_of_first_and_last_names_are_not_kept(tmp_path):
    rows = ["A,B,C,D,E,F"]
    for i in range(60):
        first, last = PEOPLE[i % 4].split()
        for n, (kind, amount) in enumerate([("Charge", 100), ("Payment", -60), ("Adj", -40)]):
            rows.append(f"7{i:04d},{last},{first},2026-0{1 + n}-1{i % 9},{kind},{amount}.00")
    (tmp_path / "ledger.csv").write_text("\n".join(rows))
    own = Practice(tmp_path / "s", "p")
    kept = everything(own, ingest.ingest(own, [tmp_path / "ledger.csv"]))
    assert "70001" in kept
    assert not [word for word in WORDS if word in kept]


@pytest.mark.parametrize("heading", ["", "Info", "CPT", "Location"])
@pytest.mark.parametrize("cell", ["{}", "{},"])
@pytest.mark.parametrize("change", [str, str.upper])
@pytest.mark.parametrize("patients", [4, 90])
def test_a_column_of_surnames_alone_is_not_kept(tmp_path, heading, cell, change, patients):
    """Each claim has one, in all rows or in that of the adjustment; a place is one only where few claims have it."""
    if heading == "Location" and patients < 90:
        pytest.skip("a word that thirty claims have is a place")
    ends = [a + b for a in ("lon", "bank", "wick", "huis", "merl") for b in ("", "ey", "ova", "sson", "stein")]
    people = [change(start + end) for start in ("Quil", "Moss", "Thorn", "Veld") for end in ends][:patients]
    rows = [f"Claim,Post Date,Type,Payer,{heading},Amount"]
    for i in range(120):
        for n, (kind, amount) in enumerate([("Charge", 100), ("Payment", -60), ("Adj", -40)]):
            name = cell.format(people[i % patients]) if kind == "Adj" or heading != "Info" else ""
            rows.append(f'7{i:04d},2026-0{1 + n}-1{i % 9},{kind},ATLAS HEALTH PLAN,"{name}",{amount}.00')
    (tmp_path / "ledger.csv").write_text("\n".join(rows))
    own = Practice(tmp_path / "s", "p")
    kept = everything(own, ingest.ingest(own, [tmp_path / "ledger.csv"], jobs=1))
    assert "70001" in kept and "atlas health plan" in kept
    assert not [name for name in people if name.lower() in kept]


def test_nine_digit_numbers_beside_the_claims_are_pseudonyms(tmp_path):
    """In a ledger without headings; the claims' own numbers stay, since the electronic files will tell them."""
    rows = ["A,B,C,D,E"]
    for i in range(60):
        for n, (kind, amount) in enumerate([("Charge", 100), ("Payment", -60), ("Adj", -40)]):
            rows.append(f"7{i:04d}-{i},{123450000 + i % 30},2026-0{1 + n}-1{i % 9},{kind},{amount}.00")
    (tmp_path / "ledger.csv").write_text("\n".join(rows))
    own = Practice(tmp_path / "s", "p")
    kept = everything(own, ingest.ingest(own, [tmp_path / "ledger.csv"]))
    assert "70001-1" in kept and "12345000" not in kept


# --- names of files ------------------------------------------------------------------------------------------------

DAYS = (date(2026, 3, 5), date(2026, 3, 5))


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("SMITH_JOHN_era.835", "~_~_era.835"), ("OBRIENX_.835", "~_.835"), ("O'Brienx era.835", "~ era.835"),
        ("JonesabcMary.835", "~.835"), ("MU\u0308LLHAUS.835", "~.835"), ("MEMBR77_.835", "~_.835"),
        ("123456789_.835", "~_.835"), ("123-45-6789.835", "~.835"), ("19581103_era.835", "~_era.835"),
        ("ATLAS_20260305.835", "ATLAS_20260305.835"), ("20260305063011.835.gz", "20260305063011.835.gz"),
        ("030526.835", "030526.835"), ("smith.jones.835", "~.~.835"), ("Li_era.835", "~_era.835"), ("1958_11_03.835", "~.835"), ("era 11.3.58.835", "era ~.835"), ("3-11-1958_x.835", "~_x.835"),
        ("123_456_789.835", "~.835"), ("216 555 0143.835", "~.835"), ("2026_03_05.835", "2026_03_05.835"), ("3.5.26 era.835", "3.5.26 era.835"),
        ("ATLAS_20260305_001.835", "ATLAS_20260305_001.835"), ("batch_1_2_3.835", "batch_1_2_3.835"), ("linen.835", "linen.835"),
    ],
)  # fmt: skip
def test_the_name_of_a_file_that_was_read(name, left):
    persons = ["SMITH", "JOHN", "O'Brienx", "JONESABC", "Mary", "Jones", "Müllhaus", "membr77", "Li"]
    assert names.file_name(name, persons, DAYS) == left


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("ZIMMERLI_JOHN_eob.pdf", "~_~_eob.pdf"), ("quillon.835", "~.835"), ("scan 3.png", "scan 3.png"), ("a.quillon", "a.~"),
        ("O'Brien.pdf", "~.pdf"), ("19581103.pdf", "~.pdf"), ("MU\u0308LLHAUS.pdf", "~.pdf"), ("remit_march_2026.835.gz", "remit_march_2026.835.gz"),
        ("MEMBR77.pdf", "~77.pdf"), ("quillon", "~"), (".quillon", ".~"),
    ],
)  # fmt: skip
def test_the_name_of_a_file_that_cannot_be_read(name, left):
    assert names.strange_file_name(name) == left


GOOD = remittance("CLP*A1*1*10*10**12*X1", "NM1*QC*1*quellon*ann****MI*MEMBR77", "NM1*IL*1*O'Brienx*Bo")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("QUELLON_ERA.835", GOOD), ("AnnQuellon.835", GOOD), ("OBRIENX_.835", GOOD), ("MEMBR77_.835", GOOD),
        ("123456789_.835", GOOD), ("19581103_.835", GOOD), ("Quellon.pdf", b"%PDF-1.4"), ("quellon", b"nothing of value"),
        ("QUELLON.835", GOOD[:60]), ("quellon-obrienx.csv", b"a;b\n1;2\n"), ("QUELLON.zip", b"PK\x03\x04broken"),
        ("QUELLON.835.gz", b"\x1f\x8bbroken"), ("QUELLON.xlsx", b"PK\x05\x06" + bytes(18)), ("QUELLON.835", b""),
        ("QUELLON_19581103.837", b"ISA*00*cut"), ("1958_11_03 era.pdf", b"%PDF-1.4"), ("123_45_6789.835", GOOD), ("1958.11.03.835", GOOD),
    ],
)  # fmt: skip
@pytest.mark.parametrize("packed", [False, True])
def test_no_name_of_a_file_tells_a_person(tmp_path, name, content, packed):
    folder = tmp_path / "in" / "Quellon, Ann"
    folder.mkdir(parents=True)
    if packed:
        with zipfile.ZipFile(folder / "quellon.zip", "w") as archive:
            archive.writestr(f"Quellon/{name}", content)
    else:
        (folder / name).write_bytes(content)
    own = Practice(tmp_path / "s", "p")
    outcome = ingest.ingest(own, [tmp_path / "in"])
    again = ingest.ingest(own, [tmp_path / "in"])
    kept = everything(own, outcome) + f"{again.files} {again.rejects}".lower()
    assert len(outcome.files) == 1
    assert not [
        word
        for word in ("quellon", "obrienx", "membr77", "123456789", "19581103", "1958_11", "1958.11", "123_45")
        if word in kept
    ]
    assert name in str(outcome.given)


def test_links_and_folders_that_cannot_be_read_tell_no_person(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/Quellon Ann").symlink_to(tmp_path)
    own = Practice(tmp_path / "s", "p")
    assert "quellon" not in everything(own, ingest.ingest(own, [tmp_path / "in"]))


# --- elements ------------------------------------------------------------------------------------------------------

REMITTANCE = [
    "BPR*I*10*C*ACH*CCP*01*071000013*DA*1*1999999999**01*061000104*DA*7*20260305", "TRN*1*CHECK1*1999999999*X", "CUR*PR*USD",
    "REF*EV*R", "DTM*405*20260305", "N1*PR*ACME HEALTH*XV*77001", "N3*1 ROW*B", "N4*TOWN*OH*44101", "REF*2U*9",
    "PER*BL*DESK*TE*5550100*EM*A", "N1*PE*CLINIC*XX*1522003506", "N3*1 ROW", "N4*TOWN*OH*44101", "REF*TJ*1", "LX*1",
    "TS3*1*11*20261231*1*10", "CLP*A1*1*100*10*0*12*X1*11*1**D", "CAS*CO*45*90*1", "NM1*QC*1*Q*A*M*P*S*MI*77", "NM1*IL*1*Q*A*M*P*S*MI*77",
    "NM1*74*1*Q*A****C*78", "NM1*82*1*D*E****XX*1033003502", "NM1*TT*2*OTHER*****PI*5", "NM1*PR*2*OTHER*****PI*5", "MIA*0*****MA01",
    "MOA*0*0*MA01", "REF*F8*R", "REF*SY*1", "REF*EA*1", "REF*IG*1", "REF*1W*1", "DTM*232*20260101", "DTM*050*20260201", "PER*CX*N*TE*1",
    "AMT*AU*10", "QTY*CA*1", "SVC*HC:99213:25*100*10**1*HC:99214*1", "DTM*472*20260105", "CAS*CO*45*90*1", "REF*6R*1",
    "REF*1C*1", "AMT*B6*10", "QTY*ZL*1", "LQ*HE*N130", "PLB*1522003506*20261231*WO:X*-1",
]  # fmt: skip
CLAIM = [
    "BHT*0019*00*B1*20260110*0600*CH", "NM1*41*2*CLINIC*****46*S", "PER*IC*N*TE*1", "NM1*40*2*HOUSE*****46*R", "HL*1**20*1", "PRV*BI*PXC*207Q00000X",
    "NM1*85*1*D*E*M*P*S*XX*1522003506", "N3*1 ROW", "N4*TOWN*OH*44101", "REF*EI*1", "PER*IC*N*TE*1", "NM1*87*2*X", "HL*2*1*22*0", "SBR*P*18*G*N*****CI",
    "PAT*****D8*20260101", "NM1*IL*1*Q*A*M*P*S*MI*77", "N3*1 ROW", "N4*TOWN*OH*44101", "DMG*D8*19500101*F", "REF*SY*1", "REF*Y4*1", "NM1*PR*2*ACME*****PI*77001",
    "N3*1", "REF*2U*1", "HL*3*2*23*0", "PAT*19", "NM1*QC*1*Q*A*M*P*S*MI*78", "N3*1 ROW", "N4*TOWN*OH*44101", "DMG*D8*19500101*F",
    "CLM*A1*250***11:B:1*Y*A*Y*Y**AA:OA:X*01", "DTP*431*D8*20260101", "CL1*1*1*1", "PWK*B4*AA***AC*1", "REF*G1*1", "REF*9F*1", "REF*F8*1", "REF*EA*1", "REF*D9*1",
    "K3*TEXT", "NTE*ADD*TEXT", "CR1*LB*1*I*A*DH*1***T*U", "CRC*07*Y*01", "HI*ABK:E119*ABF:I10", "NM1*DN*1*D*E****XX*1", "NM1*82*1*D*E****XX*1033003502", "PRV*PE*PXC*207R00000X", "NM1*71*1*D*E****XX*1033003502",
    "NM1*77*2*MAIN STREET*****XX*1033003502", "NM1*DQ*1*D*E****XX*1033003502", "SBR*S*18*G*N*****CI", "CAS*PR*1*5", "AMT*D*1", "OI***Y***Y", "NM1*IL*1*Q*A*M*P*S*MI*77",
    "NM1*PR*2*ACME TWO*****PI*77002", "LX*1", "SV1*HC:99213:25:::::TEXT*250*UN*1*11**1:2", "DTP*472*D8*20260105", "REF*6R*1", "NTE*ADD*TEXT", "LIN**N4*00006481100",
    "NM1*82*1*D*E****XX*1033003502", "NM1*DK*1*D*E****XX*1033003502", "SVD*77002*1*HC:99213**1",
]  # fmt: skip
STATUS = [
    "BHT*0085*08*B1*20260110*0600*TH", "HL*1**20*1", "NM1*AY*2*HOUSE*****46*R", "TRN*1*T", "DTP*050*D8*20260110", "HL*2*1*21*1", "NM1*41*2*CLINIC*****46*S",
    "TRN*2*B1", "STC*A1:19:PR*20260110*WQ*250*****A1:20:PR", "QTY*90*1", "AMT*YU*250", "HL*3*2*19*1", "NM1*85*1*D*E****XX*1522003506", "TRN*1*0",
    "REF*TJ*1", "HL*4*3*PT", "NM1*QC*1*Q*A*M*P*S*MI*77", "TRN*2*A1", "STC*A7:562:85*20260110*U*250******A7:21*TEXT", "REF*1K*X", "REF*D9*1", "DTP*472*D8*20260105",
    "SVC*HC:99213*250*0****1", "STC*A7:562:85*20260110*U*250", "REF*FJ*1", "DTP*472*D8*20260105",
]  # fmt: skip
FORMS = {
    "835": ("HP", "005010X221A1", REMITTANCE),
    "837": ("HC", "005010X222A1", CLAIM),
    "277": ("HN", "005010X214", STATUS),
}
# By design a word may stand in these: numbers of claims, payments and batches, and names of organizations
MAY_STAND = {
    "835": {("TRN", 2), ("N1", 2), ("N1", 4), ("CLP", 1), ("CLP", 7), ("NM1", 3), ("REF", 2)},
    "837": {("BHT", 3), ("NM1", 3), ("NM1", 9), ("CLM", 1), ("REF", 2)},
    "277": {("NM1", 3), ("NM1", 9), ("TRN", 2), ("REF", 2)},
}
OF_ORGANIZATIONS = {"NM1*TT", "NM1*77", "NM1*PR", "NM1*AY"}
OF_PROVIDERS = (3, 4)  # last and first name of who rendered or referred, beside an NPI
OF_CLAIMS = {"REF*F8", "REF*6R", "REF*G1", "REF*9F", "REF*1K"}


def canaries(code: str):
    """Each element of the text in turn with a word of its own in it: where it stands, the word, and the file."""
    group, version, body = FORMS[code]
    count = 0
    for i, segment in enumerate(body):
        parts = segment.split("*")
        for element in range(1, len(parts) + 1):
            word = "QUELL" + "".join(chr(97 + count // 26**k % 26) for k in range(3))
            changed = [*parts, ""]
            changed[element] = word
            yield segment, element, word, envelope(group, code, version, [*body[:i], "*".join(changed), *body[i + 1 :]])
            count += 1


@pytest.mark.parametrize("code", FORMS)
def test_a_name_in_any_element_is_not_kept(tmp_path, code):
    (tmp_path / "in").mkdir()
    made = list(canaries(code))
    for i, (_, _, _, data) in enumerate(made):
        (tmp_path / "in" / f"{i}.{code}").write_bytes(data)
    own = Practice(tmp_path / "s", "p")
    outcome = ingest.ingest(own, [tmp_path / "in"], jobs=1)
    kept = everything(own, outcome)
    assert "a1" in kept and len(outcome.files) == len(made) > 100
    for segment, element, word, _ in made:
        tag = segment.split("*")[0]
        by_design = (tag, element) in MAY_STAND[code] and (
            tag not in ("NM1", "REF") or segment[:6] in OF_ORGANIZATIONS | OF_CLAIMS
        )
        by_design |= code == "837" and segment[:6] in ("NM1*82", "NM1*DN") and element in OF_PROVIDERS
        assert word.lower() not in kept or by_design, (segment, element)


PERSONS = {
    "forwarded_to": (REMITTANCE, "NM1*TT*2*OTHER", "NM1*TT*1*QUELLON", "HP", "835", "005010X221A1"),
    "payer of an 837": (CLAIM, "NM1*PR*2*ACME*", "NM1*PR*1*QUELLON*", "HC", "837", "005010X222A1"),
    "source of a 277CA": (STATUS, "NM1*AY*2*HOUSE", "NM1*AY*1*QUELLON", "HN", "277", "005010X214"),
    "payer of an 835": (REMITTANCE, "N1*PR*ACME HEALTH", "N1*PR*QUELLON ANN", "HP", "835", "005010X221A1"),
}


@pytest.mark.parametrize("where", PERSONS)
def test_a_person_in_the_place_of_an_organization_is_not_kept(tmp_path, where):
    body, before, after, group, code, version = PERSONS[where]
    text = [segment.replace(before, after).replace("NM1*QC*1*Q*A", "NM1*QC*1*Quellon*Ann") for segment in body]
    assert text != body
    (tmp_path / "a").write_bytes(envelope(group, code, version, text))
    own = Practice(tmp_path / "s", "p")
    kept = everything(own, ingest.ingest(own, [tmp_path / "a"]))
    assert "a1" in kept and "quellon" not in kept


NAMED = [segment.replace("NM1*82*1*D*E****XX", "NM1*82*1*Fenwick*Jo****XX").replace("NM1*DN*1*D*E****XX*1", "NM1*DN*1*Moss*Ann****XX*1881703456")
         for segment in CLAIM]  # fmt: skip


def providers_of(tmp_path, body, *more):
    (tmp_path / "a").write_bytes(envelope("HC", "837", "005010X222A1", body))
    for i, text in enumerate(more):
        (tmp_path / f"b{i}").write_bytes(envelope("HC", "837", "005010X222A1", text))
    own = Practice(tmp_path / "s", "p")
    everything_ = everything(own, ingest.ingest(own, [tmp_path / "a", *(tmp_path / f"b{i}" for i in range(len(more)))]))
    table = own.read("provider_names", ["npi", "name"])
    return {(row["npi"], row["name"]) for row in (table.to_pylist() if table else ())}, everything_


def test_who_rendered_and_who_referred_are_named(tmp_path):
    assert providers_of(tmp_path, NAMED)[0] == {("1033003502", "JO FENWICK"), ("1881703456", "ANN MOSS")}


@pytest.mark.parametrize(
    "who",
    [
        "NM1*IL*1*Fenwick*Jo*M*P*S*MI*77",
        "NM1*QC*1*FENWICK*Jo Ann****MI*78",
        "NM1*QD*1*Jo*Fenwick",
        "NM1*IL*1*FEN-WICK*JO****MI*9",
    ],
)
def test_a_provider_who_is_a_patient_of_the_file_is_not_named(tmp_path, who):
    tag = who[:6] if who[:6] in ("NM1*IL", "NM1*QC") else "NM1*QC"
    body = [who if segment.startswith(tag) else segment for segment in NAMED]
    named, kept = providers_of(tmp_path, body)
    assert named == {("1881703456", "ANN MOSS")} and "fenwick" not in kept


def test_a_patient_at_the_end_of_a_long_file_counts_too(tmp_path, monkeypatch):
    claim = NAMED[NAMED.index("HL*2*1*22*0") :]
    body = [*NAMED, *[segment.replace("CLM*A1", f"CLM*B{i}") for i in range(400) for segment in claim]]
    body += [segment.replace("NM1*IL*1*Q*A*M*P*S*MI*77", "NM1*IL*1*FENWICK*JO****MI*5") for segment in claim]
    monkeypatch.setattr(x12.pieces, "__kwdefaults__", {"piece_bytes": 20_000})
    monkeypatch.setattr(envelopes.gather, "__kwdefaults__", {"piece_bytes": 20_000})
    assert providers_of(tmp_path, body)[0] == {("1881703456", "ANN MOSS")}


@pytest.mark.parametrize("name", ["NM1*82*1*F3NWICK*JO****XX*1033003502", "NM1*82*2*FENWICK LLC*****XX*1033003502", "NM1*82*1*FENWICK*JO****24*103300350",
                                  "NM1*82*1*FENWICK*****XX*1033003502"])  # fmt: skip
def test_what_is_no_name_with_an_npi_is_not_kept(tmp_path, name):
    body = [name if segment.startswith("NM1*82") else segment for segment in CLAIM]
    assert providers_of(tmp_path, body)[0] == set()


def test_no_name_is_taken_from_a_file_that_is_read_in_part(tmp_path):
    cut = b"~".join(envelope("HC", "837", "005010X222A1", NAMED).split(b"~")[:-12])
    (tmp_path / "cut").write_bytes(cut)
    own = Practice(tmp_path / "s", "p")
    kept = everything(own, ingest.ingest(own, [tmp_path / "cut"]))
    assert "fenwick" not in kept and "moss" not in kept


@pytest.mark.parametrize(("digits", "near"), [
    ("20260305", True), ("03052026", True), ("260305", True), ("030526", True), ("202603051430", True), ("20260305143059", True),
    ("00260305", False), ("19260305", False), ("20261305", False), ("2026030", False), ("20260431", False), ("690305", False),
])  # fmt: skip
def test_a_day_stays_in_a_file_name_where_it_is_the_files_own(digits, near):
    march = (date(2026, 3, 1), date(2026, 3, 9))
    assert names.file_name(f"a_{digits}.835", [], march) == (f"a_{digits}.835" if near else "a_~.835")
