"""Who may enter simulated flow8: its one user and the keys, in the documented form."""

import base64
import json
from typing import Any


def make_key(scope: str) -> str:
    """A made-up API key in the documented form, a JWT that names its scopes."""
    claims: dict[str, Any] = {
        "userId": "664e00000000000000000001",
        "companyId": "664e000000000000000000c0",
    }
    claims |= {"keyId": f"key-{scope}", "scopes": [scope], "iat": 1_717_400_000}
    parts = ({"alg": "HS256", "typ": "JWT"}, claims, f"demo signature of {scope}")
    packed = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts)
    return ".".join(part.decode().rstrip("=") for part in packed)


API_KEY = make_key("standard")
MCP_KEY = make_key("mcp")  # is for the MCP server alone
EMAIL = "operations@nordhafen.example"
PASSWORD = "demo-flow8-password"
COOKIE = "sid"
SESSION_SECONDS = 3600


USER = {
    "id": "664e00000000000000000001",
    "email": EMAIL,
    "name": "Operations desk",
    "companyId": "664e000000000000000000c0",
}
