"""Whether disguised ledgers are understood: for each practice and disguise, the same dollars, refused, or wrong.

python bench/understood.py                                      demo practices of three sizes and seeds
python bench/understood.py --worlds ../shared/worlds/small/a-short ../shared/worlds/c
python bench/understood.py --gate --worlds ...                  what misreadings made on purpose do to the gate's figures

    practice  disguise   told     off         wrong root  guess wrong
    demo-300  sides      same     0.00        1,204.00    .02
    demo-300  words      refused
    demo-300  codes      partly   840.00      0.00        .01         the kind of some postings is said not to be known

`off` are dollars by kind of posting (charges, insurers' and patients' money, cuts), against the ledger as it was before;
`wrong root` dollars of write-offs beyond contract and law in another root than told there; `guess wrong` the share of the
dollars of codes told at .9 and more whose leaf is another. A line stands in --record by practice, disguise and commit, and
is not measured again. The exit code is 1 when a ledger was understood wrongly.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from disguises import SIX, Disguise, disguised  # noqa: E402

import rcm_analysis as rcm  # noqa: E402
from rcm_analysis.intake import ingest  # noqa: E402
from rcm_analysis.spreadsheets import exports, known, reconciliation  # noqa: E402
from rcm_analysis.store.practice import Practice  # noqa: E402
from rcm_analysis.synthetic import practice  # noqa: E402

DEMOS = {"demo-300": (300, 12, 5), "demo-1500": (1500, 24, 11), "demo-4000": (4000, 24, 2)}  # claims, months, seed
DISGUISES = {"none": Disguise(), **SIX, "opaque": Disguise(types="opaque"), "codes alone": Disguise(headings="letters", types="none"),
             "turned": Disguise(headings="strange", amounts="turned"), "positive": Disguise(amounts="positive"),
             "signed sides": Disguise(types="foreign", amounts="sides_signed"), "words": Disguise(headings="letters", types="words"),
             "european": Disguise(headings="strange", around="dates_european"), "cut numbers": Disguise(claims="cut", around="titles"),
             "in two files": Disguise(types="opaque")}  # fmt: skip
COLUMNS = (
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
)
FIELDS = ("practice", "disguise", "commit", "told", "off", "wrong_root", "cuts", "guessed", "guess_wrong")
AS_OF = "2026-12-31"


# --- practices with a known ledger -----------------------------------------------------------------------------------


def demos(folder: Path) -> Iterator[tuple[str, Path, str]]:
    """name, folder of the EDI files, ledger."""
    for name, (claims, months, seed) in DEMOS.items():
        if not (folder / name).exists():
            practice.write_practice(folder / name, claims=claims, months=months, seed=seed)
        yield name, folder / name / "edi", (folder / name / "ledger.csv").read_text()


def world(folder: Path) -> tuple[str, Path, str]:
    """A world's EDI and its true ledger with the demo's columns: every posting under its kind and its own words."""
    truth = pd.read_parquet(folder / "truth/ledger.parquet")
    served = pd.read_parquet(folder / "truth/claims.parquet").set_index("pcn")["dos"]
    site = pd.read_parquet(folder / "truth/claims.parquet").set_index("pcn")["location"]
    truth = truth[truth["pcn"].isin(served.index)]
    patient = truth["payer"].eq("PATIENT")
    kind = truth["txn_type"].replace({"Refund": "Insurance Takeback"})
    kind = kind.mask(kind.eq("Payment") & patient, "Patient Payment")
    kind = kind.mask(kind.eq("Payment") & (truth["amount"].astype(float) > 0), "Insurance Takeback")
    kind = kind.mask(kind.eq("Payment"), "Insurance Payment")
    leaf = truth["true_class"].where(truth["true_class"].ne(""), truth["adj_reason"])
    out = pd.DataFrame({
        "Visit #": truth["pcn"], "Patient": "SAMPLE, ANNE", "DOS": _days(truth["pcn"].map(served)), "Post Date": _days(truth["txn_date"]),
        "Transaction": kind, "Adj Code": truth["adj_code"], "Description": leaf.str.replace("_", " "), "Insurance": truth["payer"],
        "CPT": truth["proc"], "Site": truth["pcn"].map(site), "Amount": truth["amount"].map(lambda x: f"{float(x):.2f}"),
    })  # fmt: skip
    out = out[~(kind.eq("Insurance Takeback") & patient)]  # refunds to patients: the demo's kinds have none
    return folder.name, folder / "edi.zip", out[list(COLUMNS)].to_csv(index=False)


def _days(column: pd.Series) -> pd.Series:
    return pd.to_datetime(column).dt.strftime("%m/%d/%Y")


# --- reading it in its disguise --------------------------------------------------------------------------------------


def understood(store: Path, edi: Practice, texts: list[str]) -> rcm.PracticeView | None:
    """The practice with its ledger as the product understands it; None where it was refused."""
    shutil.rmtree(store, ignore_errors=True)
    shutil.copytree(edi.folder, store / "p")
    paths = [store / f"ledger-{i}.csv" for i in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    outcome = ingest.ingest(Practice(store, "p"), paths)
    return rcm.open_practice(store, "p", as_of=AS_OF) if outcome.of_status("accepted") == outcome.files else None


def halves(text: str) -> list[str]:
    """A ledger as two exports, of the first and of the second half of its rows."""
    head, *rows = text.splitlines(keepends=True)
    middle = len(rows) // 2
    return ["".join([head, *rows[:middle]]), "".join([head, *rows[middle:]])]


def dollars(view: rcm.PracticeView) -> pd.Series:
    """Sums by kind; write-offs are adjustments, what an insurer took back lessens its payments."""
    return view.sql("""
        SELECT CASE WHEN kind IN ('adjustment', 'write_off') THEN 'cut' WHEN kind IN ('payment', 'refund') THEN
            'money of ' || CASE WHEN posted_by = 'insurance' THEN 'insurers' ELSE 'patients' END ELSE kind END AS kind, sum(amount) AS amount
        FROM posting_classes WHERE kind <> 'transfer' GROUP BY 1""").set_index("kind")["amount"].astype(float)  # fmt: skip


def roots(view: rcm.PracticeView) -> pd.Series:
    """Dollars beyond contract and law by day, amount and root; the numbers of claims may be other ones in a disguise."""
    table = view.sql(
        "SELECT posted_on, amount, root, sum(amount) AS dollars FROM write_offs WHERE leaf NOT IN ('contractual', 'regulatory') GROUP BY 1, 2, 3"
    )
    return table.set_index(["posted_on", "amount", "root"])["dollars"].astype(float)


def codes(view: rcm.PracticeView) -> pd.DataFrame:
    """Each code's leaf, dollars and confidence; codes keep their order in any disguise."""
    return view.sql(
        "SELECT code, leaf, abs(CAST(amount AS DOUBLE)) AS amount, confidence, evidence FROM ledger_codes ORDER BY code"
    )


