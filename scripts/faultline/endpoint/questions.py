"""What is sent: the messages, the form of the answer that is asked for, and the key under which an answer is kept."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from faultline.endpoint import EndpointError
from faultline.endpoint.images import ImageSettings

OPENING, CLOSING = "<inspection_data>", "</inspection_data>"
STRUCTURED_OUTPUTS = ("json_schema", "json_object", "none")
KEY_FORMAT = 1

# Stands for nothing a person writes: control, bidirectional, zero-width and filling characters, the invisible tag
# letters and the variation selectors, in which whole sentences can be hidden.
INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
LOOKALIKES = str.maketrans({"＜": "&lt;", "﹤": "&lt;", "＞": "&gt;", "﹥": "&gt;"})


@dataclass(frozen=True, eq=False)
class Step:
    """What one step of a run asks, and of whom. Built from the settings that dbt hands over."""

    step: str
    model: str
    served_as: str
    prompt_version: str
    prompt_md5: str
    prompt_text: str
    sends_image: bool
    labels: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    answer_keys: dict[str, str] = field(default_factory=dict)
    structured_output: str = "json_schema"
    request_options: dict = field(default_factory=dict)
    input_price: float = 0.0  # per token
    output_price: float = 0.0
    estimated_input_tokens: int = 0
    estimated_output_tokens: int = 0
    max_answer_tokens: int = 512

    def __post_init__(self):
        if self.structured_output not in STRUCTURED_OUTPUTS:
            raise EndpointError(
                f"structured_output of model '{self.model}' is '{self.structured_output}'; it is one of "
                + ", ".join(STRUCTURED_OUTPUTS)
            )
        if self.step == "diagnose":
            split_template(self.prompt_text)

    @cached_property
    def question(self) -> str:
        """Names the question for all rows."""
        return "|".join((self.step, self.served_as, self.prompt_version, self.prompt_md5))

    @property
    def most_tokens(self) -> int:
        """What a request counts for against a quota of tokens: servers reserve for the longest answer."""
        return self.estimated_input_tokens + self.max_answer_tokens

    def highest_cost(self, input_tokens: int) -> float:
        """What one request can cost: so many tokens in, or as many as estimated, and the longest answer allowed."""
        input_tokens = max(input_tokens, self.estimated_input_tokens)
        return input_tokens * self.input_price + self.max_answer_tokens * self.output_price

    def cost(self, input_tokens: int | None, output_tokens: int | None) -> float:
        """Money for the tokens; the estimate where the server did not count them."""
        if input_tokens is None and output_tokens is None:
            input_tokens, output_tokens = self.estimated_input_tokens, self.estimated_output_tokens
        return (input_tokens or 0) * self.input_price + (output_tokens or 0) * self.output_price


@dataclass(frozen=True, slots=True)
class Question:
    """One row's question."""

    key: str
    step: Step
    inspection_id: str
    content_sha256: str | None
    image_path: str | None
    prompt_text: str | None


def answer_key(step: Step, content_sha256: str | None, prompt_text: str | None, images: ImageSettings) -> str:
    """The same for the same question, whatever row it stands in."""
    picture = [(content_sha256 or "").lower(), images.edge_px, images.quality] if step.sends_image else None
    parts = [KEY_FORMAT, step.step, step.served_as, step.prompt_version, step.prompt_md5, prompt_text, picture]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


def split_template(template: str) -> tuple[str, str]:
    """What stands before and after the data of a prompt; a prompt with a row's values outside of it is refused."""
    start, end = template.rfind(OPENING), template.rfind(CLOSING)
    if start < 0 or end < start:
        raise EndpointError(
            f"the prompt has no part between {OPENING} and {CLOSING}, the only place for a row's values"
        )
    before, after = template[:start], template[end + len(CLOSING) :]
    outside = re.findall(r"\[[a-z_]+\]", before + after)
    if outside:
        raise EndpointError(
            f"the prompt has {', '.join(outside)} outside of {OPENING}: a row's values are data, not instruction"
        )
    return before, after


