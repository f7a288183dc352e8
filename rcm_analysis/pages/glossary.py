"""The glossary page: every noun of `nouns` with its definition, and the field's words that pages use."""

from __future__ import annotations

import html
import re
from collections import Counter
from dataclasses import dataclass

from rcm_analysis.pages import nouns
from rcm_analysis.words import anchor

FIELD = {
    "Rejection": "A claim returned before adjudication, by a clearinghouse or the payer (277CA). It never got into the payer's system, so it is not a denial.",
    "Initial denial": "A service line denied on the payer's first remit.",
    "Final denial": "A denial that was written off, or that is past a confirmed deadline.",
    "Usual payment": "What this payer allowed for the same services on paid claims. Where a payer has too few, payers of its kind.",
    "Expected cash": "Usual payment times the share of such claims that were paid after being worked.",
    "Billed amount": "What the practice charges, before any adjustment. It overstates what is at stake.",
    "Contractual adjustment": "The part of a charge above the contract rate (CO-45). It is not a write-off.",
    "Write-off": "An amount the practice stops collecting, contractual and required adjustments left out.",
    "Avoidable write-off": "A write-off that a fix in the office would have prevented.",
    "Necessary write-off": "A write-off that could not or should not be avoided, such as charity or a small balance.",
    "Overturn": "A denial that was later paid something.",
    "Corrected claim": "A replacement of an adjudicated claim (frequency code 7). A rejected claim is resent as new.",
    "Appeal": "A request to review a denial, with reasons or records.",
    "Remit": "The payer's electronic explanation of payment (ERA, 835).",
    "CARC": "Claim adjustment reason code: why the payer paid less than billed, such as CARC 16.",
    "RARC": "Remittance advice remark code: what the payer needs, such as RARC N382.",
    "Timely filing": "The payer's deadline for the first claim. Appeals have deadlines of their own.",
    "Prior authorization": "The payer's approval before the service. A retro authorization is given after it.",
    "COB": "Coordination of benefits: which insurer pays first.",
    "PCS": "Physician certification statement: why an ambulance was medically needed.",
    "Recoupment": "A payment that the payer takes back. A refund is sent by the practice.",
    "Patient responsibility": "What the remit leaves to the patient: deductible, coinsurance, copay.",
    "Change": "A denial rate that moved more than chance explains. It runs until the rate is back at the level before.",
    "Extra denials": "Denials beyond what the rate before the change would have given.",
    "Group": "Denials that share payer, reason, place or service.",
    "Check": "A rule applied to a claim before it is submitted. A claim that fails it is held for a person to look at.",
    "95% range": "Where the true rate lies in 19 of 20 cases. Small counts have wide ranges.",
    "Adjudicated": "Answered by the payer with a remit that pays or denies.",
}  # fmt: skip


@dataclass(frozen=True)
class Term:
    """A word and what it means; `window` says over which time a number is counted."""

    name: str
    text: str
    window: str = ""

    @property
    def anchor(self) -> str:
        """Its place on the page."""
        return anchor(self.name)


def terms() -> list[Term]:
    """Every term in the order of the alphabet, each once.

    >>> [term.name for term in terms()][:2]
    ['95% range', 'Adjudicated']
    """
    told = {noun.label: Term(noun.label, noun.definition, nouns.WINDOWS[noun.window]) for noun in nouns.NOUNS.values()}
    meant = {name: Term(name, text) for name, text in FIELD.items() if name not in told}
    return sorted({**told, **meant}.values(), key=lambda term: term.name.lower())


def known(label: str) -> bool:
    """Whether the glossary has the term."""
    return label in _LABELS


def linked(markup: str) -> str:
    """A page's HTML with each term linked where text first names it; headings, findings, tables and drawings stay.

    >>> linked("<p>By expected cash, not CARC. Expected cash again.</p>")
    '<p>By <a class="term" href="glossary.html#expected-cash">expected cash</a>, not <a class="term" href="glossary.html#carc">CARC</a>. Expected cash again.</p>'
    """
    inside: Counter[str] = Counter()
    seen = set(re.findall(r'class="term" href="glossary\.html#([^"]+)"', markup))
    said, out = False, []
    for piece in _PIECES.findall(markup):
        if piece.startswith("<"):
            name = re.match(r"</?(\w*)", piece)[1]  # type: ignore[index]
            if name == "p":
                said = not piece.startswith("</") and not _FINDING.search(piece)
            elif name in _AROUND or name in _WITHIN:
                inside[name] += -1 if piece.startswith("</") else 1
        elif (said or any(inside[name] > 0 for name in _WITHIN)) and not any(inside[name] > 0 for name in _AROUND):
            piece = _TERMS.sub(lambda found: _link(found[0], seen), piece)
        out.append(piece)
    return "".join(out)


def _link(text: str, seen: set[str]) -> str:
    place = anchor(_ANCHORS[html.unescape(text).lower()])
    if place in seen:
        return text
    seen.add(place)
    return f'<a class="term" href="glossary.html#{place}">{text}</a>'


_LABELS = {noun.label for noun in nouns.NOUNS.values()} | set(FIELD)
_COMMON = {"Change", "Group", "Check", "Appeal", "Remit"}  # words that text uses in other senses, too
_ANCHORS = {label.lower(): label for label in sorted(_LABELS - _COMMON)}
_PIECES = re.compile(r"<(?:script|style|svg)\b.*?</(?:script|style|svg)>|<[^>]*>|[^<]+", re.S)
_AROUND = ("a", "table", "h1", "h2", "h3", "h4", "button", "nav", "summary", "code", "cite", "aside")
_WITHIN = ("dt", "dd", "figcaption", "li")
_FINDING = re.compile(r'class="[^"]*\b(?:finding|lead|answer|meta|since)\b')
_TERMS = re.compile(
    r"(?<![\w-])(?:"
    + "|".join(re.escape(html.escape(label)) for label in sorted(_ANCHORS.values(), key=len, reverse=True))
    + r")(?![\w-])",
    re.I,
)
