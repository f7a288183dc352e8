"""Shared fixtures: a small demo practice, made once, and the authors' shared test material where it is there."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from rcm_analysis.claims import derive
from rcm_analysis.intake import ingest
from rcm_analysis.reports import render
from rcm_analysis.reports.request import ReportRequest
from rcm_analysis.store import kept, schema
from rcm_analysis.store.practice import Practice
from rcm_analysis.synthetic import practice

settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True)
settings.register_profile("dev", deadline=None, max_examples=50)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

collect_ignore = ["browser.py", "chromium.py", "lab.py"]  # they need Selenium: make test-browser
ROOT = Path(__file__).resolve().parent.parent
AS_OF = date(2026, 10, 31)


@pytest.fixture(scope="session")
def shared() -> Path:
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs ../shared, test material that is not part of the project")
    return folder


def pytest_collection_modifyitems(items):
    """What reads material beside the checkout is slow: worlds and cases of thousands of claims."""
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that one worker makes while the others wait for it; it stays as it was made."""
    base = factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    made = place.with_suffix(".made")
    with FileLock(place.with_suffix(".lock")):
        if not made.exists():
            place.mkdir()
            make(place)
            made.touch()
    return place


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory) -> Path:
    return made_once(
        tmp_path_factory, "demo", lambda place: practice.write_practice(place, claims=3000, months=24, seed=3)
    )


@pytest.fixture(scope="session")
def demo_store(demo_folder, tmp_path_factory) -> Path:
    def make(root: Path) -> None:
        outcome = ingest.ingest(Practice(root, "riverbend"), [demo_folder / "edi", demo_folder / "ledger.csv"])
        assert {file["status"] for file in outcome.files} == {"accepted"}

    return made_once(tmp_path_factory, "store", make)


def copy_of(practice: Path, to: Path) -> Path:
    """A practice's facts without the derived tables kept beside them, which another worker may be writing just now."""
    return shutil.copytree(practice, to, ignore=shutil.ignore_patterns(kept.FOLDER))


@pytest.fixture(scope="session")
def demo_report(demo_store, tmp_path_factory) -> Path:
    def make(out: Path) -> None:
        books = render.notebooks([])
        assert len(books) >= 3
        request = ReportRequest("riverbend", "2026-10", AS_OF, notebooks=tuple(books))
        result = render.render(request, store=demo_store, out=out, jobs=2)
        assert result.ok, result.statuses

    return made_once(tmp_path_factory, "out", make) / "riverbend/2026-10"


@pytest.fixture(scope="session")
def demo_con(demo_store):
    return derive.open_practice(demo_store, "riverbend", as_of=AS_OF)


def remittance(*segments: str, paid: str | None = None) -> bytes:
    """An 835 around the given claim segments, with honest counts; its check is what the claims are paid."""
    paid = _paid(segments) if paid is None else paid
    body = [f"BPR*I*{paid}*C*ACH*CCP*01*071000013*DA*1*1**01*061000104*DA*7*20260305", "TRN*1*CHECK1*1999999999",
            "DTM*405*20260305", "N1*PR*ACME HEALTH*XV*77001", "N1*PE*CLINIC*XX*1522003506", "LX*1", *segments]  # fmt: skip
    return envelope("HP", "835", "005010X221A1", body)


def _paid(segments: tuple[str, ...]) -> str:
    amounts = [segment.split("*")[4] for segment in segments if segment.startswith("CLP*")]
    return str(sum(Decimal(amount) for amount in amounts if re.fullmatch(r"-?[0-9.]+", amount)))


def envelope(group: str, code: str, version: str, body: list[str]) -> bytes:
    isa = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260305*0630*^*00501*000000001*0*P*:"
    inside = [f"ST*{code}*0001", *body, f"SE*{len(body) + 2}*0001"]
    segments = [isa, f"GS*{group}*S*R*20260305*0630*1*X*{version}", *inside, "GE*1*1", "IEA*1*000000001"]
    return ("~".join(segments) + "~").encode()


def claim_837(number: str = "A1", *more: str, frequency: str = "1", on: str = "20260110") -> bytes:
    body = [f"BHT*0019*00*B1*{on}*0600*CH", "NM1*41*2*CLINIC*****46*S", "NM1*40*2*HOUSE*****46*R", "HL*1**20*1",
            "NM1*85*2*CLINIC*****XX*1522003506", "HL*2*1*22*0", "SBR*P*18*******CI",
            "NM1*IL*1*QUILLFEATHER*ANN****MI*MEM777123", "DMG*D8*19500101*F", "NM1*PR*2*ACME HEALTH*****PI*77001",
            f"CLM*{number}*250***11:B:{frequency}*Y*A*Y*Y", "HI*ABK:E119*ABF:I10", "NM1*77*2*MAIN STREET*****XX*1033003502",
            "LX*1", "SV1*HC:99213:25*250*UN*1***1:2", "DTP*472*D8*20260105", *more]  # fmt: skip
    return envelope("HC", "837", "005010X222A1", body)


def texts_of(con) -> set[str]:
    """Every text that stands in a fact table, decoded; compressed bytes would hide it."""
    found = set()
    for table in schema.FACTS:
        for column in table.columns:
            if column.type in (schema.TEXT, schema.FILE):
                rows = con.execute(
                    f"SELECT DISTINCT {column.name} FROM {table.name} WHERE {column.name} IS NOT NULL"
                ).fetchall()
                found |= {row[0] for row in rows}
    return found


GOOD = "from rcm_analysis.pages.blocks import Finding\nFinding('12 of 100 claims', rank=1)"


def notebook(
    path: Path, *cells: str, parameters='practice: str = "p"\nas_of: str = ""\nmonths: int = 1\nstore: str = ""'
) -> Path:
    made = [{"cell_type": "markdown", "id": "t", "metadata": {}, "source": "# A question?"}]
    for i, source in enumerate([parameters, *cells]):
        tags = {"tags": ["parameters"]} if i == 0 else {}
        made.append(
            {
                "cell_type": "code",
                "id": f"c{i}",
                "metadata": tags,
                "execution_count": None,
                "outputs": [],
                "source": source,
            }
        )
    meta = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    path.write_text(json.dumps({"cells": made, "metadata": meta, "nbformat": 4, "nbformat_minor": 5}))
    return path


def printed(path: Path) -> list[str]:
    """What the cells of an executed notebook printed."""
    cells = json.loads(path.read_text())["cells"]
    return ["".join(o["text"]) for cell in cells for o in cell.get("outputs", []) if "text" in o]
