"""The entry of a site's own clock that calls `rcm schedule`: every quarter of an hour, since it runs only what is due."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from rcm_analysis.errors import RcmError

CRON = "*/15 * * * * cd {folder} && {program} schedule{arguments} >> reports/schedule.log 2>&1\n"

SYSTEMD = """\
# /etc/systemd/system/rcm-schedule.service
[Unit]
Description=Denial reports that are due

[Service]
Type=oneshot
WorkingDirectory={folder}
ExecStart={program} schedule{arguments}
UMask=0077
PrivateTmp=true
Nice=10

# /etc/systemd/system/rcm-schedule.timer
[Unit]
Description=Calls rcm schedule

[Timer]
OnCalendar=*:0/15
Persistent=true

[Install]
WantedBy=timers.target
"""

TASK_SCHEDULER = """\
schtasks /Create /TN "rcm schedule" /SC MINUTE /MO 15 /TR "cmd /c cd /d \\"{folder}\\" && \\"{program}\\" schedule{arguments}"
"""

GITHUB = """\
# .github/workflows/reports.yml; for synthetic or public data only: logs and artifacts leave your network
on:
  schedule:
    - cron: "*/15 * * * *"
jobs:
  reports:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: make env
      - run: .venv/bin/rcm schedule{arguments}
"""

AIRFLOW = """\
# dags/rcm_reports.py
from datetime import datetime

from airflow import DAG
from airflow.operators.bash import BashOperator

with DAG("rcm_reports", schedule="*/15 * * * *", start_date=datetime(2026, 1, 1), catchup=False, max_active_runs=1):
    BashOperator(task_id="schedule", bash_command="cd {folder} && {program} schedule{arguments}")
"""

CLOCKS = {"cron": CRON, "systemd": SYSTEMD, "taskscheduler": TASK_SCHEDULER, "github": GITHUB, "airflow": AIRFLOW}


def entry(name: str, *, folder: Path, program: Path, arguments: Sequence[str] = ()) -> str:
    """The entry of one clock, which calls the schedule with these arguments. Raises RcmError when the clock is not known.

    >>> entry("cron", folder=Path("/srv"), program=Path("rcm"), arguments=["--store", "/data/my store"])
    "*/15 * * * * cd /srv && rcm schedule --store '/data/my store' >> reports/schedule.log 2>&1\\n"
    """
    if name not in CLOCKS:
        raise RcmError(f"no scheduler is called {name}; there are {', '.join(CLOCKS)}")
    quoted = {"folder": str(folder), "program": str(program)}
    more = [shlex.quote(one) for one in arguments]
    if name in ("cron", "airflow"):  # a shell reads these
        quoted = {key: shlex.quote(value) for key, value in quoted.items()}
    if name == "taskscheduler":
        more = [f'\\"{one}\\"' if " " in one else one for one in arguments]
    if name == "systemd":  # it takes a percent sign for a word of its own
        more = [one.replace("%", "%%") for one in more]
    quoted["arguments"] = "".join(f" {one}" for one in more)
    if name == "cron":  # cron takes a percent sign for the end of the line
        quoted = {key: value.replace("%", r"\%") for key, value in quoted.items()}
    if name == "airflow":  # they stand in a text of Python
        quoted["arguments"] = quoted["arguments"].replace("\\", r"\\").replace('"', r"\"")
    return CLOCKS[name].format(**quoted)
