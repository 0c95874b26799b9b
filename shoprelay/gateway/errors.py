"""What the gateway answers when it cannot: RFC 9457 problems, in sentences, with what to do. Never what a platform
wrote, never a value that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import orjson
from pydantic import BaseModel, ConfigDict, Field

MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """One field that cannot be used."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    field: str = Field(description="where it stands: items.0.quantity, or a parameter's name; empty for the whole")
    problem: str
    remedy: str


class ProblemDocument(BaseModel):
    """Why there is no answer (RFC 9457). `type` leads to its paragraph on the page of documentation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    status: int
    title: str
    remedy: str


KINDS = {
    "invalid-question": Kind(400, "The question cannot be understood", "Mend what `errors` names."),
    "no-key": Kind(401, "No valid key", "Send `Authorization: Bearer <key>` with one of the keys of this gateway."),
    "not-found": Kind(404, "The platform does not know it", "An order is known some seconds after it was entered."),
    "no-such-path": Kind(404, "No such path", "Look at /v1/docs."),
    "wrong-method": Kind(405, "This path is asked in another way", "Use the method that `Allow` names."),
    "too-slow": Kind(408, "The question did not arrive in time", "Send the body at once."),
    "too-large": Kind(413, "The question is too large", "Ask in several smaller ones."),
    "not-json": Kind(415, "The body is not declared as JSON", "Send `Content-Type: application/json`."),
    "declined": Kind(422, "The platform would not answer this question", "`detail` has the platform's own word."),
    "too-many-requests": Kind(429, "Too many requests with this key", "Wait as long as `Retry-After` says."),
    "internal": Kind(500, "The gateway made a mistake", "Tell whoever runs it; its log has the place."),
    "unreadable-answer": Kind(502, "The platform's answer is not as documented", "Tell whoever runs the gateway."),
    "not-let-in": Kind(502, "The platform refuses the gateway's credentials", "Tell whoever runs the gateway."),
    "away": Kind(503, "The platform is away", "Ask again after `Retry-After`."),
    "throttled": Kind(503, "The platform asks for a pause", "Ask again after `Retry-After`."),
    "overloaded": Kind(503, "More questions than the platform allows", "Ask less often, after `Retry-After`."),
    "banned": Kind(503, "The platform has blocked this address for some minutes", "Ask again after `Retry-After`."),
    "timeout": Kind(504, "The platform did not answer in time", "Ask again; nothing was changed."),
}  # fmt: skip


class Problem(Exception):
    """`kind` is one of `KINDS`. `retry_after` are seconds, told rounded up and at least as 1."""

    def __init__(
        self, kind: str, detail: str, errors: tuple[FieldProblem, ...] = (), retry_after: float | None = None
    ) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind, self.detail, self.errors = kind, detail, errors
        self.status = KINDS[kind].status
        self.retry_after = None if retry_after is None else max(1, ceil(retry_after))

    def body(self) -> bytes:
        document = ProblemDocument(
            type=f"/v1/docs#{self.kind}",
            title=KINDS[self.kind].title,
            status=self.status,
            detail=self.detail,
            errors=self.errors,
        )
        return orjson.dumps(document.model_dump())

    def headers(self) -> dict[str, str]:
        headers = {"Content-Type": MEDIA_TYPE}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        if self.kind == "no-key":
            headers["WWW-Authenticate"] = "Bearer"
        return headers
