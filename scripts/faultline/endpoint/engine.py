"""Many requests in flight: an asyncio loop in a thread of its own, fed from any thread.

Every row ends in one of four ways: answered (kept at once), failed (kept with its error), left pending (the run was
stopped: budget, outage, cancel), or raised for all (the set-up is wrong).
"""

import asyncio
import functools
import gc
import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from faultline.endpoint import EndpointError
from faultline.endpoint.budget import Budget, Limits
from faultline.endpoint.images import ImageSettings, UnreadableImage, image_url, load_image
from faultline.endpoint.pace import LONGEST_BACKOFF, Pace, Ticket, backoff_seconds
from faultline.endpoint.questions import Question, Step, request_body
from faultline.endpoint.store import Store
from faultline.endpoint.tally import Tally, progress_line
from faultline.endpoint.transport import Fault, Reply, Transport

FIRST_REFUSALS = 10  # so many refused rows and not one answer, ever: it is the request that is wrong, not the rows
REFUSALS_IN_A_ROW = 50  # so many without an answer between them, though there were answers before: ask no more for now
ROWS_OF_AN_OUTAGE = 10
PROGRESS_SECONDS = 10
OBJECTS_BEFORE_COLLECTION = 20_000  # Python's 700 are two or three requests: an eighth of the time of a run
LONGEST_RETRY_AFTER = 900  # a server that asks for more is done for today


@dataclass
class Work:
    """One question on its way."""

    question: Question
    tries: int = 0
    requests_sent: int = 0
    cost: float = 0.0
    first_asked_at: float = 0.0
    is_throttled: bool = False  # its last request was refused by the pace
    backs_off_since: float | None = None
    longest_backoff_seconds: float = 0.0  # until the next request left, time in the queue included
    has_ended: bool = False


@dataclass
class Flight:
    """One request on its way."""

    work: Work
    ticket: Ticket
    price: float  # what the budget holds back for it
    request_id: int | None = None  # None: it has not left yet
    is_settled: bool = False  # whether budget and request log know what it came to


