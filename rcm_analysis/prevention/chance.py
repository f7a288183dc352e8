"""How likely a claim is to be refused, and what that would cost, from what is known before it is sent.

    submission_id  claim_number  p_denial  lower  upper  lift  p_loss  charge_usd  expected_loss_usd  cash_usd  mend_share
    17             A1            .46       .41    .52    3.3   .16     1840.00     241.40             790.00    .82
    18             A2            .06       .05    .07    .4    .02     220.00      3.60               118.00    .71

`p_denial` is the chance that the first answer is a denial of a line or a rejection; `p_loss` that the claim ends
written off because of it: p_denial times the chance of that once refused. `lift` is p_denial over the practice's rate
of refusals. The loss is p_loss times the charge times the share of the charge that such losses took. `cash_usd` and `mend_share` are those of
`worth`: what the payer would allow, and how much of such refusals a look can mend. Money is USD, chances are shares 0-1.

Both come from an `OutcomeModel`: base rate, payer and procedure table, logistic regression and
boosted trees are fitted at earlier days and judged on later claims; the lowest log loss is taken. Where answers are
too few, only rates are given, and `enough` says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rcm_analysis.models import outcome as models_outcome
from rcm_analysis.models import scores as models_scores
from rcm_analysis.models.outcome import FittedModel, OutcomeModel
from rcm_analysis.prevention import features as prevention_features
from rcm_analysis.prevention.search import varies
from rcm_analysis.prevention.worth import NOTHING_KNOWN, Worth
from rcm_analysis.risk import features as risk_features
from rcm_analysis.store.content import Content

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

HORIZON_DAYS = prevention_features.MAX_WAIT_DAYS  # an answer that comes later is no first answer to plan with
ANSWERED_SHARE = 0.99  # models are judged on claims so old that this share of the practice's answers was there
LOSS_HORIZON_DAYS = 270  # from the refusal to the write-off: the longest appeal window and the posting after it
MAX_CLAIMS = 60_000  # the newest; older ones tell of other rules of the payers
CANDIDATES = ("base_rate", "rates", "logistic", "boosting", "blend")
COLUMNS = (
    "submission_id",
    "claim_number",
    "p_denial",
    "lower",
    "upper",
    "lift",
    "p_loss",
    "charge_usd",
    "expected_loss_usd",
    "cash_usd",
    "mend_share",
)
# Of a refused claim, before the refusal's reason is known, little tells how it ends: few columns, so that a model of the
# few refused claims does not learn chance
LOSS_FEATURES = ("payer_name", "procedure_family", "authorization", "any_truncated_diagnosis", "any_duplicate", "origin", "modifiers",
                 "days_since_service", "claim_charge")  # fmt: skip

NO_RECORD = pd.DataFrame(columns=["chance", "observed", "lower", "upper", "cases"])

# Of the claim's costliest line, or of the claim itself, which all of its lines repeat
_FIRST = ("claim_number", "sent_on", "payer_name", "filing_code", "payer_order", "location", "place_of_service", "frequency",
          "authorization", "referral", "rendering_npi", "age", "sex", "new_patient", "other_payer", "patient_denied_for",
          "days_since_service", "claim_charge", "lines", "procedure", "procedure_family", "origin", "destination", "units",
          "days_since_same_procedure", "rendering_provider", "attending_provider", "patient_not_covered", "billing_taxonomy",
          "rendering_taxonomy", "ordered_by", "revenue_code", "days_since_surgery")  # fmt: skip
_ANY = (
    "duplicate",
    "truncated_diagnosis",
    "late_for_payer",
    "provider_denied_for_credentialing",
    "ordering_provider",
    "referring_provider",
    "supervising_provider",
    "drug_number",
    "global_period",
)
_MOST = (
    "units",
    "units_in_day",
    "therapy_visits",
    "therapy_usd",
    "same_procedure_in_year",
    "provider_credentialing_share",
    "procedure_denied_share",
    "location_denied_share",
)
_SETS = ("modifiers", "diagnosis_chapters")
FEATURES = (*_FIRST[2:], *(f"any_{name}" for name in _ANY), *(f"most_{name}" for name in _MOST), "procedures", *_SETS)

KEPT = ("payer_name", "procedure")  # which the table of rates goes by

# What the reasons speak of, each with the columns that tell it
GROUPS = {
    "payer": ["payer_name", "filing_code", "payer_order"],
    "procedure": ["procedure", "procedure_family", "procedures", "revenue_code", "most_procedure_denied_share"],
    "modifiers": ["modifiers"],
    "diagnosis": ["diagnosis_chapters", "any_truncated_diagnosis"],
    "referring, ordering and supervising providers": ["any_referring_provider", "any_ordering_provider", "any_supervising_provider",
                                                      "ordered_by"],
    "taxonomy": ["billing_taxonomy", "rendering_taxonomy"],
    "drug number": ["any_drug_number"],
    "recent surgery": ["any_global_period", "days_since_surgery"],
    "therapy of the year": ["most_therapy_visits", "most_therapy_usd"],
    "units": ["units", "most_units", "most_units_in_day", "most_same_procedure_in_year", "days_since_same_procedure"],
    "place": ["location", "place_of_service", "most_location_denied_share"],
    "provider": ["rendering_npi", "rendering_provider", "attending_provider", "any_provider_denied_for_credentialing", "most_provider_credentialing_share"],
    "authorization": ["authorization", "referral"],
    "patient": ["age", "sex", "new_patient", "other_payer", "patient_denied_for", "patient_not_covered"],
    "repeat": ["any_duplicate", "frequency"],
    "days since the service": ["days_since_service", "any_late_for_payer"],
    "charge": ["claim_charge", "lines"],
    "route": ["origin", "destination"],
}  # fmt: skip


def claim_rows(lines: pd.DataFrame) -> pd.DataFrame:
    """A row per submission from the lines of `before_submission.sent` or `.to_send`, with the columns `FEATURES`.

    Lines with an outcome add `refused` (0 or 1), `answered_on` and `denied_usd`.
    """
    texts = [name for name in lines if isinstance(lines[name].dtype, pd.CategoricalDtype)]
    lines = lines.astype(dict.fromkeys(texts, "str"))
    ordered = lines.sort_values(["submission_id", "charge"], ascending=[True, False], kind="stable", ignore_index=True)
    groups = ordered.groupby("submission_id", sort=True)
    first = ordered.drop_duplicates("submission_id").set_index("submission_id")
    made = {name: first[name] for name in _FIRST}
    made |= {
        f"any_{name}": ordered[name].eq("yes").astype(float).groupby(ordered["submission_id"]).max() for name in _ANY
    }
    made |= {f"most_{name}": groups[name].max() for name in _MOST}
    made["procedures"] = _sets(ordered.assign(procedures=ordered["procedure"].map(lambda code: [code])), "procedures")
    made |= {name: _sets(ordered, name) for name in _SETS}
    if "outcome" in lines:
        made["refused"] = ordered["outcome"].notna().astype(float).groupby(ordered["submission_id"]).max()
        made |= {"answered_on": first["answered_on"], "denied_usd": groups["denied_amount"].sum()}
    return _plain_numbers(pd.DataFrame(made).reset_index())


def _plain_numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """Whole numbers with gaps as floats: their median may lie between two of them."""
    numbers = [name for name in FEATURES if pd.api.types.is_numeric_dtype(rows[name])]
    return rows.assign(**{name: rows[name].to_numpy(float, na_value=np.nan) for name in numbers})


def _sets(ordered: pd.DataFrame, name: str) -> pd.Series:
    """The codes of all lines of a submission together, as tuples: what is learned looks at each different one once."""
    index = ordered["submission_id"].drop_duplicates()
    codes = pd.Series(ordered[name].to_numpy(), ordered["submission_id"]).explode().dropna()
    codes = codes.reset_index().drop_duplicates()
    ids, starts = np.unique(codes["submission_id"], return_index=True)
    parts = np.split(codes[0].to_numpy(object), starts[1:]) if len(ids) else []
    found = dict(zip(ids, map(tuple, parts), strict=True))
    return pd.Series([found.get(i, ()) for i in index], index, dtype=object)


@dataclass(frozen=True)
class Chances:
    """The two models and the share of a charge that such losses took. Calling it on lines gives the table above."""

    denial: FittedModel
    loss: FittedModel | None  # None where no refused claim has come to its end yet
    lost_share: float
    worth: Worth = NOTHING_KNOWN

    def __call__(self, lines: pd.DataFrame) -> pd.DataFrame:
        return self.of_claims(claim_rows(lines))

    def of_claims(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The same for rows of `claim_rows`."""
        told = self.denial.predict(rows).rename(columns={"chance": "p_denial"})
        once_refused = self.loss.predict(rows)["chance"] if self.loss else np.nan
        charge = rows["claim_charge"].astype(float)
        p_loss = told["p_denial"] * once_refused
        return rows[["submission_id", "claim_number"]].assign(
            **told, lift=told["p_denial"] / self.denial.card["base_rate"], p_loss=p_loss, charge_usd=charge,
            expected_loss_usd=p_loss * charge * self.lost_share, **self.worth.of_claims(rows))[list(COLUMNS)]  # fmt: skip

    @property
    def enough(self) -> bool:
        """Whether there is a model of denial, and not only rates."""
        return not self.denial.too_few

    def reasons(self, lines: pd.DataFrame, *, count: int = 3) -> list[tuple[int, str]]:
        """submission_id and what moves its chance of denial most, in words."""
        rows = claim_rows(lines)
        if not self.enough:
            told = [
                f"rate of {row.payer_name} for {row.procedure}: too few answers for a model"
                for row in rows.itertuples()
            ]
        else:
            learned = set(self.denial.model.features)
            groups = {name: [column for column in columns if column in learned] for name, columns in GROUPS.items()}
            groups = {name: columns for name, columns in groups.items() if columns}
            moves = self.denial.reasons(rows, groups=groups, count=count)
            told = [
                "; ".join(f"{name} {'raises' if move > 0 else 'lowers'} it" for name, move in some) for some in moves
            ]
        return list(zip(rows["submission_id"], told, strict=True))


