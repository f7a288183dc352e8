"""The whole analysis over many practices with known truth, as one table of figures, their mean and the worst.

python bench/truth.py                                    every world and section, some hours; goes on where it was stopped
python bench/truth.py --quick                            six worlds, all sections
python bench/truth.py --only c-short --section risk      one world, one section (both take several, by commas)
python bench/truth.py --table                            only the table of what was measured, with the age of each figure
python bench/truth.py --only c-short --score risk        what the other authors' own score.py says of their world
python bench/truth.py --list                             the worlds, and which of them are here
python bench/truth.py --record docs/truth                the table as docs/truth.md and docs/truth.csv

Worlds are practices that `rcm demo`'s generator makes, of several sizes, lengths and habits, and those of ../shared/worlds
where they are beside the project (made by somebody else; else left out with a word). Files and stores of a world are kept
in bench/work/truth (`--folder`), by what they are made of; figures by world, section and a hash of the package's sources,
so that only what a change can have altered is measured anew. `--fresh` measures again what is there.
It is no part of `make bench`. Sections: risk, order, signals, null, clusters, prevention, classification.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import math
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import judged
import numpy as np
import pandas as pd

import rcm_analysis as rcm
from rcm_analysis.synthetic import practice

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SHARED = ROOT.parent / "shared" / "worlds"
FOLDER = HERE / "work" / "truth"
PRACTICE = "world"
# sections, the cheap ones first: risk learns six times a world and takes as long as all others together
STAGES = (("classification", "signals", "null", "clusters"), ("prevention",), ("risk", "order"))
QUICK = ("a-short", "c-short", "c-null", "demo-young", "demo-prairie", "demo-steady")


@dataclass(frozen=True)
class World:
    """A practice with known truth: of a folder beside the project, or made by the generator with these arguments."""

    name: str
    what: str
    folder: str = ""
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def here(self) -> bool:
        return not self.folder or (SHARED / self.folder / "truth" / "claims.parquet").exists()

    @cached_property
    def key(self) -> str:
        """What its files are made of: the arguments and the generator's sources, or the truth beside the project."""
        if self.folder:
            stats = sorted((p.name, p.stat().st_size) for p in (SHARED / self.folder).rglob("*") if p.is_file())
            return _hash([json.dumps(stats)])
        return _hash([json.dumps(self.made, sort_keys=True), *_sources("synthetic")])


def _demo(name: str, what: str, **made: Any) -> World:
    return World(f"demo-{name}", what, made=made)


WORLDS = (
    World("a", "group with an ambulance arm, 40,000 claims, 30 months", "a"),
    World("c", "physicians with a full ambulance service, 24,000 claims, 27 months", "c"),
    World("a-short", "as a, 9,000 claims in 14 months", "small/a-short"),
    World("c-short", "as c, 8,000 claims in 14 months", "small/c-short"),
    World("a-null", "as a, nothing changes, repeat patients", "small/a-null"),
    World("a-null2", "the same, another seed", "small/a-null2"),
    World("c-null", "as c, nothing changes, repeat patients", "small/c-null"),
    _demo("plain", "6,000 claims, 24 months", claims=6_000, months=24, seed=101),
    _demo("young", "3,000 claims, 9 months", claims=3_000, months=9, seed=102),
    _demo(
        "small",
        "3,000 claims, 24 months, two desks",
        claims=3_000,
        months=24,
        seed=103,
        desks="two",
        rejections="front-desk",
    ),
    _demo("year", "8,000 claims, 12 months, remarks tell", claims=8_000, months=12, seed=104, codes="remarks"),
    _demo("long", "15,000 claims, 36 months", claims=15_000, months=36, seed=105, desks="backlog"),
    _demo("large", "60,000 claims, 30 months", claims=60_000, months=30, seed=106),
    _demo(
        "coast",
        "10,000 claims, 24 months, much is paid anyway",
        claims=10_000,
        months=24,
        seed=110,
        payers="coast",
        effect="pays-anyway",
    ),
    _demo(
        "prairie",
        "8,000 claims, 20 months, payers' own codes, backlog",
        claims=8_000,
        months=20,
        seed=111,
        payers="prairie",
        codes="own",
        desks="backlog",
    ),
    _demo(
        "dialysis",
        "9,000 claims, 24 months, repeat patients",
        claims=9_000,
        months=24,
        seed=112,
        repeat="dialysis",
        desks="two",
    ),
    _demo(
        "therapy",
        "7,000 claims, 18 months, repeat patients, work pays",
        claims=7_000,
        months=18,
        seed=113,
        repeat="therapy",
        effect="work-pays",
        codes="remarks",
    ),
    _demo(
        "steady",
        "5,000 claims, 18 months, nothing changes, dialysis",
        claims=5_000,
        months=18,
        seed=107,
        events=False,
        repeat="dialysis",
    ),
    _demo(
        "steady-large",
        "20,000 claims, 24 months, nothing changes, therapy",
        claims=20_000,
        months=24,
        seed=108,
        events=False,
        repeat="therapy",
    ),
    _demo("steady-young", "4,000 claims, 10 months, nothing changes", claims=4_000, months=10, seed=109, events=False),
    _demo(
        "steady-coast",
        "8,000 claims, 24 months, nothing changes",
        claims=8_000,
        months=24,
        seed=114,
        events=False,
        payers="coast",
        desks="two",
    ),
)


