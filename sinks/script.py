"""What a stand-in was told to do wrong, and for which calls."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator


class Step(BaseModel):
    """One misbehaviour, for `times` calls whose path begins with `path`, after letting `after` of them pass.

    `status` answers at once with that status, `body` and `headers`. `hang` keeps the connection open for so many
    seconds and then closes it, the call unread. `close` cuts the connection before or after the call is taken in.
    `nonsense` answers with bytes that are not HTTP. `delay_ms` takes the call in and answers late.
    """

    model_config = ConfigDict(extra="forbid")

    path: str = ""
    after: int = Field(0, ge=0)
    times: int = Field(1, ge=1)
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    headers: dict[str, str] = {}
    body: str = ""
    hang: Annotated[float, Field(gt=0)] | None = None
    close: Literal["before", "after"] | None = None
    nonsense: bool = False
    delay_ms: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        chosen = [self.status is not None, self.hang is not None, self.close is not None, self.nonsense]
        if sum([*chosen, self.delay_ms is not None]) != 1:
            raise ValueError("a step needs exactly one of status, hang, close, nonsense and delay_ms")
        return self


_STEPS = TypeAdapter(list[Step])


class Script:
    """Steps are used up in their order; the first that matches a call is the only one it meets."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def load(self, document: bytes) -> None:
        """Replaces what is left. Raises pydantic's `ValidationError`."""
        self.steps = _STEPS.validate_json(document)

    def next(self, path: str) -> Step | None:
        for position, step in enumerate(self.steps):
            if not path.startswith(step.path):
                continue
            if step.after > 0:
                step.after -= 1
                continue
            step.times -= 1
            if step.times == 0:
                del self.steps[position]
            return step
        return None