def harmless(text: str) -> str:
    """Data without characters that hide or imitate a delimiter."""
    return INVISIBLE.sub("", text).translate(LOOKALIKES)


def messages(step: Step, question: Question, jpeg: bytes | None, url: str | None) -> list[dict]:
    """The instruction stands in the system role alone, a row's values and its picture in the user role alone."""
    if step.step == "diagnose":
        before, after = split_template(step.prompt_text)
        filled = question.prompt_text or ""
        if not (filled.startswith(before + OPENING) and filled.endswith(CLOSING + after)):
            raise ValueError("the row's text does not come from the prompt of the step")
        inner = filled[len(before) + len(OPENING) : len(filled) - len(after) - len(CLOSING)]
        inner = harmless(inner).replace(OPENING, "").replace(CLOSING, "")
        instruction, data = (before + after).strip(), OPENING + inner + CLOSING
    else:
        instruction, data = step.prompt_text, None
    system = " ".join(part for part in (instruction, form_in_words(step)) if part)
    parts = []
    if data is not None:
        parts.append({"type": "text", "text": data})
    if jpeg is not None:
        url = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
    if url is not None:
        parts.append({"type": "image_url", "image_url": {"url": url}})
    user = data if len(parts) == 1 and data is not None else parts
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]


def form_in_words(step: Step) -> str:
    """The form of the answer for every server: those with structured output get it as a schema too."""
    if step.step == "classify":
        labels = ", ".join(f'"{label}"' for label in step.labels)
        if step.structured_output == "none":
            return f"The labels are: {labels}."
        return f'Answer with a JSON object {{"label": ...}} and nothing else; the label is one of: {labels}.'
    if step.step == "extract":
        return "Keys and what they hold: " + json.dumps(step.answer_keys, ensure_ascii=False) + ". Answer in JSON."
    return ""


def answer_schema(step: Step) -> dict:
    """The JSON schema of an answer: flat, every key required, nothing else allowed."""
    text = {"type": "string"}
    if step.step == "classify":
        properties = {"label": {"type": "string", "enum": list(step.labels)}}
    elif step.step == "extract":
        # Texts throughout, as AI_EXTRACT gives them: an empty text says that something cannot be seen.
        properties = {key: {"type": "string", "description": meaning} for key, meaning in step.answer_keys.items()}
    else:
        properties = {
            "root_cause": text,
            "action": {**text, "enum": list(step.actions)},
            "confidence": {"type": "number"},
        }
        if step.labels:
            properties = {"root_cause_code": {**text, "enum": list(step.labels)}, **properties}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def request_body(step: Step, question: Question, jpeg: bytes | None = None, url: str | None = None) -> bytes:
    """The body of the HTTP request."""
    if step.step == "diagnose":
        return _as_json(_body(step, messages(step, question, jpeg, url)))
    if jpeg is not None:
        url = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
    before, after = _frame(step)
    return before + json.dumps(url, ensure_ascii=False).encode() + after


@lru_cache(maxsize=16)
def _frame(step: Step) -> tuple[bytes, bytes]:
    """What stands before and after the picture: the same for every row of a step that sends no words of the row."""
    mark = "\u2063picture\u2063"
    body = _as_json(_body(step, messages(step, Question("", step, "", None, None, None), None, mark)))
    before, _, after = body.partition(json.dumps(mark, ensure_ascii=False).encode())
    return before, after


def _as_json(body: dict) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _body(step: Step, conversation: list[dict]) -> dict:
    body = {
        "model": step.served_as,
        "messages": conversation,
        "temperature": 0,
        "max_tokens": step.max_answer_tokens,
    }
    if step.structured_output == "json_schema":
        schema = {"name": step.step, "strict": True, "schema": answer_schema(step)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif step.structured_output == "json_object":
        body["response_format"] = {"type": "json_object"}
    for name, value in step.request_options.items():
        if value is None:
            body.pop(name, None)
        else:
            body[name] = value
    return body
