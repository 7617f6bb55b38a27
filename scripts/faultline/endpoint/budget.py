"""How much a run may ask and spend: limits as they are set, and what is left of them while requests are in flight."""

from dataclasses import dataclass, field

from faultline.endpoint.questions import Question, Step
from faultline.endpoint.store import Spent

NOTHING_SPENT = Spent(0, 0, 0.0, 0.0)


@dataclass(frozen=True)
class Limits:
    """How fast, how long, how much. None = no limit."""

    concurrency: int = 16
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    timeout_seconds: float = 120.0
    max_tries: int = 5
    outage_seconds: float = 60.0
    calls_per_run: int | None = None
    calls_per_day: int | None = None
    cost_per_run: float | None = None
    cost_per_day: float | None = None
    spent_before: Spent = field(default=NOTHING_SPENT)  # as the ledgers know it; the higher of both counts is taken


class Budget:
    """Reserves the highest price of a request before it is sent, so that what is in flight can never overshoot."""

    def __init__(self, limits: Limits, spent: Spent):
        highest = [max(a, b) for a, b in zip(spent, limits.spent_before, strict=True)]
        self._calls = [limits.calls_per_run, limits.calls_per_day]
        self._costs = [limits.cost_per_run, limits.cost_per_day]
        self._calls_used, self._costs_used = highest[:2], highest[2:]
        self._reserved_calls, self._reserved_cost = 0, 0.0
        self._most_input_tokens: dict[str, int] = {}

    @property
    def counts_money(self) -> bool:
        return any(limit is not None for limit in self._costs)

    def learn(self, step: Step, input_tokens: int):
        """Pictures differ in tokens: what the dearest one had may come again."""
        self._most_input_tokens[step.question] = max(self._most_input_tokens.get(step.question, 0), input_tokens)

    def has_learned(self, step: Step) -> bool:
        """Whether the tokens of at least one row are known."""
        return self._most_input_tokens.get(step.question, 0) > 0

    def price(self, question: Question) -> float:
        """The most one request can cost: no token is shorter than a byte, which bounds the words of a row."""
        step = question.step
        own_words = 0
        if question.prompt_text:
            own_words = max(0, len(question.prompt_text.encode()) - len(step.prompt_text.encode()))
        most_known = self._most_input_tokens.get(step.question, 0)
        return step.highest_cost(max(most_known, step.estimated_input_tokens + own_words))

    def refuses(self, price: float) -> bool:
        """Whether one more request could pass a limit once everything in flight has come back."""
        for limit, used in zip(self._calls, self._calls_used, strict=True):
            if limit is not None and used + self._reserved_calls + 1 > limit:
                return True
        for limit, used in zip(self._costs, self._costs_used, strict=True):
            if limit is not None and used + self._reserved_cost + price > limit + 1e-9:
                return True
        return False

    @property
    def is_waiting(self) -> bool:
        """Whether requests in flight may still give back what they reserved."""
        return self._reserved_calls > 0

    def reserve(self, price: float):
        self._reserved_calls += 1
        self._reserved_cost += price

    def settle(self, price: float, cost: float, is_call: bool):
        self._reserved_calls -= 1
        self._reserved_cost = self._reserved_cost - price if self._reserved_calls else 0.0
        if is_call:
            self._calls_used = [used + 1 for used in self._calls_used]
            self._costs_used = [used + cost for used in self._costs_used]
