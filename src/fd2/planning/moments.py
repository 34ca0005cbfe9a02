"""Durations and moments for readers, as exact as a forecast can be."""

from __future__ import annotations

from datetime import datetime, timedelta

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
#: From so many hours on minutes, and from so many on hours, are more than a forecast knows.
_WHOLE_HOURS, _WHOLE_DAYS = 10, 72
_WEEK, _YEAR = timedelta(days=6), timedelta(days=300)
#: What lies beyond is no date that a calendar has.
_LONGEST = 1000 * 365 * _DAY


def duration(seconds: float) -> str:
    """``40 s``, ``12 min``, ``2 h 10 min``, ``14 h``, ``5 days``; the seconds are at least 0."""
    if seconds < _MINUTE - 0.5:
        return f"{round(seconds)} s"
    if seconds < _HOUR - _MINUTE / 2:
        return f"{round(seconds / _MINUTE)} min"
    if seconds < _WHOLE_HOURS * _HOUR:
        hours, minutes = divmod(round(seconds / _MINUTE), 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if seconds < _WHOLE_DAYS * _HOUR:
        return f"{round(seconds / _HOUR)} h"
    return f"{round(seconds / _DAY)} days"


def moment(seconds: float, now: datetime) -> str:
    """When it is so many seconds after ``now``: ``18:50``, ``Tue 18:50``, ``24 Dec``, with year.

    Args:
        seconds: at least 0.
        now: local time.
    """
    then = now + timedelta(seconds=min(seconds, _LONGEST))
    if then.date() == now.date():
        return f"{then:%H:%M}"
    if then - now < _WEEK:
        return f"{then:%a %H:%M}"
    return f"{then.day} {then:%b}" if then - now < _YEAR else f"{then.day} {then:%b %Y}"
