"""The key by which push services know this site (VAPID, RFC 8292): made once, sealed as credentials
are. Browsers are bound to it; without it each has to be set up again."""

from __future__ import annotations

from base64 import urlsafe_b64encode

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from executions.models import PushKey
from providers import sealing

CONTEXT = "push key"
CURVE = ec.SECP256R1()


def private() -> ec.EllipticCurvePrivateKey:
    """Raises SealError."""
    return ec.derive_private_key(int(sealing.unseal(CONTEXT, row().sealed), 16), CURVE)


def row() -> PushKey:
    """Made on first use; of several processes the first one wins."""
    found = PushKey.objects.filter(pk=1).first()
    if found is None:
        made = ec.generate_private_key(CURVE)
        number = f"{made.private_numbers().private_value:x}"
        PushKey.objects.bulk_create(
            [PushKey(pk=1, sealed=sealing.seal(CONTEXT, number), public=point_of(made))],
            ignore_conflicts=True,
        )
        found = PushKey.objects.get(pk=1)
    return found


def point_of(key: ec.EllipticCurvePrivateKey) -> str:
    """Its public half as browsers and push services take it: 65 octets in base64url."""
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return urlsafe_b64encode(point).rstrip(b"=").decode()
