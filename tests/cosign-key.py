#!/usr/bin/env python3
"""cosign-key.py PASSWORD <pkcs8.der >cosign.key: a private key as cosign keeps it, made without any code of cbuild's."""

import base64
import hashlib
import json
import os
import struct
import sys


def rounds(state):
    x = list(state)

    def mix(a, b, c, d):
        for to, one, other, by in ((b, a, d, 7), (c, b, a, 9), (d, c, b, 13), (a, d, c, 18)):
            total = (x[one] + x[other]) & 0xFFFFFFFF
            x[to] ^= (total << by | total >> (32 - by)) & 0xFFFFFFFF

    for _ in range(10):
        for column in ((0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11)):
            mix(*column)
        for row in ((0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14)):
            mix(*row)
    return x


def fill(key, data):
    k, d, c = struct.unpack("<8I", key), struct.unpack("<4I", data), struct.unpack("<4I", b"expand 32-byte k")
    return [c[0], *k[:4], c[1], *d, c[2], *k[4:], c[3]]


def key_stream(key, nonce, length):
    x = rounds(fill(key, nonce[:16]))
    own = struct.pack("<8I", x[0], x[5], x[10], x[15], *x[6:10])
    stream = b""
    for number in range(length // 64 + 1):
        begun = fill(own, nonce[16:] + struct.pack("<Q", number))
        stream += struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(rounds(begun), begun)))
    return stream[:length]


def poly1305(key, data):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for at in range(0, len(data), 16):
        total = (total + int.from_bytes(data[at : at + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((total + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def main():
    text, salt, nonce = sys.stdin.buffer.read(), os.urandom(32), os.urandom(24)
    params = {"N": 32768, "r": 8, "p": 1}
    key = hashlib.scrypt(sys.argv[1].encode(), salt=salt, n=params["N"], r=8, p=1, maxmem=1 << 27, dklen=32)
    stream = key_stream(key, nonce, 32 + len(text))
    sealed = bytes(a ^ b for a, b in zip(text, stream[32:]))
    sealed = poly1305(stream[:32], sealed) + sealed
    encode = lambda data: base64.b64encode(data).decode()
    form = {
        "kdf": {"name": "scrypt", "params": params, "salt": encode(salt)},
        "cipher": {"name": "nacl/secretbox", "nonce": encode(nonce)},
        "ciphertext": encode(sealed),
    }
    body = encode(json.dumps(form).encode())
    print("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----")
    for at in range(0, len(body), 64):
        print(body[at : at + 64])
    print("-----END ENCRYPTED SIGSTORE PRIVATE KEY-----")


main()
