"""Every environment variable that the package reads, sets or hands on; nothing else touches the environment.

    settings.MEMORY_LIMIT.value       "" or "8GB"
    settings.CELL_TIMEOUT_S.number    600

docs/settings.md lists them. What one process hands to another goes by a variable too, since a notebook's kernel has no
other arguments than the parameters that a reader sees; these are of no use outside.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rcm_analysis.errors import RcmError


@dataclass(frozen=True)
class Setting:
    """A variable: its name, what counts where it is not set, and what it means."""

    name: str
    default: str
    meaning: str

    @property
    def value(self) -> str:
        """What it is set to now."""
        return os.environ.get(self.name) or self.default

    @property
    def is_set(self) -> bool:
        return bool(os.environ.get(self.name))

    @property
    def key(self) -> str:
        """Its name in `rcm.toml`.

        >>> MEMORY_LIMIT.key
        'memory_limit'
        """
        return KEYS.get(self.name, self.name.removeprefix("RCM_").lower())

    @property
    def number(self) -> int:
        """The same as a whole number. Raises RcmError where it is none."""
        try:
            return int(self.value)
        except ValueError:
            raise RcmError(f"{self.name} is a whole number, not {self.value}") from None


FILE = "rcm.toml"
KEYS = {"LOKY_MAX_CPU_COUNT": "cores", "OMP_NUM_THREADS": "threads"}
ENGINE = Setting(
    "RCM_ENGINE", "", "where tables are computed: duckdb, spark or a Spark address; before `engine.toml` of the store"
)
MEMORY_LIMIT = Setting(
    "RCM_MEMORY_LIMIT",
    "",
    "memory that the engine may fill, 8GB or 40%; what does not fit lies on disk. Unset: 80% of the machine's",
)
SPARK_MEMORY = Setting("RCM_SPARK_MEMORY", "4g", "memory of a Spark that runs on this machine")
CELL_TIMEOUT_S = Setting(
    "RCM_CELL_TIMEOUT_S",
    "600",
    "seconds that one cell of a notebook may take; practices of millions of claims take longer",
)
PLAIN_KERNELS = Setting(
    "RCM_PLAIN_KERNELS", "", "set to anything: notebooks run in kernels that are started, not forked"
)
SMTP_PASSWORD = Setting(
    "RCM_SMTP_PASSWORD", "", "the mail server's password, unless a report definition names another variable for it"
)
BACKUP_PASSPHRASE = Setting(
    "RCM_BACKUP_PASSPHRASE", "", "opens the key in a backup; asked for on a terminal where it is not set"
)
CORES = Setting(
    "LOKY_MAX_CPU_COUNT",
    "",
    "cores that searches for checks and validations of models may take; all where it is not set",
)
THREADS = Setting(
    "OMP_NUM_THREADS", "", "threads that one fit of boosted trees may take; all cores where it is not set"
)
CACHE_LIMIT_MB = Setting(
    "RCM_CACHE_LIMIT_MB",
    "2048",
    "megabytes that a practice's derived tables, models and pictures may take on disk; oldest use goes first",
)
OF_USERS = (
    ENGINE,
    MEMORY_LIMIT,
    SPARK_MEMORY,
    CELL_TIMEOUT_S,
    PLAIN_KERNELS,
    SMTP_PASSWORD,
    BACKUP_PASSPHRASE,
    CORES,
    THREADS,
    CACHE_LIMIT_MB,
)

SECRETS = (SMTP_PASSWORD, BACKUP_PASSPHRASE)  # never in a file

KEPT_TABLES = Setting(
    "RCM_KEPT_TABLES", "", "folder with a day's derived tables, where the store itself can't be written"
)
BATCHES = Setting(
    "RCM_BATCHES", "", "the practice's loads of which a report is made, whatever is ingested while its pages run"
)
PORTFOLIO = Setting(
    "RCM_PORTFOLIO", "", "folder of the practices' numbers that the page of their comparison is made of"
)
DEIDENTIFIED = Setting(
    "RCM_DEIDENTIFIED", "", "set while a report asks for the de-identified variant: what a notebook shows is stripped"
)
EARLIER_VARIANT = Setting(
    "RCM_EARLIER_VARIANT",
    "",
    "folder with the tables of the de-identified variant before this one, which gives nothing of this one away",
)
WORKLISTS = Setting(
    "RCM_WORKLISTS", "", "folder with the notes that the team typed into earlier worklists of the practice"
)
LIVE = Setting("JPY_SESSION_NAME", "", "set by Jupyter where somebody looks at the notebook itself")
JUPYTER_CONFIG = Setting("JUPYTER_CONFIG_PATH", "", "folders of Jupyter's settings; `rcm lab` puts its own before them")
PYSPARK_PYTHON = Setting("PYSPARK_PYTHON", "", "the Python of Spark's workers; the one that runs where it is not set")
BACKEND = Setting("MPLBACKEND", "", "how matplotlib draws; that of notebooks while the server of kernels imports it")
OF_PROCESSES = (
    KEPT_TABLES,
    BATCHES,
    PORTFOLIO,
    DEIDENTIFIED,
    EARLIER_VARIANT,
    WORKLISTS,
    LIVE,
    JUPYTER_CONFIG,
    PYSPARK_PYTHON,
    BACKEND,
)


def take_file(path: Path) -> None:
    """Sets what `rcm.toml` says and the environment does not, for this process and those that it starts.

    Raises RcmError for a file that is not understood, an unknown key, or a secret.
    """
    try:
        told = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RcmError(f"{path} is not understood: {error}") from None
    known = {one.key: one for one in OF_USERS}
    for key, value in told.items():
        if key not in known:
            raise RcmError(
                f"{path} has an unknown key {key}; there are {', '.join(one.key for one in OF_USERS if one not in SECRETS)}"
            )
        if known[key] in SECRETS:
            raise RcmError(f"{path}: {key} is a secret; set the variable {known[key].name} instead")
        if isinstance(value, bool | dict | list):
            raise RcmError(f"{path}: {key} is a text or a number")
        if not known[key].is_set:
            hand_on(known[key], str(value))


def toml() -> str:
    """A settings file with every variable, each as a comment that says what counts without it."""
    lines = [
        "# Settings of rcm, read from the folder in which it is called. Variables of the environment count before these."
    ]
    for one in OF_USERS:
        if one not in SECRETS:
            value = one.default if one.default.isdigit() else f'"{one.default}"'
            lines += ["", f"# {one.meaning} ({one.name})", f"# {one.key} = {value}"]
    return "\n".join(lines) + "\n"


def secret(name: str) -> str:
    """A variable whose name a user chose, such as that of a password; empty where it is not set."""
    return os.environ.get(name, "")


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """All variables for a process that is started, with others besides."""
    return {**os.environ, **(more or {})}


def hand_on(setting: Setting, value: str) -> None:
    """Sets a variable for this process and those that it starts."""
    os.environ[setting.name] = value


def become(variables: Mapping[str, str]) -> None:
    """Gives a process that was forked the variables that it was meant to have, and no other."""
    os.environ.clear()
    os.environ.update(variables)


@contextmanager
def meanwhile(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets variables for what is started meanwhile, and puts back what was."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def markdown() -> str:
    """The tables of docs/settings.md."""
    heads = {"## For you to set": OF_USERS, "## What processes tell each other": OF_PROCESSES}
    parts = [
        "\n".join([head, "", "| variable | default | meaning |", "|---|---|---|", *map(_row, settings), ""])
        for head, settings in heads.items()
    ]
    return "\n".join(parts)


def _row(setting: Setting) -> str:
    return f"| `{setting.name}` | {setting.default or '–'} | {setting.meaning} |"
