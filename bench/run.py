"""Runs the benchmarks beside this file, one after another, and records their measures in a CSV file of their name.

make bench                       with the peers of bench/requirements.txt, in an environment of their own
python bench/run.py --quick      small sizes: that everything works, in some minutes
python bench/run.py --readers    only one of them

A figure is worth what it is compared with: speeds are those of one machine on one day, ratios are taken in one run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
# name -> arguments, and those of a quick run
BENCHMARKS = {
    "readers": ("", "--megabytes 20"),
    "intake": ("", "--megabytes 20"),
    "ledgers": ("", "--rows 100000"),
    "by_hand": ("--lines 10 --memory 8GB", "--lines 0.2"),
    "scale": ("--claims 1 --memory 8GB", "--claims 0.02"),
    "trends": ("--speed", "--speed 500000"),
    "clusters": ("", "--rows 50000"),
    "risk": ("", "--rows 10000"),
    "scrub": ("", "--claims 5000"),
    "reports": ("", "--claims 3000"),
    "waits": ("", "--quick"),
}
RECORDED = ("readers", "intake", "ledgers", "by_hand", "scale", "waits")  # the others print
PEERS = {"readers": "oxedi"}


def peer_python(folder: Path, package: str) -> Path:
    """The interpreter of a fresh environment with the pinned package."""
    pinned = next(line for line in (HERE / "requirements.txt").read_text().split() if line.startswith(package))
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    subprocess.run([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", pinned], check=True)
    return python


def command(name: str, folder: Path, *, quick: bool, peers: bool) -> list[str]:
    """How the benchmark is called; a recorded one starts its record anew."""
    out = [sys.executable, str(HERE / f"{name}.py"), *BENCHMARKS[name][quick].split()]
    if name in RECORDED:
        record = folder / f"{name}.csv" if quick else HERE / f"{name}.csv"
        record.unlink(missing_ok=True)
        out += ["--record", str(record)]
    if peers and name in PEERS:
        out += ["--peer-python", str(peer_python(folder / name, PEERS[name]))]
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", action="store_true", help="also install and run the peers")
    parser.add_argument("--quick", action="store_true", help="small sizes, and no record")
    for name in BENCHMARKS:
        parser.add_argument(f"--{name.replace('_', '-')}", action="store_true", help=f"run {name} and those named")
    arguments = vars(parser.parse_args())
    chosen = [name for name in BENCHMARKS if arguments[name]] or list(BENCHMARKS)
    here = {**os.environ, "PYTHONPATH": str(HERE.parent)}  # the package beside this folder, whatever is installed
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            begun = time.perf_counter()
            print(f"--- {name}", flush=True)
            called = command(name, Path(folder), quick=arguments["quick"], peers=arguments["peers"])
            failed += [name] if subprocess.run(called, env=here).returncode else []
            print(f"{name}: {time.perf_counter() - begun:.0f} s", flush=True)
    if failed:
        print("failed:", ", ".join(failed))
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
