"""Words that nothing a user reads may say; what to write instead stands beside them."""

from __future__ import annotations

import re

BANNED = {
    r"denied at first|first denials?": "initially denied, initial denials",
    r"\bdecided\b|\bdecisions?\b(?! desk)": "adjudicated; remit",
    r"refus(?:ed|als?|es)\b": "denied, denial",
    r"sent again|not sent again": "resubmitted; a rejected claim: resent",
    r"\bsettled\b": "closed",
    r"moved to the patient": "patient responsibility",
    r"g[ai]ve[ns]? up": "wrote off, write-offs",
    r"beyond contracts? and law": "contractual and required adjustments left out",
    r"contract cut|agreed price|contractual allowance": "contractual adjustment",
    r"\bunnecessary\b": "avoidable",
    r"\broot\b": "avoidable, necessary",
    r"\b(?:leaf|leaves)\b(?!\.csv)": "write-off reason",
    r"words not understood": "posting codes to map",
    r"\bin charges\b": "usual payment, expected cash, billed",
    r"dollars at risk": "expected loss",
    r"cost so far": "cost since it began",
    r"usual handling": "if nothing changes",
    r"hour (?:is )?best": "highest expected cash first",
    r"\btouch(?:es)?\b": "follow-up",
    r"\bchances?\b (?:told|of a|come|and their)|by chance alone": "likelihood",
    r"\ba coin\b": "chance",
    r"\bnaive\b": "last month repeated",
    r"stands? out from chance|clearly more": "larger than chance, beyond chance",
    r"\bsignals?\b": "change",
    r"still going on|not back to the level": "still running",
    r"\bexcess\b": "extra denials",
    r"the same again|denials after the first": "repeat denials",
    r"\bclusters?\b": "group",
    r"\blift\b": "times the usual",
    r"\bstability\b": "how firm",
    r"\brules? (?:offered|hold|of|known|and)\b": "check",
    r"\bholds? (?:a day|a weekday|met|would)\b|\bholds met\b|charges met\b": "held claims; caught",
    r"false alarms?": "clean claims held",
    r"\bretired\b": "turned off",
    r"loopholes?": "gap",
    r"\bclocks?\b": "deadline",
    r"within the window": "before the deadline",
    r"read with care": "before you rely on this",
    r"this extract|an extract": "data, files you loaded",
    r"as known on": "data through",
    r"files were read\b": "loaded",
    r"takebacks?": "recoupment",
    r"unprocessable(?! \(MA130\))": "returned as unprocessable (MA130)",
    r"mostly with": "where it sits",
    r"farthest above": "the highest is",
    r"\bthereof\b|of it, ": "of that",
    r"is expected to end": "will likely finish near",
    r"\bn = \d": "with its noun",
    r"rows; all in": "shown. Download all (CSV)",
    r"\bcohorts?\b|\bsegments?\b|\bnumerator\b|\bdenominator\b|\bprovenance\b|\bmanifest\b|\bparameters?\b|\blattice\b|\bepisodes?\b": "plain words",
    r"\bbatch(?:es)?\b": "load",
    r"95% interval|\bmedian\b": "range; middle value",
    r"\bagainst (?:\d|the \d|everybody)": "compared with",
    r"\btwelve months\b": "12 months",
    r"\bgrey\b": "gray",
    r"\bplease\b|\bsimply\b|\beasily\b": "leave out",
}  # fmt: skip
WORDS = {re.compile(pattern, re.IGNORECASE): instead for pattern, instead in BANNED.items()}


def found(text: str) -> list[tuple[str, str]]:
    """Each banned word of a text, with what stands around it."""
    return [(hit[0], text[max(0, hit.start() - 40) : hit.end() + 30]) for word in WORDS for hit in word.finditer(text)]
