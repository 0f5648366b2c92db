"""The JSON API, included below /api/v1/: who may call it, how it is read, written, described."""

from __future__ import annotations

from typing import Any, NoReturn

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest
from django.urls import register_converter
from django.urls.converters import StringConverter
from ninja import NinjaAPI, Router
from ninja.parser import Parser
from ninja.renderers import BaseRenderer
from ninja.responses import NinjaJSONEncoder
from ninja.security import HttpBearer

from executions.access import api_tokens
from executions.api import errors, read, write
from providers import exact_json

MAX_BODY = 2**20  # bytes
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


class Bearer(HttpBearer):
    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        return api_tokens.owner_of(token)


class StrictParser(Parser):
    """Bodies as strict as what is stored: no NaN, no key twice, not too deep, not too long."""

    def parse_body(self, request: HttpRequest) -> Any:
        if len(request.body) > MAX_BODY:
            raise ValueError("too long")
        return exact_json.read_strictly(request.body)


class DigitsRenderer(BaseRenderer):
    """JSON with the digits of numbers as they came."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return exact_json.write(data, other=NinjaJSONEncoder().default)


api = NinjaAPI(
    title="Annunciator",
    version="1",
    description="Executions of several workflow engines in one place.",
    urls_namespace="api-v1",
    auth=Bearer(),
    parser=StrictParser(),
    renderer=DigitsRenderer(),
    docs_url=None,
    openapi_url=None,
)
errors.install(api)


class RestOfPath(StringConverter):
    regex = r"[\s\S]+"  # line ends too, which `path` leaves to the pages


register_converter(RestOfPath, "rest_of_path")
last = Router()


@last.get("openapi.json", include_in_schema=False)
def describe(request: HttpRequest) -> dict[str, Any]:
    """This API in OpenAPI's words."""
    return dict(api.get_openapi_schema())


@last.api_operation(METHODS, "{rest_of_path:rest}", include_in_schema=False)
def nothing(request: HttpRequest, rest: str) -> NoReturn:
    raise Http404


for router in (read.router, write.router, last):
    api.add_router("", router)

app_name = "api-v1"
urlpatterns = api.urls[0]
for pattern in urlpatterns:
    # The token decides; the sign-in page is no answer for a program.
    setattr(pattern.callback, "login_required", False)  # noqa: B010 - not known to its type
    if getattr(pattern, "name", "") == "output":
        setattr(pattern.callback, "is_download", True)  # noqa: B010 - streamed as pages do it
