"""Plant days, shifts and time stamps. Landing times are UTC; the plant lives in Asia/Shanghai (UTC+8 all year)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

PLANT_TIMEZONE = "Asia/Shanghai"
UTC_OFFSET = timedelta(hours=8)  # no daylight saving time, so that no time zone database is needed
SHIFT_HOURS = {"A": (6, 14), "B": (14, 22), "C": (22, 6)}


@dataclass(frozen=True)
class Period:
    """``days`` plant days from the local date ``start``; a plant day runs from 06:00 local to the next 06:00."""

    start: date
    days: int

    @property
    def begin(self) -> datetime:
        return self.day_begin(0)

    @property
    def end(self) -> datetime:
        """The moment after the last plant day (UTC). What was not recorded before it has not landed."""
        return self.day_begin(self.days)

    def day_begin(self, day: int) -> datetime:
        """The beginning (UTC) of plant day ``day``, 0 being the first; negative days lie before the period."""
        return datetime.combine(self.start, datetime.min.time()) + timedelta(days=day, hours=6) - UTC_OFFSET

    def day_of(self, moment: datetime) -> int:
        """The plant day that a UTC moment belongs to."""
        return (moment - self.begin) // timedelta(days=1)

    def date_of(self, day: int) -> date:
        return self.start + timedelta(days=day)

    def months(self, before: int) -> list[date]:
        """First days of the months touched by the period and of ``before`` months ahead of it, in order."""
        last = self.date_of(self.days - 1)
        first = self.start.year * 12 + self.start.month - 1 - before
        return [date(month // 12, month % 12 + 1, 1) for month in range(first, last.year * 12 + last.month)]


def shift_of(moment: datetime) -> str:
    """The shift at a UTC moment; C crosses local midnight."""
    hour = (moment + UTC_OFFSET).hour
    return "A" if 6 <= hour < 14 else "B" if 14 <= hour < 22 else "C"


def stamp(moment: datetime) -> str:
    """A landing time: ``YYYY-MM-DD HH:MM:SS``, UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S}"
