"""Checks an evidence archive with nothing but Python's standard library: list of members, digests, chains. `python check.py FILE.zip`

The signature is not checked here (README.txt says how OpenSSL does it), nor are the rules run again (`ortoo verify` does).
"""

import hashlib
import json
import sys
import zipfile


def sha256(*parts: bytes) -> bytes:
    """Return the digest of the parts, one after another."""
    return hashlib.sha256(b"".join(parts)).digest()


def chain_problem(stream: str, lines: list[bytes], events: int, head: str) -> str:
    """Return what is wrong with a stream; empty if nothing."""
    digest = sha256(b"ortoo/stream/v1\n", stream.encode())
    for number, line in enumerate(lines, start=1):
        record = json.loads(line)
        content = bytes.fromhex(record["content"])
        if record["n"] != number:
            return f"line {number}: a line is missing or was moved"
        if "header" in record:
            header = json.dumps(record["header"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
            body = record["body"].encode()
            salt = bytes.fromhex(record["salt"])
            if sha256(b"ortoo/event/v1\n", salt, len(header).to_bytes(4, "big"), header, body) != content:
                return f"line {number}: the record was changed"
        digest = sha256(b"ortoo/chain/v1\n", digest, content)
    if len(lines) != events or digest.hex() != head:
        return "the chain does not end where the manifest says"
    return ""


def main(path: str) -> int:
    """Print what is wrong; 0 when nothing is."""
    problems = []
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        listed = {member["name"]: member for member in manifest["members"]}
        names = set(archive.namelist()) - {"manifest.json", "manifest.sig"}
        problems += [f"{name}: missing" for name in sorted(set(listed) - names)]
        problems += [f"{name}: not in the manifest" for name in sorted(names - set(listed))]
        data = {}
        for name in sorted(names & set(listed)):
            try:
                data[name] = archive.read(name)
            except (zipfile.BadZipFile, OSError) as damage:
                problems.append(f"{name}: {damage}")
                continue
            if hashlib.sha256(data[name]).hexdigest() != listed[name]["sha256"]:
                problems.append(f"{name}: was changed")
        for stream in manifest["streams"]:
            lines = data.get(stream["member"], b"").splitlines()
            problem = chain_problem(stream["stream"], lines, stream["events"], stream["digest"])
            if problem:
                problems.append(f"{stream['member']}: {problem}")
    for problem in problems:
        print("BAD ", problem)
    print(
        f"{'NOT ' if problems else ''}sound: {len(listed)} members, {len(manifest['streams'])} chains; edition {manifest['edition']}"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("python check.py FILE.zip")
    sys.exit(main(sys.argv[1]))
