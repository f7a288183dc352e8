"""The search for changes over all segments: the strongest first, named at the smallest segment that explains it.

1. Every segment's series is scanned; its p-value pays for all windows and all segments. The first signal must stand
   against all looks at once (Bonferroni), so that a steady practice shows any signal with at most the level's chance;
   the k-th distinct one against a k-th of them (Benjamini and Hochberg 1995).
2. The strongest must also stand when the mix of any other dimension is held fixed, and against the same months a year
   earlier: otherwise it is mix or season, not a rate.
3. It must stand when the claims of one patient weigh as their own design effect says. Where one patient holds most of
   it, and is denied far more often than any other, it is told as his (`one_patient`); else his denials are taken out.
4. It is narrowed to the children that hold its excess, by likelihood.
5. Its excess is taken away from every segment, so that parents and cousins are not reported again; then from 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, pairwise

import numpy as np

from rcm_analysis.trends import patients, segments
from rcm_analysis.trends import scan as trends_scan
from rcm_analysis.trends.segments import Block, Unit

MOST_SIGNALS = 60
MOST_CHILDREN, LARGEST_HELD, FEW_CHILDREN = 5, 0.6, 3  # children that name a change better than their parent does
SMALL_PART = 0.1  # of the excess; a smaller child is left unnamed
PRIOR = 1.0  # denials that a segment borrows from its parent's rate
SEASON_LEVEL = OVER_LEVEL = 0.01
DRIFT_SURE, DRIFT_CASES = 0.5, 40


@dataclass(frozen=True)
class Search:
    """What is looked at and how strictly. `level` is the chance of any signal where nothing changed."""

    level: float = 0.05
    depth: int = 3
    min_count: float = 6.0
    min_before: int = 4
    longest_burst: int = 12
    per_year: int = 12
    shortest_level: int = 1
    least_ratio: float = 1.2  # a smaller change of a rate is not worth a look, however certain


@dataclass(frozen=True)
class Change:
    """One change: in which segment of which unit, from which period to which, and how sure."""

    unit: int
    segment: dict[str, int]
    start: int
    end: int
    up: bool
    kind: str
    q: float
    group: int
    base: int = 0  # first period of the level before
    patient: str = ""  # whose it is, where it is one patient's

    @property
    def name(self) -> tuple:
        return (self.unit, self.up, *sorted(self.segment.items()))


@dataclass
class _State:
    units: list[Unit]
    blocks: list[Block]
    best: list[trends_scan.Best]
    q: list[np.ndarray]
    looks: int
    scan: trends_scan.Scan
    dead: list[np.ndarray] = field(default_factory=list)


def search(units: Sequence[Unit], sets: Sequence[Sequence[tuple]], rule: Search, *, nested: Sequence[Sequence[str]] = (),
           held_fixed: Sequence[str] = ()) -> list[Change]:  # fmt: skip
    """All changes, strongest first; `sets` holds the crossings of each unit."""
    state = _begin([replace(u, y=u.y.copy()) for u in units], sets, rule)
    found: list[Change] = []
    group, worst, told = 0, 0.0, set()
    alone: set[str] = set()
    while len(found) < MOST_SIGNALS and (spot := _strongest(state, rule.level * (group + 1))) is not None:
        b, i = spot
        state.dead[b][i] = True
        pick, looks = _pick(state, b, i, group + 1)
        if pick.q > rule.level * (group + 1):
            who = (
                patients.holder(state.units[pick.unit], pick.segment, start=pick.start, end=pick.end)
                if pick.up
                else None
            )
            if who is None or who.key in alone:
                continue
            alone.add(who.key)
            if patients.stands_out(units[pick.unit], pick.segment, who.key):
                group += 1
                found.append(replace(pick, kind="one_patient", q=float(state.q[b][i]), group=group, patient=who.key))
            _set_apart(state, who.key)
            continue
        if not stands(
            state.units[pick.unit],
            pick,
            as_seen=units[pick.unit],
            looks=looks,
            level=rule.level * (group + 1),
            rule=rule,
        ):
            continue
        leaves = [
            leaf
            for leaf in _of_several(state.units, narrow(state.units, pick, nested=nested, held_fixed=held_fixed), pick)
            if leaf.name not in told
        ]
        if not leaves:
            continue
        told |= {leaf.name for leaf in leaves}
        group += 1
        worst = max(worst, min(pick.q / group, 1.0))
        for leaf in leaves:
            for change in _shapes(state.units[leaf.unit], replace(leaf, q=worst), rule):
                if _is_worth(state.units[change.unit], change, rule):
                    found.append(change)
                _explain(state, change)
    return told_once(found, units)


def told_once(found: Sequence[Change], units: Sequence[Unit]) -> list[Change]:
    """The changes without those whose denials a stronger one of the same direction holds already, as a base charge and
    its mileage do. The denials of a fall are those before it."""
    kept: list[Change] = []
    told: dict[bool, dict[tuple[str, int], float]] = {True: {}, False: {}}
    for change in found:
        start, end = (change.start, change.end) if change.up else (change.base, change.start - 1)
        mine = patients.held_by(units[change.unit], change.segment, start=start, end=end)
        if patients.covered(mine, told[change.up]):
            continue
        for key, count in mine.items():
            told[change.up][key] = max(told[change.up].get(key, 0.0), count)
        kept.append(change)
    return kept


def _pick(state: _State, b: int, i: int, group: int) -> tuple[Change, float]:
    """The segment's best window as a change, and all the looks it pays for."""
    block, best = state.blocks[b], state.best[b]
    start, end = int(best.start[i]), int(best.end[i])
    lasting = np.array(end == block.y.shape[1] - 1)
    segment, u = block.segment(i), state.units[block.unit]
    looks = state.looks * float(state.scan.looks(block.y[i].sum(), lasting))
    effect = patients.design_effect(u, segment, start=start, end=end)
    q = float(state.q[b][i])
    if effect > best.dispersion[i]:
        q = max(q, min(_tail(block.y[i], block.n[i], start=start, end=end, spread=effect) * looks, 1.0))
    return Change(block.unit, segment, start, end, bool(best.up[i]), "step", q, group), looks


