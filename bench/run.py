"""Ratios measured in one run: reading 835 against reading the bytes, against twice the rows, and against peers.

make bench                       ours alone, on a synthetic file of 50 MB
python bench/run.py --peers      with the peers of bench/requirements.txt, in an environment of their own
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rcm_analysis import envelopes, intake, x12

HERE = Path(__file__).resolve().parent
PEERS = {
    "oxedi": "import oxedi; r = oxedi.parse_file({path!r}); [r.tables[name] for name in r.tables]",
    "pyx12 (segments)": "import pyx12.x12file\nwith open({path!r}) as f:\n    n = sum(1 for _ in pyx12.x12file.X12Reader(f))",
}


def claim(i: int) -> str:
    """A claim payment with three lines, six adjustments, remarks and dates."""
    lines = "".join(
        f"SVC*HC:9921{k}:25*{100 + k}*{60 + k}**1~DTM*472*202601{k + 10}~CAS*CO*45*{20}**97*{10}~CAS*PR*2*10~REF*6R*L{i}{k}~"
        f"AMT*B6*{70 + k}~LQ*HE*N{130 + k}~"
        for k in range(3)
    )
    return (f"CLP*C{i:08d}*1*303*183*30*12*X{i:09d}*11*1~NM1*QC*1*SAMPLE*PAT****MI*M{i:08d}~NM1*82*1*DOC*D****XX*1234567893~"
            f"MOA***MA01~DTM*232*20260110~DTM*050*20260112~{lines}")  # fmt: skip


def write(path: Path, megabytes: float) -> int:
    """A synthetic 835 of about this size, forty claims a transaction; gives its bytes."""
    head = ("ISA*00*          *00*          *ZZ*PAYER          *ZZ*CLINIC         *260131*0630*^*00501*000000001*0*P*:~"
            "GS*HP*PAYER*CLINIC*20260131*0630*1*X*005010X221A1~")  # fmt: skip
    size, number = 0, 0
    with open(path, "w") as file:
        size += file.write(head)
        while size < megabytes * 1e6:
            claims = "".join(claim(number * 40 + i) for i in range(40))
            body = (f"ST*835*{number:06d}~BPR*I*7320*C*ACH*CCP*01*07*DA*1*1**01*06*DA*7*20260131~TRN*1*T{number}*1999999999~"
                    f"N1*PR*ACME HEALTH*XV*77001~N1*PE*CLINIC*XX*1522003506~LX*1~{claims}")  # fmt: skip
            size += file.write(f"{body}SE*{body.count('~') + 1}*{number:06d}~")
            number += 1
        file.write(f"GE*{number}*1~IEA*1*000000001~")
    return path.stat().st_size


def ours(path: Path, threads: int) -> int:
    """Every table of the file; gives the number of claim payments."""
    data = x12.plain(path.read_bytes())
    parts = envelopes.gather(envelopes.parts(0, data, x12.interchanges(data)))
    with ThreadPoolExecutor(threads) as pool:
        return sum(
            r.tables["remittances"].num_rows
            for r in pool.map(lambda held: intake.read_piece(held, ["0" * 64], b"key"), parts)
        )


def seconds(call, repeat: int = 3) -> float:
    best = float("inf")
    for _ in range(repeat):
        begun = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begun)
    return best


def peer_seconds(python: Path, code: str, path: Path) -> float | str:
    """Seconds that a peer needs inside a process of its own, imports left out; its last line if it failed."""
    module = code.split("\n")[0].split(";")[0]
    script = (
        f"{module}\nimport time\nt = time.perf_counter()\n{code.format(path=str(path))}\nprint(time.perf_counter() - t)"
    )
    run = subprocess.run([str(python), "-c", script], capture_output=True, text=True, timeout=900)
    return (
        float(run.stdout.split()[-1])
        if run.returncode == 0
        else (run.stderr.strip().split("\n") or ["failed"])[-1][:90]
    )


def peers(folder: Path, path: Path, mine: float) -> None:
    venv.create(folder / "peers", with_pip=True)
    python = folder / "peers/bin/python"
    for package in (HERE / "requirements.txt").read_text().split():
        subprocess.run([str(python), "-m", "pip", "install", "-q", package], check=False)
    for name, code in PEERS.items():
        took = peer_seconds(python, code, path)
        size = path.stat().st_size / 1e6
        print(
            f"{name:<22}",
            f"{size / took:8.1f} MB/s   ours on one thread is {took / mine:.1f} times as fast"
            if isinstance(took, float)
            else took,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=50)
    parser.add_argument("--peers", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "n.835"), Path(folder, "2n.835")
        size, _ = write(small, arguments.megabytes), write(large, 2 * arguments.megabytes)
        raw = seconds(lambda: small.read_bytes().count(b"~"))
        one, two, double = (
            seconds(lambda: ours(small, 1)),
            seconds(lambda: ours(small, 2)),
            seconds(lambda: ours(large, 1)),
        )
        print(f"{'bytes and a count':<22} {size / 1e6 / raw:8.1f} MB/s")
        print(
            f"{'ours, one thread':<22} {size / 1e6 / one:8.1f} MB/s   {one / raw:.1f} times the bytes; 2N rows take {double / one:.2f} times N"
        )
        print(f"{'ours, two threads':<22} {size / 1e6 / two:8.1f} MB/s   {one / two:.2f} times one thread")
        if arguments.peers:
            peers(Path(folder), small, one)


if __name__ == "__main__":
    sys.exit(main())
