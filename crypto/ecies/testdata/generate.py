"""Writes ecies.json: messages sealed in the profile of spec/ecies.md by
pyca/cryptography (OpenSSL). Run: python3 generate.py > ecies.json"""

import hashlib
import json

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF


def private(label):
    n = int.from_bytes(hashlib.sha256(label.encode()).digest(), "big")
    return ec.derive_private_key(n, ec.SECP256K1())


def compressed(key):
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )


def number(key):
    return key.private_numbers().private_value.to_bytes(32, "big").hex()


out = []
for i in range(24):
    recipient, ephemeral = private(f"recipient {i}"), private(f"ephemeral {i}")
    info, plaintext = hashlib.shake_128(f"info {i}".encode()).digest(i % 5 * 9), hashlib.shake_128(
        f"plaintext {i}".encode()
    ).digest(i * 13)
    shared = ephemeral.exchange(ec.ECDH(), recipient.public_key())
    r = compressed(ephemeral)
    keys = X963KDF(hashes.SHA256(), 64, r).derive(shared)
    cipher = Cipher(algorithms.AES(keys[:32]), modes.CTR(bytes(16))).encryptor()
    ciphertext = cipher.update(plaintext) + cipher.finalize()
    mac = hmac.HMAC(keys[32:], hashes.SHA256())
    mac.update(ciphertext + info + len(info).to_bytes(8, "big"))
    out.append(
        {
            "private": number(recipient),
            "public": compressed(recipient).hex(),
            "ephemeral": number(ephemeral),
            "info": info.hex(),
            "plaintext": plaintext.hex(),
            "sealed": (r + ciphertext + mac.finalize()).hex(),
        }
    )
print(json.dumps(out, indent=1))