def _tail(y: np.ndarray, n: np.ndarray, *, start: int, end: int, spread: float) -> float:
    inside, total, share = y[start : end + 1].sum(), y.sum(), n[start : end + 1].sum() / max(n.sum(), 1e-12)
    return float(trends_scan.chance(np.array([inside]), np.array([total]), np.array([share]), np.array([spread]))[0])


def _of_several(units: Sequence[Unit], leaves: list[Change], pick: Change) -> list[Change]:
    """The leaves, or the change as it was seen where a leaf is one patient's and the change is not."""
    whose = (
        patients.holder(units[leaf.unit], leaf.segment, start=leaf.start, end=leaf.end) for leaf in leaves if leaf.up
    )
    return [pick] if any(who is not None for who in whose) else leaves


def _begin(units: list[Unit], sets: Sequence[Sequence[tuple]], rule: Search) -> _State:
    blocks = [segments.block(place, u, dims, reason, min_count=rule.min_count)
              for place, (u, crossed) in enumerate(zip(units, sets, strict=True)) for dims, reason in crossed]  # fmt: skip
    blocks = [b for b in blocks if len(b.y)]
    scan = trends_scan.Scan(len(units[0].periods), min_before=rule.min_before, longest_burst=rule.longest_burst)
    best = [trends_scan.scan(b.y, b.n, scan) for b in blocks]
    looks = _distinct(blocks)
    q = [np.minimum(one.p * looks, 1.0) for one in best]
    return _State(units, blocks, best, q, looks, scan, [np.zeros(len(b.y), bool) for b in blocks])


def _distinct(blocks: list[Block]) -> int:
    """Segments with different series: the same cases under two names are one look."""
    rows = {row.tobytes() for b in blocks for row in np.concatenate([b.y, b.n], axis=1)}
    return len(rows)


