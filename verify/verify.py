#!/usr/bin/env python3
"""Verifies what Comity proves, without Comity: proofs of entries, proofs of consistency, and checkpoints.

It is written from docs/src/reference/ledger-format.md alone and shares no code with the program. Python 3.8 and its
standard library are enough; if the package `cryptography` is installed, signatures are checked faster.

    verify.py --key VKEY FILE                         a proof, a consistency proof, or a checkpoint
    verify.py --key VKEY --witness VKEY FILE          and each of these witnesses must have signed it, too
    verify.py --key VKEY --consistent-with OLD FILE   and it must agree with a checkpoint kept elsewhere
    verify.py --key VKEY --batch < FILES              many files, each after a line with its length in bytes

Exit code 0: it holds. 9: it does not. 2: the command line is wrong. With --batch, there is one line for each file, and
the exit code is 0 if all could be read to their end.
"""

import argparse
import base64
import hashlib
import json
import re
import sys


class Bad(Exception):
    """What was to be shown does not hold."""


def need(condition, why):
    if not condition:
        raise Bad(why)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# ------------------------------------------------------------------------------------------------ text

LONGEST = 64 * 1024
LARGEST = 2**53 - 1


def number(text):
    need(re.fullmatch(r"0|[1-9][0-9]{0,15}", text, re.ASCII), "a number is misspelt")
    need(int(text) <= LARGEST, "a number is too large")
    return int(text)


def unbase64(text):
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise Bad("base64 is misspelt")
    need(base64.b64encode(raw).decode() == text, "base64 is misspelt")
    return raw


def hashes(text):
    """Hashes one after another; `-` stands for none."""
    if text == "-":
        return []
    raw = unbase64(text)
    need(raw and len(raw) % 32 == 0, "a path is not made of hashes")
    return [raw[at : at + 32] for at in range(0, len(raw), 32)]


def path_of(text):
    path = hashes(text)
    need(len(path) <= 64, "a path is too long")
    return path


def words(line, name, count):
    parts = line.split(" ")
    need(len(parts) == count + 1 and parts[0] == name, "the `%s` line is misspelt" % name)
    return parts[1:]


# ------------------------------------------------------------------------------------------------ trees (RFC 9162, 2.1)


def leaf_hash(data):
    return sha256(b"\x00", data)


def node_hash(left, right):
    return sha256(b"\x01", left, right)


def root_of_path(leaf, index, size, path):
    """RFC 9162, 2.1.3.2."""
    need(index < size, "the place is outside the tree")
    fn, sn, r = index, size - 1, leaf
    for p in path:
        need(sn != 0, "a path is too long")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while fn & 1 == 0 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "a path is too short")
    return r


def check_consistent(old, new, path):
    """RFC 9162, 2.1.4.2. Each of the trees is (size, root)."""
    (first, first_root), (second, second_root) = old, new
    need(first <= second, "the later tree is the smaller one")
    if first == 0:
        need(not path and first_root == sha256(), "an empty tree has another root")
        return
    if first == second:
        need(not path and first_root == second_root, "two trees of one size differ")
        return
    if first & (first - 1) == 0:
        path = [first_root] + path
    need(path, "a path is too short")
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        need(sn != 0, "a path is too long")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while fn & 1 == 0 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "a path is too short")
    need((fr, sr) == (first_root, second_root), "the later tree does not begin with the earlier one")


# ------------------------------------------------------------------------------------------------ Ed25519 (RFC 8032)

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1, 1, 0)


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(n, p):
    q = NEUTRAL
    while n:
        if n & 1:
            q = add(q, p)
        p, n = add(p, p), n >> 1
    return q


