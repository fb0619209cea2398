"""Prints what an evidence archive of a large lot costs: `python -m tools.measure_evidence 50000` (no database; one core)."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.canonical import canonical_bytes
from engine.evidence.archive import ArchiveWriter, StreamHead
from engine.evidence.archive_checking import check_archive
from engine.evidence.claims import stream_claim
from engine.evidence.editions import Edition, withheld
from engine.evidence.lines import line_of
from engine.journal.codec import encode_event
from engine.journal.digests import first_digest
from engine.journal.sealing import seal
from engine.rules.auction import events as a
from engine.rules.auction.commands import Subject
from engine.rules.auction.evolving import evolve
from engine.rules.auction.state import LotState
from engine.rules.auction.terms import Closing, FixedIncrement, Terms
from engine.typesetting.request import Frame, data_digest, statement_bytes
from engine.values import Amount, InstantUs, LotId, PartyId, shard_of

LOT = LotId("large")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def main(bids: int) -> None:
    """Write and check an archive of a lot with so many bids."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "large.zip"
        began = time.perf_counter()
        events = _write(path, bids)
        written = time.perf_counter()
        verdict = check_archive(path)
        checked = time.perf_counter()
        assert verdict.clean, verdict.findings
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"{events} events: {path.stat().st_size / 1e6:.1f} MB, written in {written - began:.1f} s,"
            f" checked with the rules in {checked - written:.1f} s, peak memory {peak} MB"
        )


def _events(bids: int) -> list[a.Event]:
    terms = Terms(
        closing=Closing(opens_at_us=InstantUs(1), closes_at_us=InstantUs(bids + 10)),
        increment=FixedIncrement(Amount(1)),
        start_price=Amount(1),
    )
    found: list[a.Event] = [
        a.LotPublished(terms=terms, subject=Subject(title_zh="大标的", title_en="Large"), seller_id=PartyId("seller")),
        a.BidderAdmitted(bidder_id=PartyId("b0"), code="100"),
        a.BidderAdmitted(bidder_id=PartyId("b1"), code="200"),
        a.LotOpened(free_ends_at_us=None, closes_at_us=InstantUs(bids + 10)),
    ]
    for number in range(1, bids + 1):
        code = ("100", "200")[number % 2]
        found.append(
            a.BidAccepted(
                bidder_id=PartyId(f"b{number % 2}"), code=code, kind=a.BidKind.BID, amount=Amount(number), maximum=None,
                price=Amount(number), price_changed=True, leader_code=code, automatic=False,
                closes_at_us=InstantUs(bids + 10), extended=False,
            )
        )  # fmt: skip
    winner, code = f"b{bids % 2}", ("100", "200")[bids % 2]
    ended = InstantUs(bids + 10)
    return [*found, a.LotSold(winner_id=PartyId(winner), code=code, price=Amount(bids), ended_at_us=ended)]


def _write(path: Path, bids: int) -> int:
    stream, member = f"lot/{LOT}", "streams/lot-large.jsonl"
    digest, state = first_digest(stream), None
    with path.open("w+b") as file:
        archive = ArchiveWriter(file)
        with archive.member(member) as writer:
            for place, event in enumerate(_events(bids), start=1):
                name, version, body = encode_event(event)
                record = seal(
                    shard=shard_of(LOT), seq=place, epoch=1, stream=stream, stream_seq=place, type_version=(name, version),
                    at_us=InstantUs(place), arrived_at_us=None, command_id=bytes(16), request_digest=bytes(32), actor="b0",
                    body=body, salt=bytes(32), previous=digest,
                )  # fmt: skip
                state, digest = evolve(state, LOT, event, InstantUs(place)), record.digest
                writer.write(line_of(record, withheld(Edition.SUPERVISOR, PartyId(""), record, event)))
        assert isinstance(state, LotState)
        data = {"streams": [stream_claim(stream, state, digest, whole=True)]}
        frame = Frame(title="", market="", number="", verify_url="", dated_us=0)
        archive.add("claims.json", statement_bytes(Path("evidence.typ"), frame, data))
        archive.add("parties.json", canonical_bytes({}))
        archive.seal(
            KEY, origin="measured", number="EV-0", edition="supervisor", deal={"kind": "lot", "id": LOT}, as_of_us=0,
            streams=[StreamHead(stream, member, state.seq, state.seq, digest.hex())],
            data_digest=data_digest(Path("evidence.typ"), frame, data),
        )  # fmt: skip
        return state.seq


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