def _strongest(state: _State, level: float) -> tuple[int, int] | None:
    top, where = -np.inf, None
    for b, (best, q, dead) in enumerate(zip(state.best, state.q, state.dead, strict=True)):
        score = np.where((q <= level) & ~dead, best.score, -np.inf)
        if len(score) and score.max() > top:
            top, where = float(score.max()), (b, int(score.argmax()))
    return where


def stands(u: Unit, pick: Change, *, as_seen: Unit, looks: float, level: float, rule: Search) -> bool:
    """Whether the change is large enough, and remains against a year earlier and with the mix of each other dimension
    held fixed. The season is told from the counts as seen, before any change was taken out of them."""
    y, n = u.series(pick.segment)
    raw = as_seen.series(pick.segment)
    start, end = pick.start, pick.end
    if not _matters(y, n, start=start, end=end, least_ratio=rule.least_ratio):
        return False
    if not _beyond_season(*raw, start=start, end=end, per_year=rule.per_year):
        return False
    spread = trends_scan.dispersion(y[None], n[None], start=np.array([pick.start]), end=np.array([pick.end]))
    spread = np.maximum(spread, patients.design_effect(u, pick.segment, start=start, end=end))
    free = [name for name in u.exposure if name not in pick.segment]
    mixes = [(name,) for name in free] + list(combinations(free, 2))
    return all(_beyond_mix(u, pick.segment, by, start=start, end=end, spread=spread) * looks <= level for by in mixes)


def _beyond_mix(
    u: Unit, segment: dict[str, int], by: Sequence[str], *, start: int, end: int, spread: np.ndarray
) -> float:
    """Chance of the count in the window where each crossing of `by` keeps the rate it has outside; crossings without
    a history there can't tell and are left out."""
    rows, exposed = u.rows(segment), u.exposed(segment)
    exposed_keys, keys = u.keys(by, exposures=True), u.keys(by)
    size = int(np.prod([len(u.labels[name]) for name in by]))
    inside, exposed_inside = _within(u.when, start, end), _within(u.exposure_when, start, end)
    y_in, y_out = (np.bincount(keys[rows & part], u.y[rows & part], size) for part in (inside, ~inside))
    n_in, n_out = (np.bincount(exposed_keys[exposed & part], u.n[exposed & part], size)
                   for part in (exposed_inside, ~exposed_inside))  # fmt: skip
    known = n_out > 0
    rate = max(y_out.sum(), 0.5) / max(n_out.sum(), 1e-12)
    expected = (n_in * (y_out + PRIOR) / (n_out + PRIOR / rate))[known].sum()
    seen, outside = y_in[known].sum(), y_out.sum()
    share = expected / max(expected + max(outside, 0.5), 1e-12)
    return float(trends_scan.chance(np.array([seen]), np.array([seen + outside]), np.array([share]), spread)[0])


def _matters(y: np.ndarray, n: np.ndarray, *, start: int, end: int, least_ratio: float) -> bool:
    inside = np.zeros(len(y), bool)
    inside[start : end + 1] = True
    rates = sorted(float(y[part].sum() / max(n[part].sum(), 1e-12)) for part in (inside, ~inside))
    return rates[1] >= least_ratio * rates[0]


def _within(when: np.ndarray, start: int, end: int) -> np.ndarray:
    return (when >= start) & (when <= end)


def _is_worth(u: Unit, change: Change, rule: Search) -> bool:
    """Whether the change is large enough against the level before it."""
    y, n = (a[change.base : change.end + 1] for a in u.series(change.segment))
    return _matters(y, n, start=change.start - change.base, end=change.end - change.base, least_ratio=rule.least_ratio)


def _beyond_season(y: np.ndarray, n: np.ndarray, *, start: int, end: int, per_year: int) -> bool:
    """Whether the window differs from the same periods a year earlier too; true where there are none."""
    now = [t for t in range(start, end + 1) if t - per_year >= 0 and t - per_year < start and n[t - per_year] > 0]
    if not now:
        return True
    then = [t - per_year for t in now]
    total, share = y[now].sum() + y[then].sum(), n[now].sum() / max(n[now].sum() + n[then].sum(), 1e-12)
    return bool(
        trends_scan.chance(np.array([y[now].sum()]), np.array([total]), np.array([share]), np.array([1.0]))[0]
        <= SEASON_LEVEL
    )