def packed(chances: Chances | None) -> Content:
    """Both models with all that their choice rested on."""
    models = {"denial": chances.denial, "loss": chances.loss} if chances else {}
    parts = {name: model.parts() for name, model in models.items() if model}
    frames = {f"{name}.{frame}": table for name, (tables, _, _) in parts.items() for frame, table in tables.items()}
    if chances:
        frames["worth"] = chances.worth.table
    facts = {name: told for name, (_, told, _) in parts.items()} | (
        {"lost_share": chances.lost_share} if chances else {}
    )
    return Content(frames, facts, {f"{name}.model": data for name, (_, _, data) in parts.items()})


def unpacked(content: Content) -> Chances | None:
    """What `packed` gave."""
    models = {}
    for name in ("denial", "loss"):
        if name in content.facts:
            frames = {frame.removeprefix(f"{name}."): table for frame, table in content.frames.items()
                      if frame.startswith(f"{name}.")}  # fmt: skip
            models[name] = models_outcome.of_parts(frames, content.facts[name], content.files[f"{name}.model"])
    if not models:
        return None
    return Chances(models["denial"], models.get("loss"), content.facts["lost_share"], Worth(content.frames["worth"]))


def learn(
    lines: pd.DataFrame, *, as_of: date, ends: pd.DataFrame | None = None, worth: Worth = NOTHING_KNOWN
) -> Chances | None:
    """The practice's chances from `before_submission.sent` at the same `as_of`; None where nothing was answered yet.

    With `ends` of `ends(con)`, known on the same day, they tell the chance of a loss too, with `worth` what a look saves.
    """
    rows = _newest(lines)
    if not len(rows):
        return None
    told = [name for name in FEATURES if name in KEPT or varies(rows[name])]
    model = OutcomeModel(features=told, horizon_days=_horizon_days(rows), group="claim_number", candidates=CANDIDATES,
                         rate_keys=("payer_name", "procedure"))  # fmt: skip
    denial = model.fit(rows, index_date="sent_on", outcome="refused", outcome_date="answered_on", as_of=as_of)
    if ends is None:
        return Chances(denial, None, 1.0, worth)
    refused = _refused(rows, ends)
    return Chances(denial, _loss(refused, as_of=as_of), _lost_share(refused), worth)


