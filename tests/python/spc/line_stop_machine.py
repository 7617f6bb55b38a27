"""The line stop as docs/spc.md tells it, written to be obviously right and not fast: hour by hour, with a state."""

import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)


@dataclass
class Look:
    """A judged inspection."""

    inspected_at: datetime
    is_ai_alone: bool
    is_critical: bool
    is_critical_by_ai_alone: bool


@dataclass
class ChartPoint:
    """A complete point above the upper limit of the line's critical-defect chart."""

    begins_at: datetime
    ends_at: datetime
    next_begins_at: datetime


@dataclass
class Line:
    """Everything that is known of a line; audits are (reviewed at, agrees with the model)."""

    line_id: str
    looks: list[Look]
    releases: list[datetime]
    audits: list[tuple[datetime, bool]]
    chart_points: list[ChartPoint]


@dataclass
class Machine:
    """Runs one line from its first inspection to the hour that is still open."""

    settings: dict[str, float]
    zone: ZoneInfo

    def clock_hour(self, at: datetime) -> datetime:
        """When the plant's clock hour began (UTC)."""
        local = at.replace(tzinfo=UTC).astimezone(self.zone)
        return at - timedelta(minutes=local.minute, seconds=local.second)

    def day(self, at: datetime):
        return at.replace(tzinfo=UTC).astimezone(self.zone).date()

    def is_ai_counted(self, line: Line, hour: datetime) -> bool:
        earliest = self.day(hour) - timedelta(days=self.settings["line_stop_agreement_days"])
        agreeing = [agrees for at, agrees in line.audits if earliest <= self.day(at) < self.day(hour)]
        return (
            len(agreeing) >= self.settings["line_stop_agreement_minimum_reviews"]
            and sum(agreeing) >= self.settings["line_stop_agreement_floor"] * len(agreeing)
        )  # fmt: skip

    def bound(self, criticals: int, inspections: int) -> float:
        """Lower bound of the Wilson score interval."""
        z, share = self.settings["line_stop_confidence_z"], criticals / inspections
        spread = z * math.sqrt(share * (1 - share) / inspections + z * z / (4 * inspections**2))
        return max(0.0, (share + z * z / (2 * inspections) - spread) / (1 + z * z / inspections))

    def trigger(self, line: Line, hour: datetime, looks: list[Look], last_release: datetime | None) -> str | None:
        is_ai_counted = self.is_ai_counted(line, hour)
        if not any(self.clock_hour(look.inspected_at) == hour for look in line.looks):
            return None
        inspections, criticals = self.count(looks, is_ai_counted)
        is_enough = inspections >= self.settings["line_stop_minimum_inspections"]
        if is_enough and self.bound(criticals, inspections) > self.settings["line_stop_rate"]:
            return "rate"
        for point in line.chart_points:
            is_known_now = max(self.clock_hour(point.ends_at), self.clock_hour(point.next_begins_at)) == hour
            is_vouched_for = last_release is not None and point.begins_at <= last_release
            rests_on_ai = any(
                look.is_ai_alone or look.is_critical_by_ai_alone
                for look in line.looks
                if point.begins_at <= look.inspected_at <= point.ends_at
            )
            if is_known_now and not is_vouched_for and (is_ai_counted or not rests_on_ai):
                return "chart"
        return None

    def count(self, looks: list[Look], is_ai_counted: bool) -> tuple[int, int]:
        """Inspections and critical defects that count."""
        return (
            sum(is_ai_counted or not look.is_ai_alone for look in looks),
            sum(look.is_critical and (is_ai_counted or not look.is_critical_by_ai_alone) for look in looks),
        )

    def run(self, line: Line, open_hour: datetime) -> tuple[dict[datetime, tuple], list[tuple]]:
        """What every hour came to, and every change of state as (state, since, stop, released at)."""
        hours, states = {}, []
        is_stopped, is_alarm, stop, held_release = False, False, None, None
        last_release, last_trigger = None, None
        hour = min(self.clock_hour(look.inspected_at) for look in line.looks)
        releases = sorted(line.releases)
        while hour <= open_hour:
            # What people do in the hour, by the alarm as it stood when the hour began.
            for release in [at for at in releases if at < hour + HOUR and (last_release is None or at > last_release)]:
                last_release = release
                if is_stopped and not is_alarm:
                    states.append(("RELEASED", release, stop, release))
                    is_stopped = False
                elif is_stopped and held_release is None:
                    held_release = release
                    states.append(("HOLD", release, stop, release))
            if hour == open_hour:
                break
            # What the hour comes to at its end.
            first_hour = hour - timedelta(hours=self.settings["line_stop_window_hours"] - 1)
            looks = [
                look for look in line.looks
                if first_hour <= self.clock_hour(look.inspected_at) <= hour
                and (last_release is None or look.inspected_at > last_release)
            ]  # fmt: skip
            is_ai_counted = self.is_ai_counted(line, hour)
            inspections, criticals = self.count(looks, is_ai_counted)
            trigger = self.trigger(line, hour, looks, last_release)
            if trigger:
                last_trigger, is_alarm = hour, True
            elif is_alarm:
                is_held_long_enough = hour - last_trigger >= timedelta(hours=self.settings["line_stop_hold_hours"])
                is_rate_low = (
                    inspections < self.settings["line_stop_minimum_inspections"]
                    or self.bound(criticals, inspections) <= self.settings["line_stop_release_rate"]
                )
                is_alarm = not (is_held_long_enough and is_rate_low)
            hours[hour] = (inspections, criticals, is_ai_counted, trigger, is_alarm)
            if is_alarm and not is_stopped:
                is_stopped, held_release = True, None
                stop = self.stop_id(line, hour + HOUR)
                states.append(("PAUSE_LINE", hour + HOUR, stop, None))
            elif is_stopped and held_release is not None and not is_alarm:
                states.append(("RELEASED", hour + HOUR, stop, held_release))
                is_stopped, held_release = False, None
            hour += HOUR
        return hours, states

    def stop_id(self, line: Line, paused_at: datetime) -> str:
        before = [at for at in line.releases if at < paused_at]
        return hashlib.md5(f"{line.line_id}|{max(before) if before else 'first'}".encode()).hexdigest()
