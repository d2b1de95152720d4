"""Signatures of messages, by which receivers authenticate them.

Source: the Standard Webhooks specification, section "Signature scheme" (symmetric).
"""

import hashlib
import hmac
from base64 import b64encode

from scenarist.domain.webhooks import decode_secret


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of one attempt.

    Args:
        timestamp: The time of the attempt, in Unix seconds; receivers reject an old one.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(decode_secret(secret), signed, hashlib.sha256).digest()
    return f"v1,{b64encode(digest).decode()}"