def _horizon_days(rows: pd.DataFrame) -> int:
    """Days after which hardly an answer is still to come: in a short history each month that can judge a model counts."""
    took = (rows["answered_on"] - rows["sent_on"]).dt.days
    return int(min(np.ceil(took.quantile(ANSWERED_SHARE)) + 1, HORIZON_DAYS))


def _newest(lines: pd.DataFrame) -> pd.DataFrame:
    sent = lines[["sent_on", "submission_id"]].drop_duplicates().sort_values(["sent_on", "submission_id"])
    newest = lines[lines["submission_id"].isin(sent["submission_id"].tail(MAX_CLAIMS))]
    return claim_rows(newest).sort_values(["sent_on", "submission_id"], ignore_index=True) if len(newest) else newest


def _refused(rows: pd.DataFrame, ends: pd.DataFrame) -> pd.DataFrame:
    refused = rows[rows["refused"].eq(1)] if len(rows) else rows.assign(refused=[])
    return refused.merge(ends, on="claim_number", how="left", validate="m:1")


def _loss(refused: pd.DataFrame, *, as_of: date) -> FittedModel | None:
    if not refused["lost"].notna().any():
        return None
    model = OutcomeModel(features=LOSS_FEATURES, horizon_days=LOSS_HORIZON_DAYS, group="claim_number", candidates=CANDIDATES,
                         rate_keys=("payer_name", "procedure_family"))  # fmt: skip
    return model.fit(refused, index_date="answered_on", outcome="lost", outcome_date="settled_on", as_of=as_of)


