"""What simulated 8x8 Automation holds from the start: its definitions, and how long steps take.

From the vendor's OpenAPI file and support articles (read in November 2026).
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from providers.demo.simulator import GOES_ON_AFTER
from providers.demo.trade import ERP_AWAY

ACCOUNT_ID = "nordhafen"

# key -> (name, trigger, sub-account, latest version, steps as id:stepType)
DEFINITIONS = {
    "order": (
        "Order confirmation", "http_request", "nordhafen_wa", 1,
        "read_order:HttpRequest booking:HttpRequest send_confirmation:ChatAppsMessage "
        "log_confirmation:HttpRequest",
    ),
    "notice": (
        "Parcel notice", "http_request", "nordhafen_wa", 4,
        "send_notice:ChatAppsMessage log_notice:HttpRequest",
    ),
    "reschedule": (
        "Parcel rescheduling", "inbound_chat_apps", "nordhafen_wa", 3,
        "ask_slot:ChatAppsMessage await_slot:WaitForReply book_slot:HttpRequest "
        "confirm_slot:ChatAppsMessage",
    ),
    "reminder": (
        "Appointment reminder", "http_request", "nordhafen_sms", 1,
        "send_reminder:SMS until_the_day_before:Wait send_second_reminder:SMS",
    ),
    "claim": (
        "Claim intake by chat", "inbound_chat_apps", "nordhafen_wa", 2,
        "greet:ChatAppsMessage ask_policy_number:ChatAppsMessage "
        "await_policy_number:WaitForReply look_up_policy:HttpRequest has_cover:If "
        "open_claim:HttpRequest send_claim_number:ChatAppsMessage",
    ),
    "roadside": (
        "Roadside assistance", "http_request", "nordhafen_sms", 1,
        "locate_car:HttpRequest choose_partner:Branch send_partner:SMS tell_customer:SMS",
    ),
    "driver": (
        "Driver check-in", "http_request", "nordhafen_sms", 1,
        "ask_position:SMS read_position:HttpRequest has_arrived:If",
    ),
    "alarm": (
        "Warehouse alarm", "http_request", "nordhafen_voice", 1,
        "call_guard:VoiceMessage await_key_press:WaitForDTMF report_alarm:HttpRequest",
    ),
    "dunning": (
        "Overdue invoice reminder", "http_request", "nordhafen_sms", 2,
        "read_balance:HttpRequest send_payment_link:SMS log_notice:HttpRequest",
    ),
    "redelivery": (
        "Avis de livraison à Genève", "http_request", "nordhafen_wa", 1,
        "send_notice:ChatAppsMessage log_notice:HttpRequest",
    ),
    "survey": (
        "Delivery survey of the day", "http_request", "nordhafen_sms", 1,
        "read_deliveries:HttpRequest send_north:SMS send_east:SMS send_south:SMS send_west:SMS "
        "send_islands:SMS collect_replies:HttpRequest score_replies:HttpRequest "
        "store_scores:HttpRequest report_to_depots:HttpRequest",
    ),
    "campaign": (
        "Winter tyre campaign", "http_request", "nordhafen_sms", 2,
        "read_contacts:HttpRequest send_offer:SMS await_answer:WaitForReply "
        "book_appointment:HttpRequest",
    ),
}  # fmt: skip

SECONDS = {
    "SMS": 3.0, "ChatAppsMessage": 3.0, "VoiceMessage": 20.0, "HttpRequest": 4.0, "If": 1.0,
    "Branch": 1.0, "Wait": 900.0, "WaitForReply": GOES_ON_AFTER, "WaitForDTMF": GOES_ON_AFTER,
}  # fmt: skip
BLOCKED = {
    "Wait": "Sleeping", "WaitForReply": "WaitingForEvent", "WaitForDTMF": "WaitingForEvent",
}  # fmt: skip
FAULTS = {
    "SMS": (
        "Destination number is not reachable.",
        "Sender id NORDHAFEN is not registered for the destination country.",
    ),
    "ChatAppsMessage": (
        "Template parcel_notice_de is paused because of its quality rating.",
        "The 24 hour session window is closed; only template messages can be sent.",
    ),
    "HttpRequest": (
        "The remote server returned an error: (503) Service Unavailable.",
        "Request to https://tms.nordhafen.example/slots timed out after 30 seconds.",
        "The remote server returned an error: (422) The customer number is unknown.",
    ),
}
FAULTS_OF_STEP = {"booking": (ERP_AWAY,)}  # instead of those of its type


def id_of(key: str) -> str:
    """The id of a definition: the same in every account."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"8x8 definition {key}"))


@dataclass
class Definition:
    """A workflow definition; version 1 had one step less than the later ones."""

    id: str
    name: str
    trigger: str
    sub_account: str
    version: int
    steps: list[tuple[str, str]]
    created_at: datetime
    status: str = "enabled"

    def steps_of(self, version: int) -> list[tuple[str, str]]:
        return self.steps[:-1] if version == 1 < self.version else self.steps

    def as_json(self, version: int, shape: str) -> dict[str, Any]:
        steps = self.steps_of(version)
        following = [{"nextStepId": name} for name, _ in steps[1:]] + [{}]
        inner: dict[str, Any] = {
            "name": self.name,
            "steps": [
                {"id": name, "stepType": kind} | after
                for (name, kind), after in zip(steps, following, strict=True)
            ],
        }
        identity = {"id": self.id, "version": version}
        outer: dict[str, Any] = {
            "accountId": ACCOUNT_ID,
            "trigger": self.trigger,
            "status": self.status if version == self.version else "disabled",
            "createdAt": stamp(self.created_at + timedelta(days=9 * version)),
        }
        # schema and example in the vendor's OpenAPI file differ (read in November 2026)
        if shape == "top":
            return identity | outer | {"subAccountId": self.sub_account, "definition": inner}
        return outer | {"subaccountId": self.sub_account, "definition": identity | inner}


def stamp(at: datetime | None, digits: int = 2) -> str | None:
    """ISO 8601 in UTC; both 2 and 7 fraction digits occur in the seed's examples."""
    if at is None:
        return None
    fraction = f"{at.microsecond:06d}{at.microsecond % 9 + 1}"[:digits]
    return f"{at:%Y-%m-%dT%H:%M:%S}.{fraction}Z"