def narrow(units: Sequence[Unit], pick: Change, *, nested: Sequence[Sequence[str]] = (),
           held_fixed: Sequence[str] = ()) -> list[Change]:  # fmt: skip
    """The smallest segments that hold the change: split by the dimension whose few children explain most, and again.

    A split is taken when "only these children changed, each by its own factor" is likelier than "all children changed
    by one factor", each child paying for having been chosen.
    """
    top: tuple[float, int, str, list[int]] = (0.0, 0, "", [])
    for place, u in enumerate(units):
        named = _carry(units[pick.unit], u, pick.segment)
        if named is None:
            continue
        for name in _ways(u, units[pick.unit], named, nested, held_fixed):
            small_family = any(name in group and group[0] in named and name in u.exposure for group in nested)
            gain, chosen = _concentration(
                u, named, name, start=pick.start, end=pick.end, up=pick.up, small_family=small_family
            )
            if chosen and gain > top[0]:
                top = (gain, place, name, chosen)
    gain, place, name, chosen = top
    named = _carry(units[pick.unit], units[place], pick.segment)
    if not chosen or named is None:
        return [pick]
    coarser = {k for group in nested if name in group and name in units[place].exposure for k in group}
    kept = {k: v for k, v in named.items() if k not in coarser}
    return [leaf for code in chosen
            for leaf in narrow(units, replace(pick, unit=place, segment={**kept, name: code}), nested=nested, held_fixed=held_fixed)]  # fmt: skip


def _ways(
    u: Unit, source: Unit, named: dict[str, int], nested: Sequence[Sequence[str]], held_fixed: Sequence[str]
) -> list[str]:
    """The dimensions by which a segment of `source` can be split in `u`: its own, or those that only `u` has."""
    fresh = [name for name in u.exposure if u is source or name not in source.exposure]
    reasons = u.reason if u is source else ()
    return [name for name in (*fresh, *reasons)
            if name not in named and name not in held_fixed and not _finer_named(name, named, nested)]  # fmt: skip


def _carry(source: Unit, target: Unit, segment: dict[str, int]) -> dict[str, int] | None:
    """The segment in the codes of another unit; none where it has no such dimension or value."""
    if source is target:
        return segment
    moved = {}
    for name, code in segment.items():
        if name not in target.labels:
            return None
        spot = np.flatnonzero(target.labels[name] == source.labels[name][code])
        if not len(spot):
            return None
        moved[name] = int(spot[0])
    return moved


def _finer_named(name: str, named: dict[str, int], nested: Sequence[Sequence[str]]) -> bool:
    """Whether a finer dimension of the same hierarchy is in the segment already."""
    return any(name in group and any(k in named for k in group[group.index(name) + 1 :]) for group in nested)