def wrong_guesses(plain: rcm.PracticeView, view: rcm.PracticeView) -> tuple[float, float]:
    """Dollars of codes told from evidence at .9 and more, and those of them whose postings are of another leaf in the known ledger."""
    sure = codes(view).query("confidence >= .9 and evidence not in ('words', 'confirmed')")
    both = _postings(plain).merge(
        _postings(view), on=["claim_number", "known_on", "amount", "of"], suffixes=("", "_told")
    )
    both = both[both["code_told"].isin(sure["code"])]
    sums = both.assign(size=both["amount"].abs()).groupby(["code_told", "told_leaf"])["size"].sum().reset_index()
    mostly = sums.sort_values("size").drop_duplicates("code_told", keep="last").set_index("code_told")["told_leaf"]
    wrong = sure["code"].map(mostly).fillna("unclassified")
    judged = wrong != "unclassified"
    return float(sure["amount"][judged].sum()), float(sure["amount"][judged & (wrong != sure["leaf"])].sum())


def _postings(view: rcm.PracticeView) -> pd.DataFrame:
    """Cuts, numbered among those that are alike."""
    table = view.sql("SELECT claim_number, known_on, CAST(amount AS DOUBLE) AS amount, coalesce(nullif(code, ''), reason, '') AS code, told_leaf "
                     "FROM posting_classes WHERE kind IN ('adjustment', 'write_off') ORDER BY row")  # fmt: skip
    return table.assign(of=table.groupby(["claim_number", "known_on", "amount"]).cumcount())


def measured(name: str, edi: Path, text: str, ways: list[str], work: Path) -> Iterator[dict[str, object]]:
    """A line for each disguise of a practice's ledger."""
    own = Practice(work / "edi", name)
    if not own.folder.exists():
        ingest.ingest(own, [edi])
    plain = understood(work / "plain", own, [text])
    if plain is None:
        raise SystemExit(f"{name}: the ledger without a disguise is refused")
    truth, root = dollars(plain), roots(plain)
    for way in ways:
        changed = disguised(text, DISGUISES[way])
        view = understood(work / "store", own, halves(changed) if way == "in two files" else [changed])
        if view is None:
            yield {"disguise": way, "told": "refused"}
            continue
        moved = dollars(view).sub(truth, fill_value=0)
        unknown = abs(moved.pop("other")) if "other" in moved else 0.0
        off = moved.abs().sum()
        told = "wrong" if off > unknown + 0.005 else "partly" if unknown else "same"
        other = roots(view).sub(root, fill_value=0)
        guessed, wrong = wrong_guesses(plain, view)
        yield {"disguise": way, "told": told, "off": f"{off:.2f}", "wrong_root": f"{other[other > 0].sum():.2f}",
               "cuts": f"{root.abs().sum():.2f}", "guessed": f"{guessed:.2f}", "guess_wrong": f"{wrong:.2f}"}  # fmt: skip
        view.close()
    plain.close()


# --- misreadings made on purpose -------------------------------------------------------------------------------------