def _lost_share(refused: pd.DataFrame) -> float:
    """Dollars written off over dollars charged, among the claims lost; all of the charge where none was."""
    lost = refused[refused["lost"].eq(1)].drop_duplicates("claim_number")
    return float(min(lost["lost_usd"].sum() / lost["claim_charge"].sum(), 1.0)) if len(lost) else 1.0


def record(chances: Chances, rows: pd.DataFrame) -> pd.DataFrame:
    """Did the chances come true? Groups of equal size by chance: chance, observed, lower, upper (95 %), cases.

    `rows` of `claim_rows` with their answers, sent after the chances were learned.
    """
    told = chances.of_claims(rows)["p_denial"].to_numpy()
    return models_scores.calibration(rows["refused"].to_numpy(), told, np.ones(len(rows)))


def choice(denial: FittedModel | None, loss: FittedModel | None) -> pd.DataFrame:
    """The models compared on later claims: predicts, model, log_loss, brier, auroc, taken."""
    models = {"a denial": denial, "the loss of a denied claim": loss}
    parts = [
        model.comparison.assign(predicts=name) for name, model in models.items() if model and len(model.comparison)
    ]
    columns = ["predicts", "model", "log_loss", "brier", "auroc", "chosen"]
    table = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    scores = {name: table[name].map("{:.3f}".format) for name in ("log_loss", "brier")}
    return table.assign(model=table["model"].str.replace("_", " "), **scores).rename(columns={"chosen": "taken"})


def ends(view: View) -> pd.DataFrame:
    """claim_number, lost (1, 0, missing while open), settled_on, lost_usd: what became of each claim that was sent.

    Lost: written off because of a denial, or of a rejection that was never mended.
    """
    denied = risk_features.cases(view).rename(columns={"outcome": "end"})
    others = view.execute(f"""
        SELECT c.claim_number, CASE WHEN c.first_decided_on IS NOT NULL THEN 'paid' WHEN w.on_day IS NOT NULL THEN 'written_off' END AS end,
            coalesce(c.first_decided_on, w.on_day) AS settled_on
        FROM claims c LEFT JOIN (SELECT claim_number, max(posted_on) AS on_day FROM write_offs
            WHERE leaf NOT IN {risk_features.NOT_OF_A_DENIAL} AND amount > 0 GROUP BY 1) w USING (claim_number)
        WHERE NOT coalesce(c.initially_denied, false)
    """).df()  # fmt: skip
    others = others[
        ~others["claim_number"].isin(denied["claim_number"])
    ]  # paid at first, and taken back: a denial's end
    found = pd.concat([denied[["claim_number", "end", "settled_on"]], others], ignore_index=True)
    usd = view.execute(f"""SELECT claim_number, CAST(sum(amount) AS DOUBLE) AS lost_usd FROM write_offs
        WHERE leaf NOT IN {risk_features.NOT_OF_A_DENIAL} AND amount > 0 GROUP BY 1""").df()  # fmt: skip
    found = found.merge(usd, on="claim_number", how="left", validate="1:1")
    lost = found["end"].eq("written_off").astype(float).where(found["end"].notna())
    return found.assign(lost=lost, settled_on=pd.to_datetime(found["settled_on"]))[
        ["claim_number", "lost", "settled_on", "lost_usd"]
    ]
