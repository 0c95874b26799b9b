"""What one Acme account is told, and with which secret."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class AcmeConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    client_secret: SecretStr = Field(min_length=8, description="Acme: Settings, API; a token is lent for it")
    base_url: str = Field("https://api.acme.example", pattern=r"^https?://\S+$", description="where Acme is")
    reminders: bool = Field(True, description="whether abandoned carts are told")