class Engine:
    """Asks the questions it is given. One per run; `submit` and `finish` are called from outside of its thread."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        limits: Limits,
        images: ImageSettings,
        store: Store,
        run_id: str,
        say: Callable[[str], None] = lambda text: None,
    ):
        self._base_url, self._api_key = base_url, api_key
        self._limits, self._images, self._store, self._run_id, self._say = limits, images, store, run_id, say
        self._decoders = ThreadPoolExecutor(max_workers=2, thread_name_prefix="faultline-image")
        # Rows are handed over in lots: a switch between threads for every row would cost more than the row.
        self._lot = max(16, limits.concurrency)
        self._room = threading.Semaphore(4 * self._lot)
        self._room_to_give = 0
        self._handed_over: deque[Work] = deque()
        self._takes_over = False
        self._ready: deque[Work] = deque()
        self._delayed: list[tuple[float, int, Work]] = []
        self._suspects: list[Work] = []
        self._limbo: list[tuple[Work, str, float]] = []
        self._order = itertools.count()
        self._unfinished = 0
        self._tally = Tally()
        self._expected = 0
        self._faults_in_a_row: set[str] = set()
        self._last_success = time.monotonic()
        self._successes = 0
        self._known_questions: set[str] = set()
        self._commit_is_due = False
        self._after_commit: list[Callable[[], None]] = []
        self._idle: asyncio.Event | None = None
        self._pump_is_due = False
        self._alarm: asyncio.TimerHandle | None = None
        self._loop = asyncio.new_event_loop()
        self._started: threading.Event = threading.Event()
        self._start_error: Exception | None = None
        self._thread = threading.Thread(target=self._main, name="faultline-endpoint", daemon=True)
        self._thread.start()
        self._started.wait()
        if self._start_error:
            raise self._start_error

    # ---- from outside

    def begin(self, expected: int):
        """A step begins; so many rows are expected (for the progress line)."""
        self._call(self._begin, expected)

    def submit(self, question: Question) -> bool:
        """Hand in a question; waits while many are queued. False once the run was stopped: the row stays pending."""
        while not self._room.acquire(timeout=0.2):
            if self._tally.stopped:
                return False
        if self._tally.stopped:
            self._room.release()
            return False
        self._handed_over.append(Work(question))
        if not self._takes_over:
            self._takes_over = True
            self._loop.call_soon_threadsafe(self._take_over)
        return True

    def finish(self) -> Tally:
        """Wait until every question has ended."""
        return asyncio.run_coroutine_threadsafe(self._drained(), self._loop).result()

    def cancel(self):
        """Drop everything in flight now. Whatever has arrived is kept."""
        if self._loop.is_running():
            self._loop.call_soon_threadsafe(self._stop, "cancelled", "the run was cancelled", True)

    def close(self):
        if self._loop.is_running():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=5)

    # ---- the loop

    def _call(self, function, *arguments):
        async def called():
            return function(*arguments)

        return asyncio.run_coroutine_threadsafe(called(), self._loop).result()

    def _main(self):
        asyncio.set_event_loop(self._loop)
        tasks: list[asyncio.Task] = []
        try:
            self._idle = asyncio.Event()
            self._idle.set()
            self._transport = self._loop.run_until_complete(self._open_transport())
            now = self._loop.time()
            self._pace = Pace(
                self._limits.concurrency,
                self._limits.requests_per_minute,
                self._limits.tokens_per_minute,
                self._store.recent_requests(60),
                now,
            )
            self._budget = Budget(self._limits, self._store.spent(self._run_id))
            self._in_flight: set[asyncio.Task] = set()
            self._loop.set_exception_handler(self._callback_failed)
            tasks = [self._loop.create_task(self._report())]
        except Exception as error:
            self._start_error = error
            return
        finally:
            self._started.set()
        thresholds = gc.get_threshold()
        gc.set_threshold(OBJECTS_BEFORE_COLLECTION, *thresholds[1:])
        try:
            self._loop.run_forever()
        finally:
            gc.set_threshold(*thresholds)
            self._stop("cancelled", "the run was closed")
            pending = [*tasks, *self._in_flight]
            for task in pending:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
            self._loop.run_until_complete(self._transport.close())
            self._commit_now()
            self._decoders.shutdown(wait=False, cancel_futures=True)
            self._loop.close()

    async def _open_transport(self) -> Transport:
        return Transport(self._base_url, self._api_key, self._limits.timeout_seconds)

    def _begin(self, expected: int):
        stopped, detail = self._tally.stopped, self._tally.detail
        self._tally = Tally()
        self._expected = expected
        self._last_success = time.monotonic()
        # A budget that is used up may have room for another, cheaper step; an outage or a cancel holds for the run.
        if stopped in ("cancelled", "outage", "set_up"):
            self._tally.stopped, self._tally.detail = stopped, detail

    def _take_over(self):
        self._takes_over = False  # first: what is handed over from here on asks for another turn
        while self._handed_over:
            work = self._handed_over.popleft()
            self._tally.submitted += 1
            self._unfinished += 1
            self._idle.clear()
            if self._tally.stopped:
                self._end(work)
            else:
                self._ready.append(work)
        self._pump()

    def _end(self, work: Work):
        if work.has_ended:
            return
        work.has_ended = True
        self._unfinished -= 1
        self._room_to_give += 1
        if self._unfinished == 0 or self._room_to_give >= self._lot:
            self._room.release(self._room_to_give)
            self._room_to_give = 0
        if self._unfinished == 0:
            self._idle.set()

    async def _drained(self) -> Tally:
        await self._idle.wait()
        return self._tally

    def _pump_soon(self):
        """One look at what can be sent for everything that happens in one round of the loop."""
        if not self._pump_is_due:
            self._pump_is_due = True
            self._loop.call_soon(self._pump)

    def _pump(self):
        """Send what is ready, as fast as the pace and the budget allow."""
        self._pump_is_due = False
        now = self._loop.time()
        self._take_up_delayed(now)
        pause = self._delayed[0][0] - now if self._delayed else None
        while self._ready:
            step = self._ready[0].question.step
            price = self._budget.price(self._ready[0].question)
            wait = None if self._must_probe(step) else self._pace.wait(now, step.most_tokens)
            if wait == 0 and self._budget.refuses(price):
                if not self._budget.is_waiting:
                    self._stop("budget", "the budget of the run or of the day is used up")
                wait = None
            if wait == 0:
                self._send(self._ready.popleft(), price)
                continue
            if wait is not None:
                pause = wait if pause is None else min(pause, wait)
            break
        else:
            nothing_comes = self._unfinished and not self._pace.in_flight and not self._delayed
            if nothing_comes and (self._suspects or self._limbo):
                self._settle_doubtful()
        self._wake_after(pause)

    def _take_up_delayed(self, now: float):
        """A row whose wait is over goes first; one that the pace refused last, or it would be refused over and over."""
        first = []
        while self._delayed and self._delayed[0][0] <= now:
            work = heapq.heappop(self._delayed)[2]
            (self._ready if work.is_throttled else first).append(work)
        self._ready.extendleft(reversed(first))

    def _wake_after(self, pause: float | None):
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None if pause is None else self._loop.call_later(pause, self._pump)

    def _must_probe(self, step: Step) -> bool:
        """With a budget in money the first question of a step goes alone: it teaches what the others may cost."""
        if not self._budget.counts_money or not self._pace.in_flight or self._budget.has_learned(step):
            return False
        self._budget.learn(step, self._store.most_input_tokens(step.question))
        return not self._budget.has_learned(step) and step.question not in self._known_questions

    def _send(self, work: Work, price: float):
        self._budget.reserve(price)
        now = self._loop.time()
        if work.backs_off_since is not None:
            work.longest_backoff_seconds = max(work.longest_backoff_seconds, now - work.backs_off_since)
        flight = Flight(work, self._pace.sent(now, work.question.step.most_tokens), price)
        self._tally.most_in_flight = max(self._tally.most_in_flight, self._pace.in_flight)
        task = self._loop.create_task(self._ask(flight))
        self._in_flight.add(task)
        task.add_done_callback(functools.partial(self._landed, flight))

    def _landed(self, flight: Flight, task: asyncio.Task):
        self._in_flight.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._stop_for(error)
        if not flight.is_settled:  # cancelled, or a fault of ours: the server may have worked on it
            is_call = flight.request_id is not None
            self._settle(flight, "lost", flight.work.question.step.cost(None, None) if is_call else 0.0, is_call)
            self._pace.broken(flight.ticket)
        if error is not None or task.cancelled():
            self._end(flight.work)
        self._pump_soon()

    def _settle(self, flight: Flight, state: str, cost: float, is_call: bool):
        """What a request came to; the budget has what was held back for it again."""
        flight.is_settled = True
        self._budget.settle(flight.price, cost, is_call)
        if flight.request_id is not None:
            try:
                self._store.request_ended(flight.request_id, state, cost)
            except EndpointError as error:
                self._stop_for(error)
            self._commit_soon()

    async def _ask(self, flight: Flight):
        """One request. The row is answered, failed, asked again later or, where this ends in an error, left pending."""
        work, question, step = flight.work, flight.work.question, flight.work.question.step
        try:
            body = await self._body(question)
        except UnreadableImage as error:
            self._settle(flight, "", 0.0, False)
            self._pace.broken(flight.ticket)
            self._fail(work, str(error), not error.is_final)
            return
        flight.request_id = self._store.request_sent(self._run_id, flight.price, step.estimated_input_tokens)
        self._commit_soon()
        asked_at, started = time.time(), self._loop.time()
        work.requests_sent += 1
        work.first_asked_at = work.first_asked_at or asked_at
        self._tally.requests += 1
        try:
            reply = await self._transport.ask(body)
        except Fault as fault:
            cost = step.cost(None, None) if fault.may_have_cost else 0.0
            self._settle(flight, "lost" if fault.may_have_cost else "refused", cost, fault.may_have_cost)
            work.cost += cost
            self._tally.cost += cost
            self._after_fault(work, flight.ticket, fault)
            return
        self._keep(flight, reply, asked_at, started)

    def _keep(self, flight: Flight, reply: Reply, asked_at: float, started: float):
        """Write an answer down. What follows from it happens once it is durable."""
        arrived = self._loop.time()
        question, step, answer = flight.work.question, flight.work.question.step, reply.answer
        cost = step.cost(answer.input_tokens, answer.output_tokens)
        tokens = (answer.input_tokens or 0) + (answer.output_tokens or 0)
        self._store.keep_answer(
            {
                "answer_key": question.key,
                "step": step.step,
                "question": step.question,
                "inspection_id": question.inspection_id,
                "raw_response": answer.text,
                "input_tokens": answer.input_tokens,
                "output_tokens": answer.output_tokens,
                "latency_ms": (arrived - started) * 1000,
                "finish_reason": answer.finish_reason,
                "served_model": answer.served_model,
                "requests_sent": flight.work.requests_sent,
                "cost": flight.work.cost + cost,
                "request_cost": cost,
                "run_id": self._run_id,
                "asked_at": asked_at,
            },
            flight.request_id,
            tokens,
        )
        flight.is_settled = True
        self._budget.settle(flight.price, cost, True)
        self._budget.learn(step, answer.input_tokens or 0)
        self._commit_soon(functools.partial(self._answered, flight, reply, started, arrived, tokens, cost))

    def _answered(self, flight: Flight, reply: Reply, started: float, arrived: float, tokens: int, cost: float):
        """An answer is durable: its place in flight is free."""
        self._pace.answered(arrived, flight.ticket, tokens or None, reply.limits)
        self._tally.cost += cost
        self._tally.answered += 1
        self._succeeded(flight.work.question.step, started)
        self._end(flight.work)

    def _commit_soon(self, then: Callable[[], None] | None = None):
        """One commit for everything that happens in one round of the loop; `then` runs when it is durable."""
        if then is not None:
            self._after_commit.append(then)
        if not self._commit_is_due:
            self._commit_is_due = True
            self._loop.call_soon(self._commit_now)

    def _commit_now(self):
        self._commit_is_due = False
        try:
            self._store.commit()
        except EndpointError as error:
            self._stop_for(error)
        then, self._after_commit = self._after_commit, []
        for follow in then:
            follow()
        if then:
            self._pump()

    async def _body(self, question: Question) -> bytes:
        step = question.step
        if not step.sends_image:
            return request_body(step, question)
        if self._images.url_prefix:
            return request_body(step, question, url=image_url(question.image_path or "", self._images))
        jpeg = await self._loop.run_in_executor(
            self._decoders, load_image, question.image_path or "", question.content_sha256, self._images
        )
        return request_body(step, question, jpeg)

    # ---- what an outcome means

    def _succeeded(self, step: Step, asked_at: float):
        self._last_success = time.monotonic()
        self._successes += 1
        self._known_questions.add(step.question)
        if self._faults_in_a_row:
            self._faults_in_a_row.clear()
            self._pace.recovered()
        if self._suspects:  # the server was down, not the rows broken
            for work in self._suspects:
                work.tries = 0
                self._delay(work, backoff_seconds(1))
            self._suspects.clear()
        if self._limbo:
            self._record_limbo(asked_at)

    def _after_fault(self, work: Work, ticket, fault: Fault):
        now = self._loop.time()
        work.is_throttled, work.backs_off_since = fault.kind == "throttled", None
        if self._tally.stopped not in (None, "budget"):  # the run is over: a late fault says nothing about its row
            self._pace.broken(ticket)
            self._end(work)
        elif fault.kind == "throttled":
            self._after_refusal_of_pace(work, ticket, fault, now)
        else:
            self._pace.broken(ticket)
            self._after_other_fault(work, fault, now)

    def _after_refusal_of_pace(self, work: Work, ticket, fault: Fault, now: float):
        self._tally.throttled += 1
        self._pace.refused(now, ticket, fault.retry_after)
        if (fault.retry_after or 0) > LONGEST_RETRY_AFTER:
            self._end(work)
            self._stop("outage", f"the server asks to wait {fault.retry_after:.0f} s ({fault.text})")
        elif not self._give_up(work, fault, max(self._limits.outage_seconds, 180 + (fault.retry_after or 0))):
            wait = fault.retry_after if fault.retry_after is not None else self._backoff(work)
            self._delay(work, wait + 0.02)

    def _after_other_fault(self, work: Work, fault: Fault, now: float):
        if fault.kind == "set_up":
            self._end(work)
            self._stop("set_up", fault.text)
        elif fault.kind == "refused":
            self._after_refusal(work, fault)
        elif fault.kind == "unusable":
            self._fail(work, fault.text, True)
        elif fault.kind == "unreachable":
            self._after_unreachable(work, fault, now)
        else:
            self._after_transient(work, fault, now)

    def _after_refusal(self, work: Work, fault: Fault):
        """The row's fault for good once another row is answered after it; until then it may be the request's."""
        self._limbo.append((work, fault.text, self._loop.time()))
        if not self._is_known(work.question.step):
            if len(self._limbo) >= FIRST_REFUSALS:
                self._stop(
                    "set_up", f"the first {len(self._limbo)} requests of the step were all refused: {fault.text}"
                )
        elif len(self._limbo) >= REFUSALS_IN_A_ROW:
            # Each has failed once: rows that are really bad are given up in time, good ones come through when the
            # server is mended before that.
            refused = len(self._limbo)
            self._settle_doubtful()
            self._stop("set_up", f"{refused} requests in a row were refused: {fault.text}")

    def _after_unreachable(self, work: Work, fault: Fault, now: float):
        """Nothing was asked, so it is no try of the row: wait for the server, then give up for this run."""
        if self._give_up(work, fault, self._limits.outage_seconds):
            return
        self._faults_in_a_row.add(work.question.key)
        self._pace.slow_to_one(now, backoff_seconds(3))
        self._delay(work, backoff_seconds(2))

    def _after_transient(self, work: Work, fault: Fault, now: float):
        work.tries += 1
        self._faults_in_a_row.add(work.question.key)
        looks_down = len(self._faults_in_a_row) >= ROWS_OF_AN_OUTAGE or self._successes == 0
        if looks_down and self._give_up(
            work, fault, max(self._limits.outage_seconds, self._limits.timeout_seconds + 10)
        ):
            return
        if looks_down:
            self._pace.slow_to_one(now, backoff_seconds(min(4, work.tries)))
        if work.tries < self._limits.max_tries:
            wait = self._backoff(work)
            self._delay(work, wait if fault.retry_after is None else max(wait, fault.retry_after))
        elif looks_down:
            self._last_error = fault.text
            self._suspects.append(work)
        else:
            self._fail(work, fault.text, True)

    def _give_up(self, work: Work, fault: Fault, patience: float) -> bool:
        """Stop the run after so many seconds without one answer; no row is blamed for it."""
        if time.monotonic() - self._last_success <= patience:
            return False
        self._end(work)
        self._stop("outage", f"no answer for {patience:g} s ({fault.text})")
        return True

    def _is_known(self, step: Step) -> bool:
        """Whether this model ever answered this prompt: then a refusal is about the row."""
        if step.question not in self._known_questions and self._store.has_answers_to(step.question):
            self._known_questions.add(step.question)
        return step.question in self._known_questions

    def _record_limbo(self, asked_at: float):
        """Another row, asked after them, was answered: these were refused for good."""
        for work, text, _ in [entry for entry in self._limbo if entry[2] <= asked_at]:
            self._fail(work, text, False)
        self._limbo = [entry for entry in self._limbo if entry[2] > asked_at]

    def _settle_doubtful(self):
        """Nothing else is left to tell whether these rows or the server are at fault: their failures stand."""
        for work in self._suspects:
            self._fail(work, self._last_error, True)
        self._suspects.clear()
        for work, text, _ in self._limbo:
            is_one_of_many = len(self._limbo) >= FIRST_REFUSALS
            self._fail(work, text, is_one_of_many or not self._is_known(work.question.step))
        self._limbo.clear()

    def _fail(self, work: Work, error: str, is_retryable: bool):
        question = work.question
        try:
            self._store.keep_failure(
                question.key,
                self._run_id,
                question.inspection_id,
                error,
                is_retryable,
                work.requests_sent,
                work.cost,
                work.first_asked_at or time.time(),
            )
            self._commit_soon()
            self._tally.failed += 1
        except EndpointError as problem:
            self._stop_for(problem)
        self._end(work)

    def _backoff(self, work: Work) -> float:
        """Seconds; longer than it took the row before, whatever held it up then."""
        work.backs_off_since = self._loop.time()
        return max(backoff_seconds(work.tries), min(LONGEST_BACKOFF, 1.25 * work.longest_backoff_seconds))

    def _delay(self, work: Work, seconds: float):
        if self._tally.stopped:
            self._end(work)
            return
        heapq.heappush(self._delayed, (self._loop.time() + seconds, next(self._order), work))
        self._pump_soon()

    def _stop(self, reason: str, detail: str, drop_in_flight: bool = False):
        """Nothing more is sent; what is queued stays pending, what is in flight is waited for unless dropped."""
        if self._tally.stopped not in (None, "budget"):
            return
        self._tally.stopped, self._tally.detail = reason, detail
        queued = [
            *self._ready,
            *(entry[2] for entry in self._delayed),
            *self._suspects,
            *(entry[0] for entry in self._limbo),
        ]
        for kept in (self._ready, self._delayed, self._suspects, self._limbo):
            kept.clear()
        for work in queued:
            self._end(work)
        if drop_in_flight:
            for task in list(self._in_flight):
                task.cancel()

    def _callback_failed(self, loop: asyncio.AbstractEventLoop, context: dict):
        if "handle" in context and "exception" in context:  # of a callback; all else is only told
            self._stop_for(context["exception"])
        else:
            loop.default_exception_handler(context)

    def _stop_for(self, error: BaseException):
        """A fault of this machine or of ours: no row is blamed, and nothing waits for ever."""
        is_told = isinstance(error, EndpointError)  # by the store, which says what is wrong with it
        self._stop("set_up", str(error) if is_told else f"internal error: {type(error).__name__}: {error}")

    # ---- progress

    async def _report(self):
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            if self._unfinished:
                self._say(progress_line(self._tally, self._expected, len(self._in_flight)))
