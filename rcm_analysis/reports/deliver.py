"""A finished report brought to its readers: copied into a folder, announced by e-mail.

The mail names the period, the key figures and where the report lies; it holds no claim, no attachment and no table.
"""

from __future__ import annotations

import shutil
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from rcm_analysis import settings
from rcm_analysis.errors import RcmError
from rcm_analysis.store import copies, folders
from rcm_analysis.words import called, month_name

TIMEOUT_S = 60
SECURITIES = ("starttls", "tls", "none")  # none for a server on this machine


@dataclass(frozen=True)
class Mail:
    """Where to send the announcement. The password stands in the environment, never in a file of the project."""

    to: tuple[str, ...]
    sender: str
    server: str = "localhost:25"
    security: str = "starttls"  # one of SECURITIES
    user: str = ""
    password_variable: str = settings.SMTP_PASSWORD.name
    link: str = ""  # address under which readers find the folder of reports


def to_folder(report: Path, folder: Path) -> Path:
    """Copies the report to FOLDER/PRACTICE/PERIOD, whole or not at all, replacing an older one."""
    target = folder / report.parent.name / report.name
    folders.recover(target)
    work = folders.building(target)
    shutil.copytree(report, work)
    folders.publish(work, target)
    copies.note(report.parent, target)
    return target


def message(
    mail: Mail, *, practice: str, period: str, numbers: list[tuple[str, str, str]], key: str, report: Path
) -> EmailMessage:
    """The announcement, to every address that is one. `key` names the run, so that a mail sent twice has one identity.

    Raises RcmError where no address is understood, or not the sender's.
    """
    to = [address for address in mail.to if addresses(address)]
    if not to or len(addresses(mail.sender)) != 1:
        raise RcmError(f"delivery.mail.{'from' if to else 'to'} is no address, so that nobody was written to")
    made = EmailMessage()
    made["Subject"] = f"Denial report {called(practice)}, {month_name(period)}"
    made["From"], made["To"] = mail.sender, ", ".join(to)
    made["Message-ID"] = f"<{key}@{addresses(mail.sender)[0].rsplit('@', 1)[-1]}>"
    place = f"{mail.link.rstrip('/')}/{practice}/{report.name}/index.html" if mail.link else str(report / "index.html")
    lines = [f"{label}: {value} ({note})" for label, value, note in numbers]
    made.set_content("\n".join([f"The denial report of {month_name(period)} is ready.", "", *lines, "", place, ""]))
    return made


def addresses(text: str) -> list[str]:
    """The bare addresses in a text, as it can stand in a mail's head; none where any part of it is no address.

    >>> addresses("Ann <ann@example.org>, bo@example.org"), addresses("ann@example.org\\nBcc: eve@example.org")
    (['ann@example.org', 'bo@example.org'], [])
    """
    head = EmailMessage()
    try:
        head["To"] = text
        known = head["To"].addresses
    except Exception:  # the library fails in many ways on what is no address
        return []
    whole = not head["To"].defects and all(one.username and one.domain for one in known)
    return [one.addr_spec for one in known] if whole else []


def _connected(host: str, port: int, *, secure: bool) -> smtplib.SMTP:
    if secure:
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())
    return smtplib.SMTP(host, port, timeout=TIMEOUT_S)


def send(mail: Mail, made: EmailMessage) -> str:
    """Sends it; says which addresses it did not reach, nothing where it reached all. One that the server refuses stops no
    other.

    Raises RcmError where it reached none, without the server's words, which may quote addresses.
    """
    host, _, port = mail.server.partition(":")
    password = settings.secret(mail.password_variable)
    if mail.user and not password:
        raise RcmError(f"no password for the mail server: set the variable {mail.password_variable}")
    if mail.user and mail.security == "none":
        raise RcmError("the mail server's password would travel in clear; set security to starttls or tls")
    try:
        with _connected(host, int(port or 25), secure=mail.security == "tls") as server:
            if mail.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if mail.user:
                server.login(mail.user, password)
            refused = server.send_message(made)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise RcmError(f"the mail could not be sent through {mail.server}: {type(error).__name__}") from None
    missed = [str(i) for i, to in enumerate(mail.to, 1) if not addresses(to) or set(addresses(to)) & set(refused)]
    return f"mailed, but not to address {', '.join(missed)} of the {len(mail.to)} in delivery.mail.to" if missed else ""
