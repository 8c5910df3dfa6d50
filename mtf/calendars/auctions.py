"""Auctions: windows of time next to a session whose prints belong to the session's first or last bar.

Owns the notation (`16:00-16:05 into last`) and which edge of which session a window belongs to: the nearest one in an
ordinary week. From then on a window is a distance from that edge, so that it moves with it on a short day.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from mtf.calendars.hours import WEEK_S, Stretch, text_of_time, time_of
from mtf.calendars.session_edges import FAR_NS, NEAR_NS, EdgeCount
from mtf.calendars.zone import DAY_S
from mtf.errors import ConfigError
from mtf.units import SECOND_NS

__all__ = ["Auction", "Reach", "auction_of", "edge_notes", "outwards", "reaches_by_weekday", "text_of_auction"]

NOTES_MAX: Final = 4  # for the edges with the most ticks

FAR_S: Final = 2 * 3600  # a window farther than this from every edge is a mistake

_WINDOW: Final = re.compile(r"(\S+?)\s*-\s*(\S+)\s+into\s+(first|last)")


class Auction(NamedTuple):
    """A window of local time `[start_s, end_s)`; it belongs to the bar before it if *last*, else to the one after."""

    start_s: int
    end_s: int
    last: bool


class Reach(NamedTuple):
    """An auction as distances outwards from an edge: `[near_ns, far_ns)` after a session's end or before its start.

    The edge is at *edge_s* of an ordinary day; with *outer*, it is the end, or the start, of that trading day.
    """

    last: bool
    outer: bool
    edge_s: int
    near_ns: int
    far_ns: int


def auction_of(text: object) -> Auction:
    """Return the auction written as *text*, such as `09:28-09:30 into first`."""
    match = _WINDOW.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ConfigError(f"invalid auction {text!r}: write it as '16:00-16:05 into last' or '09:28-09:30 into first'")
    start, end = time_of(match[1]) % DAY_S, time_of(match[2])
    return Auction(start, end if end > start else end + DAY_S, match[3] == "last")


def text_of_auction(auction: Auction) -> str:
    """Return *auction* as `auction_of` reads it."""
    edge = "last" if auction.last else "first"
    return f"{text_of_time(auction.start_s)}-{text_of_time(auction.end_s)} into {edge}"


def reaches_by_weekday(
    auctions: Iterable[Auction], days: Mapping[int, tuple[Stretch, ...]]
) -> dict[int, tuple[Reach, ...]]:
    """Return the reaches of each weekday's trading day; *days* has its sessions, in seconds from its midnight.

    ConfigError if a window lies inside the hours, or in the next session.
    """
    found: dict[int, list[Reach]] = {weekday: [] for weekday in days}
    for auction in auctions:
        side = 1 if auction.last else 0
        faces = auction.start_s if auction.last else auction.end_s
        edges = {session[side] % DAY_S for sessions in days.values() for session in sessions}
        edge = min(edges, key=lambda at: (abs(outwards(faces, at)), at))
        near = outwards(faces, edge) if auction.last else -outwards(faces, edge)
        far = near + auction.end_s - auction.start_s
        if near > FAR_S:
            does = "ends" if auction.last else "starts"
            raise ConfigError(f"auction {text_of_auction(auction)!r}: no session {does} within two hours of it")
        if far <= 0:
            raise ConfigError(f"auction {text_of_auction(auction)!r} lies inside the hours: give a time outside them")
        for weekday, sessions in days.items():
            at = [position for position, session in enumerate(sessions) if session[side] % DAY_S == edge]
            if at:
                outer = at[-1] == len(sessions) - 1 if auction.last else at[0] == 0
                reach = Reach(auction.last, outer, edge, max(near, 0) * SECOND_NS, far * SECOND_NS)
                found[weekday].append(reach)
    _check_apart(days, found)
    return {weekday: tuple(reaches) for weekday, reaches in found.items()}


def edge_notes(edges: Iterable[EdgeCount]) -> list[str]:
    """Return a sentence for each of the edges near which most ticks were rejected, with a setting to include them."""
    return [_note(edge) for edge in sorted(edges, key=lambda edge: -edge.total)[:NOTES_MAX] if edge.total]


def outwards(at_s: int, edge_s: int) -> int:
    """Return how long *at_s* is after *edge_s* on the clock: at most half a day, negative if it is before."""
    return (at_s - edge_s + DAY_S // 2) % DAY_S - DAY_S // 2


def _note(edge: EdgeCount) -> str:
    side, at, bar = ("close", "after", "last") if edge.last else ("open", "before", "first")
    where = f"the {side} at {edge.local} ({edge.zone})"
    if not edge.near + edge.far:
        return (
            f"{_were(edge.on_edge, f'stamped exactly on {where}')} rejected as closed: a calendar with inclusive_ends "
            "= true includes such ticks in the last bar of the session"
        )
    minutes, reach_ns = ("ten", FAR_NS) if edge.far else ("five", NEAR_NS)
    edge_s, reach_s = time_of(edge.local), reach_ns // SECOND_NS
    window = Auction(edge_s, edge_s + reach_s, True) if edge.last else Auction(edge_s - reach_s, edge_s, False)
    return (
        f"{_were(edge.total, f'within {minutes} minutes {at} {where}')} rejected as closed: a calendar with auctions = "
        f"['{text_of_auction(window)}'] includes the prints of such an auction in the {bar} bar of the session"
    )


def _were(count: int, where: str) -> str:
    return f"1 tick {where} was" if count == 1 else f"{count:,} ticks {where} were"


def _check_apart(days: Mapping[int, tuple[Stretch, ...]], reaches: Mapping[int, list[Reach]]) -> None:
    """Refuse windows that, in an ordinary week, reach the next session or the window before it."""
    week = sorted(
        (weekday * DAY_S + start, weekday * DAY_S + end, weekday)
        for weekday, sessions in days.items()
        for start, end in sessions
    )
    week.append((week[0][0] + WEEK_S, week[0][1] + WEEK_S, week[0][2]))
    for (_, end, weekday), (start, _, following) in itertools.pairwise(week):
        after = max((reach.far_ns for reach in reaches[weekday] if _at(reach, True, end)), default=0)
        before = max((reach.far_ns for reach in reaches[following] if _at(reach, False, start)), default=0)
        if after + before > (start - end) * SECOND_NS:
            raise ConfigError(
                f"auctions between {text_of_time(end % DAY_S)} and {text_of_time(start % DAY_S)} overlap each other or "
                "the hours: make the windows shorter"
            )


def _at(reach: Reach, last: bool, at_s: int) -> bool:
    return reach.last == last and reach.edge_s == at_s % DAY_S
