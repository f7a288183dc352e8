"""Small practices with a professional's answer: those that are right stay right.

The checker and the cases are test material outside of the project; here its commands run inside this process, and a
case's tables come from one opened practice, so that all of them take a minute or two.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sys
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

from rcm_analysis import cli
from rcm_analysis import export as export_export
from rcm_analysis.claims import derive
from rcm_analysis.errors import RcmError

# Cases right today, by number; a case that becomes right is added, none is ever taken away.
RIGHT = (
    "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "15", "16", "17", "18",
    "19", "20", "21", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31", "32", "33", "34", "35", "36",
    "37", "38", "39", "40", "41", "42", "43", "44", "45", "46", "47", "48", "49", "50", "51", "52", "53", "54",
    "55", "56", "57", "58", "59", "60", "61", "62", "63", "64", "65", "66", "67", "68", "69", "70", "71", "72",
    "73", "74", "75", "76", "77", "80", "81", "82", "83", "84", "85", "86", "87", "88", "89", "90", "91", "92",
    "93", "94",
)  # fmt: skip


def checker(shared: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("check", shared / "cases" / "check.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def called(*arguments: str) -> tuple[int, str]:
    """Exit code and all that a command says, as its process would give them."""
    said = io.StringIO()
    before, sys.argv = sys.argv, ["rcm", *arguments]
    code = 0
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            cli.main()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.argv = before
    return code, said.getvalue()


def failures(shared: Path, slug: str, work: Path) -> list[tuple[str, str, str]]:
    """What the checker finds wrong in a case: what, expected, got."""
    check = checker(shared)

    class Run(check.Run):
        con = None

        def call(self, *arguments):
            return called(*arguments)

        def export(self, name):
            if name not in export_export.names():
                return f"there is no table {name}"
            try:
                if self.con is None:
                    day = date.fromisoformat(str(self.expected["as_of"]))
                    self.con, self.on = derive.open_practice(self.work / "store", check.PRACTICE, as_of=day), day
                return check.plain(export_export.frame(self.con, name))
            except RcmError as error:
                return f"table {name} was not exported ({error})"

    run = Run("rcm", shared / "cases" / slug, work)
    run.ingest()
    return check.check_group(run, run.expected)


def slugs() -> list[str]:
    folder = Path(__file__).resolve().parent.parent.parent / "shared" / "cases"
    return sorted(path.parent.name for path in folder.glob("*/expected.toml"))


@pytest.mark.parametrize("slug", [slug for slug in slugs() if slug[:2] in RIGHT])
def test_a_case_that_was_right_stays_right(slug, shared, tmp_path):
    assert failures(shared, slug, tmp_path) == []


if __name__ == "__main__":
    import tempfile

    named = [slug for slug in slugs() if not sys.argv[1:] or slug[:2] in sys.argv[1:]]
    right = 0
    for slug in named:
        with tempfile.TemporaryDirectory() as work:
            try:
                wrong = failures(Path(__file__).resolve().parent.parent.parent / "shared", slug, Path(work))
            except Exception as problem:
                wrong = [("the case could not be run", "", repr(problem)[:300])]
        right += not wrong
        print(f"{'ok ' if not wrong else 'BAD'} {slug}", flush=True)
        for what, wanted, got in wrong:
            print(f"      {what}: expected {wanted}, got {got}")
    print(f"{right} of {len(named)} cases right")
