"""A finished report brought to its readers: copied into a folder, announced by e-mail.

The mail names the period, the key figures and where the report lies; it holds no claim, no attachment and no table.
"""

from __future__ import annotations

import os
import shutil
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from rcm_analysis.errors import RcmError
from rcm_analysis.words import called, month_name

TIMEOUT_S = 60


@dataclass(frozen=True)
class Mail:
    """Where to send the announcement. The password stands in the environment, never in a file of the project."""

    to: tuple[str, ...]
    sender: str
    server: str = "localhost:25"
    security: str = "starttls"  # starttls, tls, or none for a server on this machine
    user: str = ""
    password_variable: str = "RCM_SMTP_PASSWORD"
    link: str = ""  # address under which readers find the folder of reports


def to_folder(report: Path, folder: Path) -> Path:
    """Copies the report to FOLDER/PRACTICE/PERIOD, whole or not at all, replacing an older one."""
    target = folder / report.parent.name / report.name
    work, aside = (target.with_name(f".{report.name}.{word}") for word in ("arriving", "old"))
    for left in (work, aside):
        shutil.rmtree(left, ignore_errors=True)
    shutil.copytree(report, work)
    if target.exists():
        target.rename(aside)
    work.rename(target)
    shutil.rmtree(aside, ignore_errors=True)
    return target


def message(
    mail: Mail, *, practice: str, period: str, numbers: list[tuple[str, str, str]], key: str, report: Path
) -> EmailMessage:
    """The announcement. `key` names the run, so that a mail sent twice has one identity."""
    made = EmailMessage()
    made["Subject"] = f"Denial report {called(practice)}, {month_name(period)}"
    made["From"], made["To"] = mail.sender, ", ".join(mail.to)
    made["Message-ID"] = f"<{key}@{mail.sender.rsplit('@', 1)[-1]}>"
    place = f"{mail.link.rstrip('/')}/{practice}/{report.name}/index.html" if mail.link else str(report / "index.html")
    lines = [f"{label}: {value} ({note})" for label, value, note in numbers]
    made.set_content("\n".join([f"The denial report of {month_name(period)} is ready.", "", *lines, "", place, ""]))
    return made


def send(mail: Mail, made: EmailMessage) -> None:
    """Sends it. Raises RcmError without the server's words, which may quote addresses."""
    host, _, port = mail.server.partition(":")
    password = os.environ.get(mail.password_variable, "")
    if mail.user and not password:
        raise RcmError(f"no password for the mail server: set the variable {mail.password_variable}")
    if mail.user and mail.security == "none":
        raise RcmError("the mail server's password would travel in clear; set security to starttls or tls")
    try:
        kind = smtplib.SMTP_SSL if mail.security == "tls" else smtplib.SMTP
        options = {"context": ssl.create_default_context()} if mail.security == "tls" else {}
        with kind(host, int(port or 25), timeout=TIMEOUT_S, **options) as server:
            if mail.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if mail.user:
                server.login(mail.user, password)
            server.send_message(made)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise RcmError(f"the mail could not be sent through {mail.server}: {type(error).__name__}") from None
