"""The site as an app on somebody's device: its manifest, and the worker that keeps what its person
saw last for the time when the site cannot be reached (static/js/service_worker.js)."""

from __future__ import annotations

import json
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_GET

WORKER = Path(settings.BASE_DIR) / "static" / "js" / "service_worker.js"
BARS = {"light": "#ffffff", "dark": "#14181c"}  # --bar of css/tokens.css
GROUND = "#f6f7f8"  # --ground, in the light theme
ICONS = (("icon-192.png", 192, "any"), ("icon-512.png", 512, "any"))
MASKABLE = ("icon-maskable-512.png", 512, "maskable")


@login_not_required
@require_GET
def manifest(request: HttpRequest) -> HttpResponse:
    """What a browser needs to install the site; the same for everybody."""
    home, inbox = reverse("executions:list"), reverse("executions:inbox")
    drawn = {"src": static("icon.svg"), "sizes": "any", "type": "image/svg+xml"}
    found = {
        "id": home,
        "name": "Annunciator",
        "short_name": "Annunciator",
        "description": "What runs, what failed, and what waits for you.",
        "start_url": home,
        "scope": home,
        "display": "standalone",
        "theme_color": BARS["light"],
        "background_color": GROUND,
        "icons": [
            drawn,
            *(
                {
                    "src": static(f"icons/{name}"),
                    "sizes": f"{size}x{size}",
                    "type": "image/png",
                    "purpose": purpose,
                }
                for name, size, purpose in (*ICONS, MASKABLE)
            ),
        ],
        "shortcuts": [
            {"name": "Inbox", "url": inbox, "icons": [drawn]},
            {"name": "Failing", "url": f"{home}?lamp=failed&is=unresolved", "icons": [drawn]},
        ],
    }
    answer = JsonResponse(found, content_type="application/manifest+json")
    answer["Cache-Control"] = "no-cache"
    return answer


@login_not_required
@require_GET
def service_worker(request: HttpRequest) -> HttpResponse:
    """From the root, which is its scope; asked for anew each time, so that a new version of the
    site has its own."""
    words = "".join(f"const {name} = {json.dumps(each)};\n" for name, each in _given().items())
    script = words + WORKER.read_text("utf-8")
    answer = HttpResponse(script, content_type="text/javascript; charset=utf-8")
    answer["Cache-Control"] = "no-cache"
    return answer


@login_not_required
@require_GET
def offline(request: HttpRequest) -> HttpResponse:
    """What the worker shows where it has kept nothing; asked for without cookies."""
    return render(request, "executions/web/offline.html")


def app_version() -> str:
    """Of the worker and of what its pages are drawn with; a page of another one is not kept."""
    return str(_given()["VERSION"])


def _given() -> dict[str, Any]:
    """The constants in front of the worker."""
    assets = (static("css/site.css"), static("icon.svg"), reverse("executions:offline"))
    kept = [reverse(f"executions:{name}") for name in ("list", "inbox", "overview")]
    return {
        "VERSION": _version(assets),
        "ASSETS": assets,
        "KEPT": kept,
        "OFFLINE": assets[-1],
        "SIGN_IN": reverse("login"),
        "SIGN_OUT": reverse("logout"),
        "LEFT_ALONE": [reverse("admin:index"), reverse("executions:wall")],
        "ICON": static(f"icons/{ICONS[0][0]}"),
        "DAY": settings.SESSION_COOKIE_AGE * 1000,
    }


@cache
def _version(assets: tuple[str, ...]) -> str:
    return sha256(WORKER.read_bytes() + "\n".join(assets).encode()).hexdigest()[:12]
