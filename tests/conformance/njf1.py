#!/usr/bin/env python3
"""Opens a recording file of Nightjar, given its epoch keys: njf1.py FILE EPOCH_ID:KEY...  (hexadecimal)

Writes the plaintext of all fragments, one after another, to stdout: an fMP4 file. Writes each header as a line of
JSON to stderr. Exits with 1 at the first byte that is not authentic. Written from docs/reference/njf1.md alone;
needs only the package `cryptography`.
"""

import hashlib
import json
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

HEADER = struct.Struct(">4sBBH16s16s16sQqII16s")
CHUNK, TAG = 256 * 1024, 16
NAMES = "magic suite stream flags owner source epoch sequence start duration sealed salt".split()


def parse(raw):
    header = dict(zip(NAMES, HEADER.unpack(raw)))
    if header["magic"] != b"NJF1" or header["suite"] != 1:
        raise ValueError("not the header of a fragment")
    return header


def open_fragment(raw_header, sealed, epoch_key):
    info = b"nj/frag/v1" + hashlib.sha256(raw_header).digest()
    cipher = AESGCM(HKDFExpand(SHA256(), 32, info).derive(epoch_key))
    chunks = [sealed[at : at + CHUNK + TAG] for at in range(0, len(sealed), CHUNK + TAG)]
    for index, chunk in enumerate(chunks):
        is_last = index + 1 == len(chunks)
        yield cipher.decrypt(index.to_bytes(11, "big") + bytes([is_last]), chunk, None)


def main(path, keys):
    keys = {bytes.fromhex(name): bytes.fromhex(key) for name, _, key in (pair.partition(":") for pair in keys)}
    with open(path, "rb") as file:
        while raw := file.read(HEADER.size):
            if len(raw) < HEADER.size:
                raise ValueError("the last header is cut off")
            header = parse(raw)
            sealed = file.read(header["sealed"])
            if len(sealed) < header["sealed"]:
                raise ValueError("the last fragment is cut off")
            for plain in open_fragment(raw, sealed, keys[header["epoch"]]):
                sys.stdout.buffer.write(plain)
            shown = {name: value.hex() if isinstance(value, bytes) else value for name, value in header.items()}
            print(json.dumps(shown), file=sys.stderr)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2:])
    except (IndexError, KeyError, ValueError, InvalidTag) as error:
        sys.exit(f"njf1: {error!r}")
