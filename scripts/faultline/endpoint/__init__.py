"""The endpoint backend: asks an OpenAI-compatible server for the AI steps and loses no answer it was given.

plugin     registers the SQL functions with dbt-duckdb; all it imports at start
session    one dbt run: what each step asks, rows in, outcomes out; thread-safe
engine     many requests in flight and retries; asyncio in a thread of its own
budget     limits of calls and money, kept while requests are in flight
tally      what became of the rows, and the line of progress
pace       how fast to ask: quotas, 429s, how many at once
transport  one HTTP request with every bound on what comes back
questions  what is sent: messages, answer schema, the key under which an answer is kept
images     a picture from the image root, checked and made small
store      SQLite: answers, failures of this run, and every request with what it cost
"""


class EndpointError(Exception):
    """The endpoint cannot be used as it is set up; the message says what to mend. Never holds the key."""