def same_point(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def point(raw):
    """The point that 32 bytes stand for, or None."""
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def pure_ed25519(key, message, signature):
    """Points of small order are refused, so that one signature cannot stand for two messages."""
    a, r, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= Q:
        return False
    if same_point(times(8, a), NEUTRAL) or same_point(times(8, r), NEUTRAL):
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % Q
    return same_point(times(s, BASE), add(r, times(k, a)))


def fast_ed25519():
    """The same through a library, if it is there."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return None

    def check(key, message, signature):
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        # The library does not look for points of small order.
        a, r = point(key), point(signature[:32])
        return not (a is None or r is None or same_point(times(8, a), NEUTRAL) or same_point(times(8, r), NEUTRAL))

    return check


# ------------------------------------------------------------------------------------------------ notes (C2SP signed-note)

ED25519, COSIGNATURE = 1, 4


class Key:
    """A public key as it is written: NAME+HASH+BASE64."""

    def __init__(self, vkey, check):
        parts = vkey.split("+", 2)
        need(len(parts) == 3, "a key is misspelt")
        self.name, said, raw = parts[0], parts[1], unbase64(parts[2])
        need(name_is_fine(self.name), "a key has no name")
        need(len(raw) == 33 and raw[0] in (ED25519, COSIGNATURE), "a key is of an unknown kind")
        self.id = sha256(self.name.encode(), b"\n", raw)[:4]
        need(self.id.hex() == said, "a key does not match its own hash")
        self.kind, self.raw, self.check, self.seen = raw[0], raw[1:], check, {}

    def signed(self, text, signature):
        """Whether this key signed the text. Answers are kept: many proofs share a checkpoint."""
        found = self.seen.get((text, signature))
        if found is None:
            found = self.seen[(text, signature)] = self.look(text, signature)
        return found

    def look(self, text, signature):
        if self.kind == ED25519:
            return len(signature) == 64 and self.check(self.raw, text, signature)
        # C2SP tlog-cosignature: the time in seconds, then a signature over it and the checkpoint.
        if len(signature) != 72:
            return False
        when = int.from_bytes(signature[:8], "big")
        if when >= 2**63:
            return False
        message = b"cosignature/v1\ntime %d\n" % when + text
        return self.check(self.raw, message, signature[8:])


def name_is_fine(name):
    plain = all(c > " " and c != "+" and not c.isspace() for c in name)
    return plain and 0 < len(name.encode()) <= 255


def open_note(raw, keys):
    """The text of a note that every one of these keys has signed."""
    try:
        note = raw.decode()
    except UnicodeDecodeError:
        raise Bad("a checkpoint is not UTF-8")
    need(not any(c < " " and c != "\n" for c in note), "a checkpoint has a control character")
    at = note.rfind("\n\n")
    need(at >= 0 and note.endswith("\n"), "a checkpoint is not signed")
    text, lines = note[: at + 1], note[at + 2 :].split("\n")[:-1]
    need(0 < len(lines) <= 100, "a checkpoint has no signature, or too many")
    signers = set()
    for line in lines:
        parts = line.split(" ")
        need(len(parts) == 3 and parts[0] == "\u2014" and name_is_fine(parts[1]), "a signature line is misspelt")
        signature = unbase64(parts[2])
        need(len(signature) >= 5, "a signature is too short")
        for key in keys:
            if (key.name, key.id) == (parts[1], signature[:4]):
                need(key.signed(text.encode(), signature[4:]), "a signature of `%s` does not hold" % key.name)
                signers.add(key)
    for key in keys:
        need(key in signers, "`%s` has not signed it" % key.name)
    return text


def checkpoint(raw, key, witnesses):
    """(origin, (size, root)) of a signed checkpoint."""
    lines = open_note(raw, [key] + witnesses).split("\n")
    need(len(lines) == 4 and lines[3] == "" and lines[0], "a checkpoint is not three lines")
    root = unbase64(lines[2])
    need(len(root) == 32, "a root is not 32 bytes")
    need(lines[0] == key.name, "the key is another log's")
    return lines[0], (number(lines[1]), root)


# ------------------------------------------------------------------------------------------------ what is verified

KINDS = {"open": 0, "head": 1, "close": 2}
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def run_id(text):
    need(re.fullmatch("run_[0-7][%s]{25}" % CROCKFORD, text), "the entry names no run")
    return id_bytes(text[4:])


def id_bytes(letters):
    value = 0
    for character in letters:
        value = value * 32 + CROCKFORD.index(character)
    return value.to_bytes(16, "big")


def entry_of(body):
    """The entry, if its body is canonical."""
    try:
        entry = json.loads(body)
        canonical = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError):
        raise Bad("the entry is not JSON")
    need(isinstance(entry, dict) and canonical == body and entry.get("v") == 1, "the entry is not canonical")
    need(all(isinstance(entry.get(name), str) for name in ("kind", "run", "tenant")), "the entry names no run")
    return entry


# What the bytes 0x00 to 0x1b, and then 0xf8 to 0xff, stand for in a packed body.
PHRASES = [
    '{"at":',
    ',"at":',
    '{"approval":"',
    ',"caps":{"micro_usd":',
    ',"checks":[["approval","',
    'pass"],["breaker","pass"],["budget","pass"],["deadline","pass"],["depth","pass"],["input_size","pass"],["risk","',
    'pass"],["step_limit","pass"]]',
    'pass"],["',
    ',"expires":',
    ',"hold":{"micro_usd":',
    ',"millis":',
    ',"steps":',
    ',"tokens":',
    ',"kind":"',
    '","namespace":"default","payloads":{"act":"',
    '","namespace":"default","payloads":{"output":"',
    '","namespace":"',
    '"},"policy":"',
    '","principal":"',
    '"},"principal":"',
    '","release":{"micro_usd":',
    '},"run":"',
    '","run":"',
    '","step":{"attempt":1,"contract":"',
    '","id":"',
    '","idempotent":true,"iteration":0,"kind":"tool_call","ordinal":',
    ',"risk":1},"tenant":"',
    'usage":{"micro_usd":',
    '","note":"',
    '","status":"',
    '","reason":"',
    '","idempotent":true,"iteration":0,"kind":"',
    '","parent":"',
    ',"ordinal":',
    '"breaker","pass"],["budget","pass"],["deadline","pass"],["depth","pass"],["input_size","pass"],["risk","pass"],["step_limit","pass"]]',
    '"},"reason":"',
]
PHRASES = {place if place < 0x1C else place - 0x1C + 0xF8: phrase.encode() for place, phrase in enumerate(PHRASES)}
VALUE = re.compile(rb"[0-9a-f]{64}|(run|stp|apr)_[0-7][0-9A-HJKMNP-TV-Z]{25}")
DIGEST, IDS = 0x1C, {0x1D: b"run_", 0x1E: b"stp_", 0x1F: b"apr_"}


def id_text(raw):
    value = int.from_bytes(raw, "big")
    return "".join(CROCKFORD[value >> 5 * place & 31] for place in range(25, -1, -1)).encode()


def pack(body):
    out, at = bytearray(), 0
    while at < len(body):
        fits = [code for code, phrase in PHRASES.items() if body.startswith(phrase, at)]
        value = VALUE.match(body, at)
        if fits:
            code = max(fits, key=lambda fit: len(PHRASES[fit]))
            out.append(code)
            at += len(PHRASES[code])
        elif value and value[1]:
            out.append({prefix: code for code, prefix in IDS.items()}[value[1] + b"_"])
            out += id_bytes(value[0][4:].decode())
            at = value.end()
        elif value:
            out.append(DIGEST)
            out += bytes.fromhex(value[0].decode())
            at = value.end()
        else:
            need(body[at] >= 0x20, "a body has a control character")
            out.append(body[at])
            at += 1
    return bytes(out)


def unpack(packed):
    out, at = b"", 0
    while at < len(packed):
        code, rest = packed[at], packed[at + 1 :]
        length = 32 if code == DIGEST else 16 if code in IDS else 0
        need(len(rest) >= length, "a packed body is cut off")
        if code in PHRASES:
            out += PHRASES[code]
        elif code == DIGEST:
            out += rest[:32].hex().encode()
        elif code in IDS:
            out += IDS[code] + id_text(rest[:16])
        else:
            out += packed[at : at + 1]
        at += 1 + length
    need(pack(out) == packed, "a packed body is misspelt")
    try:
        return out.decode()
    except UnicodeDecodeError:
        raise Bad("a packed body is not UTF-8")


def proof(text, key, witnesses):
    head, found, note = text.partition("\n\n")
    lines = head.split("\n")
    need(found and len(lines) == 5, "it is not a whole proof")
    body = lines[2] if lines[0].endswith("v1") else unpack(unbase64(lines[2]))
    seq, before = words(lines[1], "entry", 2)
    kind, size, run_path = words(lines[3], "run", 3)
    index, log_path = words(lines[4], "log", 2)
    seq, size, index, before = number(seq), number(size), number(index), hashes(before)
    run_path, log_path = path_of(run_path), path_of(log_path)
    need(len(before) == 1 and kind in KINDS, "it is not a whole proof")
    origin, (log_size, root) = checkpoint(note.encode(), key, witnesses)
    need((seq == 0) == (before[0] == bytes(32)), "the hash before the entry is not one that place can have")
    entry = entry_of(body)
    hashed = sha256(b"comity/entry/v1\n", before[0], seq.to_bytes(8, "big"), body.encode())
    run_root = root_of_path(leaf_hash(hashed), seq, size, run_path)
    leaf = b"comity/leaf/v1\n" + run_id(entry["run"]) + bytes([KINDS[kind]]) + size.to_bytes(8, "big") + run_root
    top = root_of_path(leaf_hash(leaf), index, log_size, log_path)
    need(top == root, "the entry is not in the log that was signed")
    need(re.fullmatch("comity/[0-9a-f]{32}/%s" % re.escape(entry["tenant"]), origin), "the log is another tenant's")
    return "entry %d of %s is in the log of %d leaves" % (seq, entry["run"], log_size), [(origin, (log_size, root))]


def consistency(text, key, witnesses):
    parts = text.split("\n\n")
    need(len(parts) == 5, "it does not have two checkpoints")
    lines = parts[0].split("\n")
    need(len(lines) == 2, "it is not a whole proof")
    (path,) = words(lines[1], "path", 1)
    path = path_of(path)
    # Of the older checkpoint the log's own signature is enough: what it leads to is witnessed.
    old = checkpoint(("%s\n\n%s\n" % (parts[1], parts[2])).encode(), key, [])
    new = checkpoint(("%s\n\n%s" % (parts[3], parts[4])).encode(), key, witnesses)
    need(old[0] == new[0], "the checkpoints are of two logs")
    check_consistent(old[1], new[1], path)
    return "the log of %d leaves begins with the one of %d" % (new[1][0], old[1][0]), [old, new]


def verify(raw, key, witnesses, kept=None):
    """What holds, in words. Raises Bad if it does not."""
    need(len(raw) <= LONGEST, "it is longer than 64 KiB")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Bad("it is not UTF-8")
    first = text.partition("\n")[0]
    if first in ("comity/proof/v1", "comity/proof/v2"):
        what, heads = proof(text, key, witnesses)
    elif first == "comity/consistency/v1":
        what, heads = consistency(text, key, witnesses)
    else:
        heads = [checkpoint(raw, key, witnesses)]
        what = "a checkpoint of %d leaves" % heads[0][1][0]
    if kept is not None:
        need(checkpoint(kept, key, []) in heads, "it does not lead to the checkpoint that was kept")
    return what


# ------------------------------------------------------------------------------------------------ command line


def batch(key, witnesses):
    """One line for each file: `ok` or `bad`, and why."""
    while True:
        length = sys.stdin.buffer.readline()
        if not length:
            return 0
        raw = sys.stdin.buffer.read(int(length))
        if len(raw) != int(length):
            return 2
        try:
            print("ok", verify(raw, key, witnesses))
        except Bad as bad:
            print("bad", bad)


def main():
    parser = argparse.ArgumentParser(description="Verifies proofs and checkpoints of Comity.")
    parser.add_argument("file", nargs="?")
    parser.add_argument("--key", required=True, metavar="VKEY", help="the log's public key")
    parser.add_argument("--witness", action="append", default=[], metavar="VKEY", help="must have signed it, too")
    parser.add_argument("--consistent-with", metavar="FILE", help="a checkpoint kept elsewhere")
    parser.add_argument("--batch", action="store_true", help="files on stdin, each after a line with its length")
    parser.add_argument("--pure", action="store_true", help="use the standard library only")
    args = parser.parse_args()
    check = pure_ed25519 if args.pure else fast_ed25519() or pure_ed25519
    try:
        key, witnesses = Key(args.key, check), [Key(vkey, check) for vkey in args.witness]
    except Bad as bad:
        parser.error(str(bad))
    if args.batch == bool(args.file):
        parser.error("name one file, or say --batch")
    if args.batch:
        return batch(key, witnesses)
    try:
        with open(args.file, "rb") as file:
            raw = file.read(LONGEST + 1)
        kept = None
        if args.consistent_with:
            with open(args.consistent_with, "rb") as file:
                kept = file.read(LONGEST + 1)
    except OSError as error:
        parser.error(str(error))
    try:
        print("valid:", verify(raw, key, witnesses, kept))
        return 0
    except Bad as bad:
        print("not valid:", bad)
        return 9


if __name__ == "__main__":
    sys.exit(main())