def _concentration(u: Unit, segment: dict[str, int], by: str, *, start: int, end: int, up: bool,
                   small_family: bool = False) -> tuple[float, list[int]]:  # fmt: skip
    rows, exposed, size = u.rows(segment), u.exposed(segment), len(u.labels[by])
    inside, exposed_inside = _within(u.when, start, end), _within(u.exposure_when, start, end)
    y_in, y_out = (np.bincount(u.codes[by][rows & part], u.y[rows & part], size) for part in (inside, ~inside))
    n_in, n_out = u.n[exposed & exposed_inside].sum(), u.n[exposed & ~exposed_inside].sum()
    if by in u.exposure:
        n_in, n_out = (np.bincount(u.exposure_codes[by][exposed & part], u.n[exposed & part], size)
                       for part in (exposed_inside, ~exposed_inside))  # fmt: skip
        rate = max(y_out.sum(), 0.5) / max(n_out.sum(), 1e-12)
        expected = n_in * (y_out + PRIOR) / (n_out + PRIOR / rate)
    else:
        values = max((y_in + y_out > 0).sum(), 1)
        expected = n_in / max(n_out, 1e-12) * (y_out + PRIOR / values) * (y_in + y_out > 0)
    live = expected > 0
    if live.sum() < 2:
        return 0.0, []
    seen, mean = y_in[live], np.maximum(expected[live], 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(seen > 0, seen * np.log(seen / mean), 0.0) - (seen - mean)
    price = np.log(live.sum()) + 1.0
    chosen = (own > price) & ((seen > mean) == up)
    chosen &= np.abs(seen - mean) >= SMALL_PART * np.abs(seen - mean)[chosen].sum()
    held = n_in[live][chosen].sum() / max(n_in[live].sum(), 1e-12) if by in u.exposure else 0.0
    if small_family and up and chosen.all() and live.sum() <= FEW_CHILDREN:
        return 1e-9, [int(code) for code in np.flatnonzero(live)]
    most = MOST_CHILDREN if by in u.exposure else 1
    if not chosen.any() or chosen.all() or chosen.sum() > most or held > LARGEST_HELD:
        return 0.0, []
    if (u.labels[by][np.flatnonzero(live)[chosen]] == segments.NOT_NAMED).any():
        return 0.0, []
    together = seen.sum() * np.log(max(seen.sum(), 0.5) / mean.sum()) - (seen.sum() - mean.sum())
    gain = float((own[chosen] - price).sum() - together)
    return gain, [int(code) for code in np.flatnonzero(live)[chosen]]


def _shapes(u: Unit, change: Change, rule: Search) -> list[Change]:
    """Start, end and kind from the segment's own series: step, drift, burst, or a code never seen before; several where
    a dense series has several levels."""
    y, n = u.series(change.segment)
    rough = trends_scan.roughness(y, n)
    climb = trends_scan.ramp(y, n, min_before=rule.min_before)
    if y.mean() >= trends_scan.STEADY_COUNT:
        scan = trends_scan.Scan(len(y), min_before=rule.min_before)
        price = rough * np.log(float(scan.looks(y.sum(), np.array(True))) / rule.level)
        starts = trends_scan.sure_levels(y, n, penalty=price, min_length=rule.shortest_level)
        # A climb has two levels, a begin and a length; each further level has its height and its begin
        steps = trends_scan.fit(y, n, starts) / rough - (len(starts) - 1) * np.log(len(y))
        if len(starts) > 2 and steps > climb.likelihood / rough - 1.5 * np.log(len(y)):
            return _levels(change, y, n, starts)
    return [_shape(u, change, rule, climb)]


def _levels(change: Change, y: np.ndarray, n: np.ndarray, starts: list[int]) -> list[Change]:
    """A change per level after the first; a level that returns to the one before it is a burst, and its end no change."""
    bounds = [*starts, len(y)]
    rates = [y[a:b].sum() / max(n[a:b].sum(), 1e-12) for a, b in pairwise(bounds)]
    found, skip = [], False
    for i in range(1, len(starts)):
        if skip:
            skip = False
            continue
        back = i + 1 < len(starts) and _same(y, n, (bounds[i - 1], bounds[i]), (bounds[i + 1], bounds[i + 2]))
        found.append(replace(change, start=bounds[i], end=bounds[i + 1] - 1, up=rates[i] > rates[i - 1], base=bounds[i - 1],
                             kind="burst" if back else "step"))  # fmt: skip
        skip = back
    return found


def _same(y: np.ndarray, n: np.ndarray, one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two stretches of a series may have one rate."""
    (a, b), (c, d) = one, other
    seen, total = y[c:d].sum(), y[c:d].sum() + y[a:b].sum()
    share = n[c:d].sum() / max(n[c:d].sum() + n[a:b].sum(), 1e-12)
    return bool(
        trends_scan.chance(np.array([seen]), np.array([total]), np.array([share]), np.array([1.0]))[0] > OVER_LEVEL
    )


def _shape(u: Unit, change: Change, rule: Search, climb: trends_scan.Climb) -> Change:
    y, n = u.series(change.segment)
    scan = trends_scan.Scan(len(y), min_before=rule.min_before, longest_burst=rule.longest_burst)
    best = trends_scan.scan(y[None], n[None], scan)
    start, end = int(best.start[0]), int(best.end[0])
    if bool(best.up[0]) != change.up or end < change.start or start > change.end:
        start, end = change.start, change.end
    if end != len(y) - 1 and _same(y, n, (start, end + 1), (end + 1, len(y))):
        end = len(y) - 1
    kind = "step" if end == len(y) - 1 else "burst"
    if kind == "step" and climb.sure > DRIFT_SURE and y.sum() >= DRIFT_CASES:
        kind, start = "drift", climb.begin
    code = next((name for name in ("rarc", "carc") if name in change.segment), None)
    if code and change.up and not u.y[(u.codes[code] == change.segment[code]) & (u.when < start)].sum():
        kind = "new_code"
    return replace(change, start=start, end=end, kind=kind)


def _explain(state: _State, change: Change) -> None:
    """Takes the change's excess out of every unit and segment, and judges the segments touched again."""
    source = state.units[change.unit]
    y, n = source.series(change.segment)
    span = np.arange(len(y))
    inside = (span >= change.start) & (span <= change.end)
    # A rise is taken out of its own periods; for a fall the periods before it are brought down to the level it fell to
    earlier = (span >= change.base) & (span < change.start)
    level, excessive = (earlier, inside) if change.up else (inside, span < change.start)
    rate = y[level].sum() / max(n[level].sum(), 1e-12)
    excess = np.where(excessive, np.maximum(y - n * rate, 0.0), 0.0)
    for place, u in enumerate(state.units):
        shared = {k: v for k, v in source.named(change.segment).items() if k in u.labels}
        codes = {k: int(np.flatnonzero(u.labels[k] == v)[0]) for k, v in shared.items() if v in u.labels[k]}
        if len(codes) < len(shared):
            continue
        rows = np.flatnonzero(u.rows(codes))
        mine = np.bincount(u.when[rows], u.y[rows], len(y))
        part = np.divide(excess, y, out=np.zeros_like(y), where=y > 0)
        if len(shared) < len(change.segment):
            part = np.divide(excess, mine, out=np.zeros_like(y), where=mine > 0)
        less = u.y[rows] * np.minimum(part, 1.0)[u.when[rows]]
        u.y[rows] -= less
        _judge_again(state, place, rows, less)


def _set_apart(state: _State, patient: str) -> None:
    """Leaves of a patient's denials what all others' claims would have, and judges the segments touched again."""
    for place, u in enumerate(state.units):
        if u.patient is None:
            continue
        rows = np.flatnonzero(u.patients[u.patient] == patient)
        less = u.y[rows] * (1 - min(u.y.sum() / max(u.n.sum(), 1e-12), 1.0))
        u.y[rows] -= less
        _judge_again(state, place, rows, less)


def _judge_again(state: _State, place: int, rows: np.ndarray, less: np.ndarray) -> None:
    """Scans what changed in all blocks of a unit at one go: most have few segments, and a scan has its price."""
    mine = [i for i, b in enumerate(state.blocks) if b.unit == place]
    touched = [segments.take_away(state.blocks[i], state.units[place], rows, less) for i in mine]
    if not mine:
        return
    counts = np.concatenate([state.blocks[i].y[those] for i, those in zip(mine, touched, strict=True)])
    cases = np.concatenate([state.blocks[i].n[those] for i, those in zip(mine, touched, strict=True)])
    fresh = trends_scan.scan(counts, cases, state.scan)
    at = 0
    for i, those in zip(mine, touched, strict=True):
        part = slice(at, at := at + len(those))
        for name in trends_scan.Best.__dataclass_fields__:
            getattr(state.best[i], name)[those] = getattr(fresh, name)[part]
        state.q[i][those] = np.minimum(fresh.p[part] * state.looks, 1.0)
        state.dead[i][those] = False
