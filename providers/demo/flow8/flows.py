"""What simulated flow8 holds from the start: its flows, their layers, and what can fail in them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from providers.demo.trade import ERP_AWAY

# key -> (name, category, steps). ! needs approval, ? waits for an outside event, - is filtered
# out, ~ may fail without failing the play; a + joins parallel steps.
FLOWS = {
    "payout": (
        "Claim pay-out", "claims",
        "readClaim checkCover alertTeam- approvePayOut! payOut notifyCustomer",
    ),
    "release": (
        "Supplier invoice release", "finance",
        "downloadPdf extractText releaseByCostCenter! releaseByFinance! postToLedger",
    ),
    "addendum": (
        "Contract change", "contracts",
        "readContract signOffLegal!+signOffActuary! renderAddendum sendAddendum",
    ),
    "carrier": (
        "Carrier booking", "logistics", "readOrder bookCarrier awaitConfirmation? updateOrder",
    ),
    "intake": (
        "Invoice intake", "finance", "downloadPdf extractText classifyInvoice postToLedger",
    ),
    "address": (
        "Customer address change", "service",
        "validateAddress updateCrm+updatePolicySystem sendLetter",
    ),
    "ledger": (
        "Nightly ledger export", "finance", "openPeriod exportLedger checkTotals uploadToWarehouse",
    ),
    "stock": ("Stock level alert", "logistics", "readStock compareThresholds alertBuyer"),
    "damage": (
        "Damage report triage", "claims", "readReport scoreDamage~ assignAdjuster notifyCustomer",
    ),
    "close": (
        "Month-end reconciliation", "finance",
        "lockPeriod readPremiums readReinsurance readCommissions matchPremiums matchReinsurance "
        "matchCommissions writeDifferences renderReport publishReport",
    ),
    "matching": (
        "Rechnungsprüfung Zürich", "finance", "downloadPdf extractText matchOrder postToLedger",
    ),
    "suppliers": (
        "Supplier master data sync", "procurement", "readSuppliers enrichTaxIds~ writeErp",
    ),
    "order": (
        "Sales order", "sales",
        "readOrder checkCredit? booking reserveStock? pickArticles? packParcel? handOver? "
        "sendInvoice",
    ),
    "tour": (
        "Delivery tour", "logistics",
        "loadVan leaveDepot? firstStop? secondStop? thirdStop? fourthStop? fifthStop? sixthStop? "
        "seventhStop? eighthStop? ninthStop? tenthStop? eleventhStop? twelfthStop? returnToDepot?",
    ),
    "fax": ("Fax intake (old)", "service", "readFax extractText createCase"),
}  # fmt: skip
SWITCHED_OFF = ("fax",)
FAILURES = {
    "extractText": (
        "PDF is encrypted and cannot be read",
        "execution timeout after 60 s",
        "Page 3 holds no text and text recognition is not licensed",
    ),
    "updateCrm": ("connect ETIMEDOUT 10.20.4.17:8443", "Customer record is locked by another user"),
    "bookCarrier": ("Carrier answered 503 Service Unavailable after 3 attempts",),
    "compareThresholds": ("Material 88-1204 has no reorder threshold",),
    "scoreDamage": ("Image service answered 429 Too Many Requests after 5 attempts",),
    "booking": (ERP_AWAY,),
    "enrichTaxIds": ("Tax id service is in maintenance until 06:00 UTC",),
}  # by the step that fails


@dataclass(frozen=True)
class Layer:
    """A step of a flow."""

    id: str
    ref: str
    index: int
    marks: str

    @property
    def waits(self) -> bool:
        return bool(set(self.marks) & {"!", "?"})

    def as_json(self) -> dict[str, Any]:
        words = "".join(f" {c.lower()}" if c.isupper() else c for c in self.ref)
        shown = {"id": self.id, "ref": self.ref, "name": words.capitalize(), "index": self.index}
        on_error = {"onError": "continue"} if "~" in self.marks else {}
        return shown | {"needsApproval": "!" in self.marks} | on_error


def id_of(name: str) -> str:
    """The id of a flow or a layer: the same in every installation."""
    return hashlib.blake2b(name.encode(), digest_size=12).hexdigest()


@dataclass(frozen=True)
class Flow:
    id: str
    key: str
    name: str
    category: str
    enabled: bool
    created_at: datetime
    layers: tuple[Layer, ...]

    def groups(self) -> list[list[Layer]]:
        """Layers that run together, in order."""
        places = sorted({layer.index for layer in self.layers})
        return [[layer for layer in self.layers if layer.index == place] for place in places]

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "enabled": self.enabled,
            "category": self.category,
            "groupId": None,
            "permanentId": f"flow-{self.key}",
            "version": 1 + len(self.layers),
            "createdAt": stamp(self.created_at),
            "updatedAt": stamp(self.created_at + timedelta(days=40)),
        }


def stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