def misread(ledger: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The ledger as it would be if columns or signs were taken wrongly; the first is as it is."""
    yield "as it is", ledger
    kinds = sorted(set(ledger["kind"]) & {"charge", "payment", "adjustment", "write_off", "refund"})
    for kind in kinds:
        yield f"{kind}: turned", ledger.assign(amount=ledger["amount"].where(ledger["kind"] != kind, -ledger["amount"]))
        yield f"{kind}: left out", ledger[ledger["kind"] != kind]
    for who in ("insurance", "patient"):
        of = (ledger["kind"] == "payment") & (ledger["posted_by"] == who)
        yield f"payment of {who}: left out", ledger[~of]
        yield (
            f"payment of {who}: as the other's",
            ledger.assign(posted_by=ledger["posted_by"].mask(of, {"insurance": "patient"}.get(who, "insurance"))),
        )
        yield f"payment of {who}: as a cut", ledger.assign(kind=ledger["kind"].mask(of, "adjustment"))
    for a, b in (("charge", "payment"), ("payment", "adjustment"), ("adjustment", "write_off")):
        yield f"{a} and {b} changed", ledger.assign(kind=ledger["kind"].replace({a: b, b: a}))
    balance = ledger["amount"].where(ledger["kind"] != "transfer", 0).groupby(ledger["claim_number"]).cumsum()
    yield "balance as the amount", ledger.assign(amount=balance)
    yield "cents as dollars", ledger.assign(amount=ledger["amount"] * 100)
    for share in (0.005, 0.01, 0.02, 0.05):
        some = ledger.index % round(1 / share) == 0
        yield f"{share:.1%} of rows turned", ledger.assign(amount=ledger["amount"].where(~some, -ledger["amount"]))


def gate(name: str, edi: Path, text: str, work: Path) -> Iterator[dict[str, object]]:
    """What each misreading moves, what the comparison says, and whether the gate trips."""
    own = Practice(work / "edi", name)
    if not own.folder.exists():
        ingest.ingest(own, [edi])
    told = known.gather(own.read)
    data = text.encode()
    table = exports.read("ledger.csv", data, raw=data, known=told).table
    frame = table.to_pandas().assign(amount=lambda x: x["amount"].astype(float))
    whole = _sums(frame)
    for what, changed in misread(frame):
        moved = (_sums(changed).sub(whole, fill_value=0).abs() / whole.abs().max()).max()
        check = reconciliation.check(table_of(changed, table), told)
        agree = {
            f"{name}": f"{check.figures.get(f'{name}_agree', float('nan')):.4f}"
            for name in ("charges", "payments", "contractual", "balances")
        }
        yield {
            "practice": name,
            "misread": what,
            "moved": f"{moved:.4f}",
            **agree,
            "trips": "yes" if check.wrong else "no",
        }


def _sums(frame: pd.DataFrame) -> pd.Series:
    kind = frame["kind"].replace("write_off", "adjustment") + frame["posted_by"].where(
        frame["kind"] == "payment", ""
    ).fillna("")
    return frame[frame["kind"] != "transfer"].groupby(kind)["amount"].sum()


def table_of(frame: pd.DataFrame, like):
    """The frame as a ledger's table again."""
    import pyarrow as pa

    frame = frame.assign(amount=[f"{x:.2f}" for x in frame["amount"]])
    made = pa.Table.from_pandas(frame, preserve_index=False)
    return pa.Table.from_arrays([made[f.name].cast(f.type) for f in like.schema], schema=like.schema)


# --- the whole ---------------------------------------------------------------------------------------------------------


def commit() -> str:
    """The commit that is measured, with a mark where files were changed since."""
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude", "*"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--worlds", nargs="*", type=Path, default=[], help="folders with edi.zip and truth/ledger.parquet"
    )
    parser.add_argument("--no-demos", action="store_true", help="worlds only")
    parser.add_argument("--only", nargs="*", choices=DISGUISES, help="some disguises only")
    parser.add_argument("--gate", action="store_true", help="misreadings made on purpose instead of disguises")
    parser.add_argument("--record", type=Path, default=Path("understood.csv"), help="CSV of the results")
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()) / "rcm-ledgers", help="folder for EDI that was read"
    )
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    given = [*(() if asked.no_demos else demos(asked.work)), *(world(path) for path in asked.worlds)]
    if asked.gate:
        return show([line for one in given for line in gate(*one, asked.work)])
    done = list(csv.DictReader(io.StringIO(asked.record.read_text()))) if asked.record.exists() else []
    now = commit()
    for name, edi, text in given:
        ways = [
            way
            for way in asked.only or DISGUISES
            if not any((r["practice"], r["disguise"], r["commit"]) == (name, way, now) for r in done)
        ]
        for line in measured(name, edi, text, ways, asked.work) if ways else ():
            done.append({"practice": name, "commit": now, **line})
            pd.DataFrame(done, columns=list(FIELDS)).to_csv(asked.record, index=False)
            print(*done[-1].values(), sep="\t", flush=True)
    mine = [row for row in done if row["commit"] == now]
    show(mine)
    for told in ("same", "refused", "partly", "wrong"):
        print(f"{told}: {sum(row['told'] == told for row in mine)} of {len(mine)}")
    return int(any(row["told"] == "wrong" for row in mine))


def show(rows: list[dict[str, object]]) -> int:
    print(pd.DataFrame(rows).fillna("").to_string(index=False))
    return 0


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main())
