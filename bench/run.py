"""Runs the benchmarks beside this file, one after another, and records their measures in a CSV file of their name.

make bench                       with the peers of bench/requirements.txt, in an environment of their own
python bench/run.py              ours alone
python bench/run.py --readers    only one of them

A figure is worth what it is compared with: speeds are those of one machine on one day, ratios are taken in one run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
BENCHMARKS = ("readers", "intake", "scale", "trends", "clusters", "risk", "scrub", "reports")
ARGUMENTS = {"trends": ["--speed"]}
RECORDED = ("readers", "intake", "scale")  # the others print
PEERS = {"readers": "oxedi"}


def peer_python(folder: Path, package: str) -> Path:
    """The interpreter of a fresh environment with the pinned package."""
    pinned = next(line for line in (HERE / "requirements.txt").read_text().split() if line.startswith(package))
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    subprocess.run([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", pinned], check=True)
    return python


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peers", action="store_true", help="also install and run the peers")
    for name in BENCHMARKS:
        parser.add_argument(f"--{name}", action="store_true", help=f"run {name} and those named, not all")
    arguments = vars(parser.parse_args())
    chosen = [name for name in BENCHMARKS if arguments[name]] or BENCHMARKS
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            command = [sys.executable, str(HERE / f"{name}.py"), *ARGUMENTS.get(name, [])]
            if name in RECORDED:
                command += ["--record", str(HERE / f"{name}.csv")]
            if arguments["peers"] and name in PEERS:
                command += ["--peer-python", str(peer_python(Path(folder, name), PEERS[name]))]
            failed |= subprocess.run(command).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())