def _hash(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _sources(*rooms: str) -> list[str]:
    """Text of the package's files: of some rooms, or of all but the generator."""
    package = ROOT / "rcm_analysis"
    paths = sorted(p for p in package.rglob("*") if p.suffix in (".py", ".sql", ".csv", ".toml"))
    wanted = [p for p in paths if (p.relative_to(package).parts[0] in rooms if rooms else "synthetic" not in p.parts)]
    return [text for p in wanted for text in (str(p.relative_to(package)), p.read_text("utf-8"))]


@cache
def package_key() -> str:
    """Stands for the package's sources as they were when the run began."""
    return _hash(_sources())


@cache
def judged_key(section: str) -> str:
    """Stands for the part of `judged.py` that the section's figures come of."""
    head, *rest = (HERE / "judged.py").read_text("utf-8").split("\n# --- ")
    parts = {part.split(" ---", 1)[0]: part for part in rest}
    return _hash([head, *(parts[name] for name in ("a world", *judged.PARTS[section]))])


# --- the files and the truth of a world ----------------------------------------------------------------------------


def _made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder as `make` fills it; it appears whole or not at all."""
    if not folder.exists():
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        make(part)
        part.rename(folder)
    return folder


def opened(world: World, folder: Path = FOLDER) -> judged.Opened:
    """The world's practice in a store of its own, ingested once for each version of what reads files."""
    key = world.key
    files = SHARED / world.folder
    if not world.folder:
        files = _made_once(
            folder / "files" / f"{world.name}-{key}", lambda part: _write(practice.write_practice, part, world)
        )
    reading = _hash([key, *_sources("edi", "spreadsheets", "intake", "store", "privacy", "reference")])
    store = _made_once(folder / "stores" / f"{world.name}-{reading}", lambda part: _ingest(part, files))
    truth = shared_truth(files / "truth") if world.folder else demo_truth(files / "truth", world)
    known = truth.claims["first_decided_on"].dropna()
    end = pd.Period(max(known), freq="M").end_time.date()
    months = (pd.Period(end, freq="M") - pd.Period(truth.claims["first_sent_on"].min(), freq="M")).n + 1
    later = lambda day: _later_files(files, day, folder / "later" / f"{world.name}-{key}-{day}")  # noqa: E731
    return judged.Opened(truth, store, PRACTICE, end, months, later)


def _write(write: Callable[..., Any], part: Path, world: World) -> None:
    write(part, **world.made)


def _ingest(store: Path, files: Path) -> None:
    names = ("edi.zip", "ledger.csv.zip", "edi", "ledger.csv", "work_log.csv")
    rcm.ingest([files / name for name in names if (files / name).exists()], practice=PRACTICE, store=store)


def _later_files(files: Path, day: date, folder: Path) -> list[Path]:
    """The 837 files of the world that were sent after the day."""

    def unpack(part: Path) -> None:
        with zipfile.ZipFile(files / "edi.zip") as archive:
            for name in archive.namelist():
                if "/837/" in name and not name.endswith("/") and _day_of(name) > day:
                    (part / Path(name).name).write_bytes(archive.read(name))

    if (files / "edi.zip").exists():
        return sorted(_made_once(folder, unpack).iterdir())
    return [path for path in sorted((files / "edi/837").iterdir()) if _day_of(path.name) > day]


def _day_of(name: str) -> date:
    digits = "".join(c for c in Path(name).stem if c.isdigit())[-8:]
    return datetime.strptime(digits, "%Y%m%d").date()


# what a practice calls a claim that ends so
STATES = {"paid": "paid|partially_paid", "partial": "paid|partially_paid", "written_off": "written_off", "denied_open": "denied_open|resubmitted|appealed",
          "rejected_lost": "rejected|written_off", "rejected_open": "rejected", "in_flight": "submitted|accepted|resubmitted"}  # fmt: skip


def shared_truth(folder: Path) -> judged.Truth:
    """Truth of a world beside the project, in the columns of `judged.Truth`."""
    payers = pd.read_csv(folder / "payers.csv", dtype=str)
    names = {
        r.key: {r.name_edi.casefold(), r.payer_id.casefold(), r.name_ledger.casefold()} for r in payers.itertuples()
    }
    t = pd.read_parquet(folder / "claims.parquet")
    denied = t["initially_denied"].astype(bool)
    claims = pd.DataFrame({
        "claim_number": t["pcn"], "payer": t["payer"], "in_edi": t["in_edi"].astype(bool), "initially_denied": denied,
        "first_sent_on": pd.to_datetime(t["first_submit_date"]), "first_decided_on": pd.to_datetime(t["first_decision_date"]),
        "rejected": t["rejected"].astype(bool), "denied_amount": t["denied_amount"].astype(float), "charge": t["charge"].astype(float),
        "denied_amount_cas": t["denied_cas_amount"].astype(float), "p_win_worked": t["p_win1"].where(denied).astype(float),
        "price": t["expected_allowed"].astype(float) * (t["denied_amount"].astype(float) / t["charge"].astype(float)).clip(upper=1),
        "p_write_off_true": t["p_writeoff_at_denial"].where(denied).astype(float), "p_denial": t["p_denial_at_submit"].astype(float),
        "told_by_837": True, "outcome": t["denial_outcome"].fillna(""), "settled_on": pd.to_datetime(t["denial_resolved_date"]),
        "root_cause": t["root_cause"].fillna(""), "carc": t["carc"].fillna(""), "rarc": t["rarc"].fillna(""),
        "state": t["state"] if "state" in t else t["final_outcome"].map(STATES).fillna(""),
    })  # fmt: skip
    ledger = pd.read_parquet(
        folder / "ledger.parquet", columns=["pcn", "true_class", "necessity", "is_writeoff", "amount"]
    )
    lost = ledger[ledger["is_writeoff"].astype(bool)]
    lost = pd.DataFrame({"claim_number": lost["pcn"], "leaf": lost["true_class"], "root": lost["necessity"],
                         "amount": lost["amount"].astype(float).abs()})  # fmt: skip
    events = pd.read_parquet(folder / "events.parquet").astype(object).fillna("")
    rows = [(e.id, e.kind, bool(e.should_alert), e.start, _wanted(e, names)) for e in events.itertuples()]
    null = json.loads((folder / "world.json").read_text()).get("null", False)
    return judged.Truth(
        claims, pd.DataFrame(rows, columns=["id", "kind", "should_alert", "start", "wanted"]), null, lost
    )


def _wanted(event: Any, names: dict[str, set[str]]) -> list[set[str]]:
    """What a signal may name of the event: one set of values for each of its parts."""
    out = []
    if event.payer and "->" not in event.payer:
        out.append({v for key in event.payer.split(",") for v in names.get(key, {key.casefold()})})
    out += [{value.casefold()} for value in (event.provider, event.location, getattr(event, "facility", "")) if value]
    codes = set((getattr(event, "cpt", "") or getattr(event, "procedure", "")).casefold().split(",")) - {""}
    if codes:
        families = {f"hcpcs {c[0]}" for c in codes if c[0].isalpha()} | {
            "ambulance" for c in codes if c.startswith("a0")
        }
        out.append(codes | families)
    return out


def demo_truth(folder: Path, world: World) -> judged.Truth:
    """Truth of a practice of the generator, in the columns of `judged.Truth`."""
    words = ("claim_number", "carc", "rarc", "root_cause", "final_outcome")
    t = pd.read_csv(folder / "claims.csv", dtype=dict.fromkeys(words, str))
    t = t.assign(**{name: t[name].fillna("") for name in words})
    chances = _chances(folder, t["claim_number"])
    claims = pd.DataFrame({
        "claim_number": t["claim_number"], "payer": t["payer"], "in_edi": t["in_edi"], "initially_denied": t["initially_denied"],
        "first_sent_on": pd.to_datetime(t["first_submitted_on"]), "first_decided_on": pd.to_datetime(t["first_decision_date"]),
        "rejected": t["rejected"].astype(bool), "denied_amount": t["denied_amount"].astype(float), "charge": t["charge"].astype(float),
        "denied_amount_cas": t["denied_amount"].astype(float), "price": t["expected_allowed"].astype(float),
        "root_cause": t["root_cause"], "carc": t["carc"], "rarc": t["rarc"],
        "state": t["final_outcome"].map(STATES).fillna(""), **chances,
    })  # fmt: skip
    events = pd.read_csv(folder / "events.csv", dtype=str, keep_default_na=False)
    rows = [(e.id, e.kind, e.should_alert == "True", e.start, _wanted(e, {})) for e in events.itertuples()]
    lost = pd.read_csv(folder / "write_offs.csv", dtype={"claim_number": str}, keep_default_na=False)
    return judged.Truth(claims, pd.DataFrame(rows, columns=["id", "kind", "should_alert", "start", "wanted"]),
                        not world.made.get("events", True), lost, _open_denials(folder), mature_months=0)  # fmt: skip


def _open_denials(folder: Path) -> pd.DataFrame:
    t = pd.read_csv(folder / "open_denials.csv", dtype={"claim_number": str}, parse_dates=["as_of"])
    t = t.rename(columns={"p_write_off": "p_write_off_true", "expected_allowed": "price"})
    return t[["claim_number", "as_of", "p_win_worked", "p_win_left", "p_write_off_true", "price"]]


def _chances(folder: Path, numbers: pd.Series) -> dict[str, Any]:
    """Chances of each claim, and what became of a denial and when, also after the last file."""
    t = (
        pd.read_csv(folder / "chances.csv", dtype={"claim_number": str, "later_outcome": str})
        .set_index("claim_number")
        .reindex(numbers)
    )
    named = {"p_win_worked": "p_win1", "p_write_off_true": "p_writeoff_at_denial", "p_denial": "p_denial_at_submit"}
    return {**{name: t[column].to_numpy(float) for name, column in named.items()},
            "told_by_837": t["told_by_837"].eq(True).to_numpy(), "outcome": t["later_outcome"].fillna("").to_numpy(), "settled_on": pd.to_datetime(t["settled_on"]).to_numpy()}  # fmt: skip


# --- measuring -----------------------------------------------------------------------------------------------------


def result_path(world: World, section: str, folder: Path = FOLDER) -> Path:
    return folder / "figures" / world.name / f"{section}-{_hash([world.key, package_key(), judged_key(section)])}.json"


def measure(worlds: Iterable[World], sections: Iterable[str], *, folder: Path = FOLDER, fresh: bool = False) -> None:
    """Measures what is not there yet, world by world; a section that fails is said and the others go on.

    What is cheap is measured in every world before what is not.
    """
    worlds, sections = list(worlds), list(sections)
    package_key(), [world.key for world in worlds]  # of the sources as they are now, whatever is written meanwhile
    for part in STAGES:
        _measure(worlds, [s for s in sections if s in part], folder=folder, fresh=fresh)


def _measure(worlds: Iterable[World], sections: list[str], *, folder: Path, fresh: bool) -> None:
    for world in worlds:
        missing = [s for s in sections if fresh or not result_path(world, s, folder).exists()]
        if not missing:
            continue
        begun = time.perf_counter()
        try:
            here = opened(world, folder)
        except Exception:
            traceback.print_exc()
            _say(f"{world.name}: could not be opened, the others go on")
            continue
        _say(f"{world.name}: ready in {time.perf_counter() - begun:.0f} s")
        for section in missing:
            begun = time.perf_counter()
            try:
                figures: dict[str, Any] = judged.SECTIONS[section](here)
            except Exception as error:
                traceback.print_exc()
                figures = {"failed": f"{type(error).__name__}: {error}"[:200]}
            took = time.perf_counter() - begun
            _keep(result_path(world, section, folder), figures, took, world.key)
            told = " ".join(f"{k} {_number(v)}" for k, v in figures.items())
            _say(f"{world.name} {section}: {took:.0f} s; {told}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _keep(path: Path, figures: dict[str, Any], seconds: float, files: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "figures": figures,
        "files": files,
        "seconds": round(seconds, 1),
        "made": datetime.now().isoformat(timespec="minutes"),
        "commit": _commit(),
    }
    part = path.with_suffix(".part")
    part.write_text(json.dumps(record, indent=1, default=float), "utf-8")
    part.rename(path)


def _commit() -> str:
    """The commit at hand, marked where files of the package differ from it."""
    call = lambda *words: subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()  # noqa: E731
    return call("rev-parse", "--short", "HEAD") + (
        "+" if call("status", "--porcelain", "--", "rcm_analysis", "bench") else ""
    )


class Exports:
    """A practice's tables as `score.py` asks for them: by name, and worklists of several days as files."""

    def __init__(self, here: judged.Opened, folder: Path):
        self.here, self.folder = here, folder

    def __call__(self, table: str) -> pd.DataFrame:
        try:
            return self.here.table(table)
        except KeyError:
            raise FileNotFoundError(2, "missing", f"{table}.parquet") from None

    def worklists(self) -> None:
        for day in self.here.risk_days:
            self.here.table("risk", day).to_parquet(self.folder / f"risk_{day}.parquet")


def scored(world: World, here: judged.Opened, sections: Iterable[str]) -> list[str]:
    """Lines of `score.py` beside the worlds, on the tables as they are in memory."""
    spec = importlib.util.spec_from_file_location("score", SHARED / "score.py")
    assert spec and spec.loader
    score = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(score)
    lines: list[str] = []
    score.say = lambda name, text: lines.append(f"{name:<22} {text}")
    truth = score.Folder(SHARED / world.folder / "truth")
    payers = pd.read_csv(truth.folder / "payers.csv", dtype=str)
    truth.payers = {r.key: {r.name_edi, r.payer_id, r.name_ledger} for r in payers.itertuples()}
    with tempfile.TemporaryDirectory() as folder:
        got = Exports(here, Path(folder))
        for name in sections:
            if name == "risk":
                got.worklists()
            score.attempt(name, lambda name=name: score.SECTIONS[name](truth, got))
    return lines


# --- the table -----------------------------------------------------------------------------------------------------


def newest_results(worlds: Iterable[World], sections: Iterable[str], folder: Path = FOLDER) -> Iterator[dict[str, Any]]:
    """The newest figures of each section and world, as its files are now, whether of these sources or of earlier ones."""
    for section in sections:
        for world in worlds:
            current = result_path(world, section, folder)
            paths = sorted((folder / "figures" / world.name).glob(f"{section}-*.json"), key=lambda p: p.stat().st_mtime)
            found = [(path == current, json.loads(path.read_text("utf-8"))) for path in paths]
            found = [(is_current, record) for is_current, record in found if record["files"] == world.key]
            if found:
                is_current, newest = sorted(found, key=lambda one: one[0])[-1]
                if newest["figures"].get("events"):
                    newest["figures"]["found_share"] = newest["figures"]["found"] / newest["figures"]["events"]
                yield {"world": world.name, "section": section, "current": is_current, **newest}


# what stands in the first table: section, figure, what is asked for
SUMMARY = (
    ("risk", "against_base", "≤ 1"), ("risk", "against_best", "≤ 1.05"), ("risk", "auroc_gap", "≥ −.02"), ("risk", "level_points", "≤ 3"),
    ("risk", "ece", "≤ .06"), ("order", "rank_of_truth", "≥ .95"), ("order", "rank_of_amount", "> 1"), ("signals", "found_share", ""), ("signals", "stray", "0"),
    ("null", "claims_anything", "0"), ("clusters", "v_gain", "≥ .05"), ("prevention", "auroc_gap", "≤ .05"), ("prevention", "sure_met", "≥ .6"),
    ("prevention", "of_oracle", "≥ .9"), ("classification", "root_right", ""), ("classification", "leaf_right", ""), ("classification", "state_right", ""),
)  # fmt: skip


def table(results: list[dict[str, Any]], section: str) -> pd.DataFrame:
    """Figures of a section, a row for each world, then their mean and the worst; a count has neither."""
    mine = [r for r in results if r["section"] == section and r["figures"] and "failed" not in r["figures"]]
    names = [n for n in judged.FIGURES[section] if any(n in r["figures"] for r in mine)]
    rows = [[r["figures"].get(n) for n in names] for r in mine]
    out = pd.DataFrame(rows, index=[r["world"] for r in mine], columns=names, dtype=float)
    return _with_mean_and_worst(out, [judged.FIGURES[section][n][1] for n in names])


def summary(results: list[dict[str, Any]]) -> pd.DataFrame:
    """The figures that something is asked of, all sections side by side."""
    found = {(r["world"], r["section"]): r["figures"] for r in results}
    worlds = [w.name for w in WORLDS if any(world == w.name for world, _ in found)]
    rows = [[found.get((world, section), {}).get(name) for section, name, _ in SUMMARY] for world in worlds]
    heads = [
        f"{section}: {judged.FIGURES[section][name][0]}" + (f" ({asked})" if asked else "")
        for section, name, asked in SUMMARY
    ]
    out = pd.DataFrame(rows, index=worlds, columns=heads, dtype=float)
    return _with_mean_and_worst(out, [judged.FIGURES[section][name][1] for section, name, _ in SUMMARY])


def _with_mean_and_worst(figures: pd.DataFrame, better: list[str]) -> pd.DataFrame:
    if not len(figures):
        return figures
    columns = [figures.iloc[:, i] for i in range(figures.shape[1])]
    mean = [c.mean() if way else np.nan for c, way in zip(columns, better, strict=True)]
    worst = [{"high": c.min(), "low": c.max()}.get(way, np.nan) for c, way in zip(columns, better, strict=True)]
    return pd.concat(
        [figures, pd.DataFrame([mean, worst], index=["mean", "worst"], columns=figures.columns, dtype=float)]
    )


def _rows(figures: pd.DataFrame, heads: list[str]) -> list[str]:
    lines = ["| " + " | ".join(["world", *heads]) + " |", "|" + "---|" * (len(heads) + 1)]
    told = zip(figures.index, figures.to_numpy(), strict=True)
    return lines + ["| " + " | ".join([str(name), *(_number(v) for v in row)]) + " |" for name, row in told]


def markdown(results: list[dict[str, Any]]) -> str:
    """All that was measured: what is asked for in one table, then every section."""
    parts = [
        f"Measured {_age(results)}.",
        "\n".join(["## All sections", "", *_rows(asked := summary(results), list(asked))]),
    ]
    for section in judged.FIGURES:
        figures = table(results, section)
        failed = [
            f"{r['world']}: {r['figures']['failed']}"
            for r in results
            if r["section"] == section and "failed" in r["figures"]
        ]
        if len(figures) or failed:
            heads = [judged.FIGURES[section][n][0] for n in figures]
            parts.append("\n".join([f"## {section.capitalize()}", "", *_rows(figures, heads), "", *failed]).strip())
    return "\n\n".join(parts) + "\n"


def _age(results: list[dict[str, Any]]) -> str:
    """When and of which commits the figures are, and how many are of other sources than these."""
    days = sorted(r["made"] for r in results)
    if not days:
        return "never"
    old = sum(not r["current"] for r in results)
    age = datetime.now() - datetime.fromisoformat(days[0])
    told = f"from {days[0].replace('T', ' ')} to {days[-1].replace('T', ' ')}, commits {', '.join(sorted({r['commit'] for r in results}))}; the oldest {_days(age)} old"
    return told + (f"; {old} of {len(results)} sections are of earlier sources" if old else "")


def _days(age: timedelta) -> str:
    return (
        f"{age.days} days"
        if age.days
        else f"{age.seconds // 3600} hours"
        if age.seconds >= 7200
        else f"{age.seconds // 60} minutes"
    )


def _number(value: Any) -> str:
    if not isinstance(value, (int, float)):
        return str(value)
    if math.isnan(value):
        return ""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def record(results: list[dict[str, Any]], path: Path) -> None:
    """Writes the tables as PATH.md and every figure as PATH.csv."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = "# Many practices with known truth\n\nWritten by `python bench/truth.py --record docs/truth`; its docstring says what the worlds are.\n\n"
    path.with_suffix(".md").write_text(head + markdown(results), "utf-8")
    rows = [
        (r["world"], r["section"], name, value, r["made"], r["commit"])
        for r in results
        for name, value in r["figures"].items()
    ]
    pd.DataFrame(rows, columns=["world", "section", "figure", "value", "made", "commit"]).to_csv(
        path.with_suffix(".csv"), index=False
    )


def chosen(names: str, *, quick: bool) -> list[World]:
    """The worlds asked for that are here; the others are said."""
    wanted = names.split(",") if names else list(QUICK) if quick else [w.name for w in WORLDS]
    unknown = set(wanted) - {w.name for w in WORLDS}
    if unknown:
        sys.exit(f"no world {', '.join(sorted(unknown))}; there are {', '.join(w.name for w in WORLDS)}")
    out = [w for w in WORLDS if w.name in wanted]
    for world in out:
        if not world.here:
            _say(f"{world.name}: left out, {SHARED / world.folder} is not there")
    return [w for w in out if w.here]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", metavar="WORLDS")
    parser.add_argument("--section", default="", metavar="SECTIONS")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--score", metavar="SECTIONS", help="sections of score.py; of worlds beside the project")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--record", type=Path)
    args = parser.parse_args()
    if args.list:
        print("\n".join(f"{w.name:<16} {'here' if w.here else 'not here':<9} {w.what}" for w in WORLDS))
        return
    worlds = chosen(args.only, quick=args.quick)
    if args.score:
        for world in worlds:
            if world.folder:
                print(world.name, *scored(world, opened(world, args.folder), args.score.split(",")), sep="\n")
        return
    sections = args.section.split(",") if args.section else list(judged.SECTIONS)
    if unknown := set(sections) - set(judged.SECTIONS):
        sys.exit(f"no section {', '.join(sorted(unknown))}; there are {', '.join(judged.SECTIONS)}")
    if not args.table:
        measure(worlds, sections, folder=args.folder, fresh=args.fresh)
    results = list(newest_results(worlds, sections, args.folder))
    print(markdown(results))
    if args.record:
        record(results, args.record)


if __name__ == "__main__":
    main()
