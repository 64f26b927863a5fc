#!/usr/bin/env python3
"""Says offline what a proof of `collabcampus prove` proves; where it proves nothing, it fails and says why."""

import argparse
import json
import struct
from base64 import b64decode, b64encode
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID


def hashed(*parts):
    return sha256(b"".join(parts)).digest()


def leaf(project, event):  # of the envelope, and of the data through their salted digest; lengths leave one reading
    if ("digest" in event) == ("data" in event) or len(event.get("digest") or event["salt"] * 2) != 64:
        raise ValueError("there is a digest of 32 bytes, or data with a salt of 16")
    digest = event.get("digest") or hashed(bytes.fromhex(event["salt"]), event["data"].encode()).hex()
    at = (datetime.strptime(event["at"], "%Y-%m-%dT%H:%M:%S.%fZ") - datetime(2000, 1, 1)) // datetime.resolution
    ids = project, event["position"], UUID(event["actor"]).bytes, UUID(event["commandId"]).bytes, at
    kind = event["type"].encode()
    parts = bytes.fromhex(digest), struct.pack(">i", len(kind)), kind, event["key"].encode()
    return hashed(struct.pack(">16sq16s16sq", *ids), *parts)


def included(project, head, keys):  # the time of the checkpoint that has this head, and is signed by one of the keys
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    text, _, lines = head["checkpoint"].rpartition("\n\n")
    for name, _, key in (line.split("+", 2) for line in keys.split()):
        key_id = hashed(name.encode(), b"\n", b64decode(key))[:4]
        for signature in (b64decode(line.rpartition(" ")[2])[4:] for line in lines.splitlines()):
            if f"— {name} {b64encode(key_id + signature).decode()}\n" in lines.splitlines(True):
                Ed25519PublicKey.from_public_bytes(b64decode(key)[1:]).verify(signature, f"{text}\n".encode())
                node = hashed(b"\0", project, struct.pack(">q", head["position"]), bytes.fromhex(head["hash"]))
                for side, sibling in ((side, bytes.fromhex(each)) for side, each in head["path"]):
                    node = hashed(b"\1", *{"left": (sibling, node), "right": (node, sibling)}[side])
                if node == b64decode(text.split("\n")[2]):
                    return text.split("\n")[3].split(" ")[1]
    raise ValueError("no key has signed a checkpoint that covers it")


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("proof", type=lambda file: json.loads(Path(file).read_text()))
parser.add_argument("public_key", type=lambda file: Path(file).read_text(), help="evidence.key.pub of the log")
proof, keys = vars(parser.parse_args()).values()
project, since, to = UUID(proof["projectId"]).bytes, proof.get("event") or proof["from"], proof["to"]
before = bytes.fromhex(proof["predecessor"] if "event" in proof else since["hash"])
link = hashed(before, leaf(project, since)) if "event" in proof else before
for each in proof["links"]:
    link = hashed(link, bytes.fromhex(each))
if (since["position"] + len(proof["links"]), link.hex()) != (to["position"], to["hash"]):
    raise SystemExit("the links do not lead to the head in the checkpoint")
shown = ("position", "type", "key", "actor", "commandId", "at", "data")
signed = [included(project, each, keys) for each in ([to] if "event" in proof else [since, to])]
said = {each: since[each] for each in shown if each in since}
print(json.dumps({"projectId": proof["projectId"], **said, "head": to["position"], "signedAt": signed}))
