"""Ballots of `jury.py` and what they come to.

References:
    [Wilson1927] Probable Inference, the Law of Succession, and Statistical Inference, JASA 22.
"""

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fast_nst.errors import ConfigError

FORMAT = "fast_nst.jury/1"
CHOICES = ("A", "B", "tie")
OUTCOMES = ("wins", "ties", "losses")
Z = 1.959964  # of 95 % on both sides

Ballot = Mapping[str, Mapping[str, str]]
"""A viewer's answers by pair."""


def read_envelope(path: Path) -> dict[str, Any]:
    """Read what `make` wrote."""
    try:
        envelope = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as an envelope ({error}); expected the file of `make`") from error
    if envelope.get("format") != FORMAT:
        raise ConfigError(f"{path}: its format is {envelope.get('format')}, expected {FORMAT}, the file of `make`")
    return envelope


def read_ballots(paths: Sequence[Path], pairs: Mapping[str, Any]) -> dict[str, Ballot]:
    """Read the ballots of several viewers, who are called by the names of their files.

    Raises:
        ConfigError: for a ballot that cannot be read or answers what was not asked, or two of one name.
    """
    found = {path.stem: read_ballot(path, pairs) for path in paths}
    if len(found) < len(paths):
        raise ConfigError(f"{len(paths)} ballots have {len(found)} names; expected another file name for each viewer")
    return found


def read_ballot(path: Path, pairs: Mapping[str, Any]) -> Ballot:
    """Read a viewer's answers; pairs may be missing, but none may be there twice."""
    found: dict[str, dict[str, str]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as a ballot ({error}); expected lines of JSON") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            answer = dict(json.loads(line))
        except (TypeError, ValueError):
            raise ConfigError(f"{path}, line {number}: no JSON object; expected one line for each pair") from None
        pair, choice = answer.get("pair"), answer.get("choice")
        if pair not in pairs or choice not in CHOICES or pair in found:
            said = f"{path}, line {number}: pair {pair!r}, choice {choice!r}"
            raise ConfigError(f"{said}; expected a pair of the envelope, once, and one of {', '.join(CHOICES)}")
        found[pair] = answer
    return found


def counted(envelope: Mapping[str, Any], ballots: Mapping[str, Ballot]) -> dict[str, Any]:
    """Return wins, ties and losses of the first source, by style and in all, and each pair with its viewers' words."""
    sources, pairs = envelope["sources"], []
    for name, pair in envelope["pairs"].items():
        votes = {viewer: opened(ballot[name], pair, sources) for viewer, ballot in ballots.items() if name in ballot}
        if votes:
            of_pair = verdict([vote["outcome"] for vote in votes.values()])
            pairs.append({"pair": name, **pair, "outcome": of_pair, "votes": votes})
    groups = defaultdict(list)
    for pair in pairs:
        groups[pair["style"]].append(pair)
    return {
        "sources": sources,
        "viewers": {viewer: len(ballot) for viewer, ballot in ballots.items()},
        "agreement": agreement(pairs),
        "in_all": tally(pairs),
        "styles": {style: tally(group) for style, group in sorted(groups.items())},
        "pairs": pairs,
    }


def opened(answer: Mapping[str, str], pair: Mapping[str, str], sources: Sequence[str]) -> dict[str, str]:
    """Return what an answer is for the first source, and what is wrong with either, by its name."""
    sides = {pair[side]: side for side in "AB"}
    wrong = {f"wrong with {source}": answer.get(f"wrong_{sides[source].lower()}", "") for source in sources}
    return {"outcome": outcome(answer["choice"], sides[sources[0]]), **wrong}


def outcome(choice: str, side: str) -> str:
    """Return what a choice is for the source on `side`."""
    return "ties" if choice == "tie" else "wins" if choice == side else "losses"


def verdict(outcomes: Sequence[str]) -> str:
    """Return what most viewers say of a pair: a tie where as many chose either."""
    lead = outcomes.count("wins") - outcomes.count("losses")
    return "wins" if lead > 0 else "losses" if lead < 0 else "ties"


def tally(pairs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Count pairs and votes; the share of pairs won or tied with its interval."""
    by_pair = Counter(pair["outcome"] for pair in pairs)
    by_vote = Counter(vote["outcome"] for pair in pairs for vote in pair["votes"].values())
    good = by_pair["wins"] + by_pair["ties"]
    return {
        "pairs": {name: by_pair[name] for name in OUTCOMES},
        "votes": {name: by_vote[name] for name in OUTCOMES},
        "won_or_tied": good / len(pairs) if pairs else None,
        "interval": wilson(good, len(pairs)),
    }


def wilson(good: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, `good` of `count` [Wilson1927]; 0 to 1 where nothing was counted."""
    if not count:
        return 0.0, 1.0
    share, square = good / count, Z**2 / count
    centre = share + square / 2
    spread = (square * (share * (1 - share) + square / 4)) ** 0.5
    return max(0.0, (centre - spread) / (1 + square)), min(1.0, (centre + spread) / (1 + square))


def agreement(pairs: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the share of the same answers among all pairs of viewers of one pair; None where no two saw one."""
    same = [
        one["outcome"] == other["outcome"]
        for pair in pairs
        for one, other in itertools.combinations(pair["votes"].values(), 2)
    ]
    return sum(same) / len(same) if same else None


def table(results: Mapping[str, Any]) -> str:
    """Lay the results out as a Markdown table, with a line on the viewers."""
    first, second = results["sources"]
    lines = [f"| {first} against {second} | pairs won, tied, lost | won or tied | 95 % | votes won, tied, lost |"]
    lines += ["| --- | ---: | ---: | ---: | ---: |"]
    for name, row in [*results["styles"].items(), ("in all", results["in_all"])]:
        pairs, votes = (", ".join(str(row[kind][outcome]) for outcome in OUTCOMES) for kind in ("pairs", "votes"))
        share = "-" if row["won_or_tied"] is None else f"{row['won_or_tied']:.0%}"
        low, high = row["interval"]
        lines.append(f"| {name} | {pairs} | {share} | {low:.0%} to {high:.0%} | {votes} |")
    viewers = ", ".join(f"{name} ({count} pairs)" for name, count in results["viewers"].items())
    agreed = "" if results["agreement"] is None else f" Two of them said the same in {results['agreement']:.0%}."
    return "\n".join([*lines, "", f"Viewers: {viewers}.{agreed}"])
