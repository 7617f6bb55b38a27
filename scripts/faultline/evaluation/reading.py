"""Raw answers as the SQL models read them: macros bare_answer, flat_json_object, normalised_label, to_share, to_bigint.

A test holds these functions and the compiled macros against each other.
"""

import json
import re

# What RE2 means by \s and \p{Z}.
BLANK = "[\t\n\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
STRING = (
    r'"([^"\\\x00-\x1f\x7f]|\\["\\/bfnrt]'
    r"|\\u(000[1-9a-fA-F]|00[1-9a-fA-F][0-9a-fA-F]|0[1-9a-fA-F][0-9a-fA-F]{2}|[1-9a-ce-fA-CE-F][0-9a-fA-F]{3}"
    r'|[dD][0-7][0-9a-fA-F]{2}|[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}))*"'
)
SPACE = r"[\t\n\f\r ]*"
NUMBER = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?"
PAIR = f"{STRING}{SPACE}:{SPACE}({STRING}|{NUMBER}|true|false|null)"
FLAT_OBJECT = re.compile(rf"\{{{SPACE}{PAIR}({SPACE},{SPACE}{PAIR})*{SPACE}\}}")


def trimmed(text: str | None) -> str | None:
    """Without blanks at its ends; None where nothing is left."""
    return re.sub(rf"^{BLANK}+|{BLANK}+\Z", "", text or "") or None


def normalised(text: str | None) -> str:
    """The form in which labels are compared."""
    return (trimmed(re.sub(f"{BLANK}+", " ", text or "")) or "").lower()


def flat_object(raw_response: str) -> dict[str, str | None] | None:
    """The flat JSON object in an answer, its values as texts; None where there is none."""
    found = re.search(r"\{.*\}", raw_response, re.DOTALL)
    if not found or not FLAT_OBJECT.fullmatch(found[0]):
        return None
    values: dict[str, str | None] = {}

    def keep_first(pairs):
        for name, value in pairs:
            values.setdefault(name, str(value).lower() if isinstance(value, bool) else value)
        return values

    return json.loads(found[0], object_pairs_hook=keep_first, parse_int=str, parse_float=str)


def bare_answer(raw_response: str) -> str:
    """A label out of what models wrap round it: a fence, quotation marks, an object with the key label."""
    label = (flat_object(raw_response) or {}).get("label")
    if label is not None:
        return label
    unfenced = re.sub(r"^[\t\n\f\r ]*```[a-z]*[\t\n\f\r ]|[\t\n\f\r ]*```[\t\n\f\r ]*\Z", "", raw_response)
    return re.sub(r'^[\t\n\f\r ]*"|"[\t\n\f\r ]*\Z', "", unfenced)


def as_share(text: str | None) -> float | None:
    """A plain number from 0 to 1."""
    if not re.fullmatch(rf"{SPACE}[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{{1,3}})?{SPACE}", text or ""):
        return None
    number = float(text)
    return number if 0 <= number <= 1 else None


def as_count(text: str | None) -> int | None:
    """A whole number from 0."""
    if not re.fullmatch(rf"{SPACE}[+-]?[0-9]+(\.0*)?{SPACE}", text or ""):
        return None
    number = int(text.strip().partition(".")[0])
    return number if 0 <= number < 2**63 else None
