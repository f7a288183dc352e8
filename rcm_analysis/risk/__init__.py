"""Open denials, the most worthwhile first. Learns with `models`, renders nothing."""

from typing import Any

from rcm_analysis import moved

__all__ = ["OutcomeModel"]
_missing = moved("risk", "worklist")


def __getattr__(name: str) -> Any:
    if name != "OutcomeModel":
        return _missing(name)
    from rcm_analysis.models.outcome import OutcomeModel

    return OutcomeModel
