"""`ortoo verify`: the whole log against its digests, rules, snapshots and checkpoints; or, offline, an evidence file or one receipt."""

from __future__ import annotations

import argparse
import asyncio
import sys
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import msgspec

from engine.catalogue.achievements.verification import CatalogueVerdict, verify_versions, versions_problem
from engine.evidence.archive import read_member
from engine.evidence.archive_checking import check_archive
from engine.evidence.checkpoints import Checkpoint, is_signed, read_checkpoint
from engine.evidence.offline import check_against_chain, check_certificate, check_receipt, read_document
from engine.evidence.verification import Finding, Verdict, verify_log
from engine.journal.postgres import QUERIES
from engine.journal.reader import Reader
from engine.journal.secrecy import CLEAR, LogHidden, LogKeyUnusable, Secrecy, Vault, fingerprint, read_log_key
from gateway.config import read_config
from settlement.credit.store import problems_of_records
from settlement.distribution.store import problems_of_histories
from settlement.evidence import settlement_findings
from settlement.registration.verification import RegistryVerdict, verify_registry
from settlement.verification import MoneyVerdict, verify_money


def main(arguments: Sequence[str]) -> int:
    """Run the command; 0 when everything holds, 1 when something is wrong, 2 for a wrong call."""
    options = _parser().parse_args(arguments)
    if options.file:
        return _verify_file(options)
    if options.certificate:
        return _verify_certificate(options)
    if options.receipt:
        return _verify_receipt(options)
    if not options.database:
        print("ortoo verify: say what: an evidence file, --database URL, or --receipt FILE", file=sys.stderr)
        return 2
    try:
        verdict, money, catalogue, registry = asyncio.run(_verify_database(options))
    except (LogHidden, LogKeyUnusable) as problem:
        print(f"ortoo verify: {problem}; name it with --log-key FILE", file=sys.stderr)
        return 2
    verdict.findings += [*money.findings, *catalogue.findings, *registry.findings]
    for finding in verdict.findings:
        print(f"BAD  {finding.place}: {finding.problem}")
    print(
        f"{'clean' if verdict.clean else 'NOT CLEAN'}: {verdict.events} events, {verdict.lots} lots,"
        f" {verdict.listings} listings, {verdict.notices} notices,"
        f" {verdict.snapshots} snapshots, {verdict.checkpoints} checkpoints,"
        f" {money.entries} ledger entries, {money.deposits} deposits, {money.deals} deals,"
        f" {catalogue.versions} versions of achievements,"
        f" {registry.contracts} contracts, {registry.registrations} registrations"
    )
    return 0 if verdict.clean else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ortoo verify", description=__doc__)
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE.zip", help="check an evidence file, without the market"
    )
    parser.add_argument("--database", metavar="URL", help="the database that holds the log")
    parser.add_argument("--checkpoints", type=Path, metavar="FILE", help="checkpoints kept outside the database")
    parser.add_argument("--log-key", type=Path, metavar="FILE", help="with --database: the key that hides lots in it")
    parser.add_argument("--receipt", type=Path, metavar="FILE", help="check one receipt, without the market")
    parser.add_argument("--certificate", type=Path, metavar="FILE", help="check the signed statement of a certificate")
    parser.add_argument("--chain", type=Path, metavar="FILE", help="with --receipt: the lot's public chain")
    parser.add_argument("--key", metavar="BASE64", help="the market's public key from a source you trust")
    return parser


def _verify_file(options: argparse.Namespace) -> int:
    try:
        verdict = check_archive(options.file, b64decode(options.key) if options.key else None)
    except (OSError, ValueError) as error:
        print(f"ortoo verify: {error}", file=sys.stderr)
        return 2
    if verdict.manifest is not None:
        verdict.findings += settlement_findings(options.file, verdict.manifest)
        verdict.findings += _achievement_findings(options.file)
    for finding in verdict.findings:
        print(f"BAD  {finding.place}: {finding.problem}")
    for warning in verdict.warnings:
        print(f"note {warning}")
    manifest = verdict.manifest
    about = (
        ""
        if manifest is None
        else f" {manifest.number}, {manifest.edition} edition of {manifest.deal['kind']} {manifest.deal['id']}:"
    )
    print(
        f"{'sound' if verdict.clean else 'NOT SOUND'}:{about} {verdict.members} members, {verdict.events} events"
        f" ({verdict.opened} open), {verdict.replayed} streams replayed"
    )
    return 0 if verdict.clean else 1


def _achievement_findings(path: Path) -> list[Finding]:
    """Check the versions of what was traded against the digest that the file names, which its notice or listing has on record."""
    lines, claims = read_member(path, "achievement.jsonl"), read_member(path, "claims.json")
    if lines is None or claims is None:
        return []
    try:
        problem = versions_problem(lines.splitlines(keepends=True), read_document(claims)["data"]["achievement"][2])
    except (msgspec.DecodeError, KeyError, TypeError, IndexError):
        problem = "claims.json does not say which version was traded"
    return [] if problem is None else [Finding("achievement.jsonl", problem)]


def _verify_certificate(options: argparse.Namespace) -> int:
    key = b64decode(options.key) if options.key else None
    try:
        problems = check_certificate(read_document(options.certificate.read_bytes()), key)
    except (OSError, msgspec.DecodeError) as error:
        print(f"ortoo verify: {error}", file=sys.stderr)
        return 2
    for problem in problems:
        print(f"BAD  {problem}")
    if not problems:
        print("sound; whether it is still in force the market says at /verify/notice/NUMBER")
    return 1 if problems else 0


def _verify_receipt(options: argparse.Namespace) -> int:
    key = b64decode(options.key) if options.key else None
    try:
        receipt = read_document(options.receipt.read_bytes())
        problems = check_receipt(receipt, key)
        if options.chain and not problems:
            problems = check_against_chain(receipt, read_document(options.chain.read_bytes()))
    except (OSError, msgspec.DecodeError) as error:
        print(f"ortoo verify: {error}", file=sys.stderr)
        return 2
    for problem in problems:
        print(f"BAD  {problem}")
    if not problems:
        held = "and the log contains it" if options.chain else "by itself; give --chain to see that the log contains it"
        print(f"sound {held}")
    return 1 if problems else 0


async def _verify_database(
    options: argparse.Namespace,
) -> tuple[Verdict, MoneyVerdict, CatalogueVerdict, RegistryVerdict]:
    checkpoints, findings = _read_checkpoints(options)
    async with asyncpg.create_pool(options.database, min_size=1, max_size=2) as pool:
        reader = Reader(pool, await _secrecy(pool, options.log_key))
        verdict = await verify_log(reader.shard_page, reader.snapshots(), checkpoints, _progress)
        money = await verify_money(pool) if await _holds(pool, "ledger_entry") else MoneyVerdict([])
        if await _holds(pool, "distribution_plan"):
            async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
                money.findings += [Finding(*found) for found in await problems_of_histories(connection)]
        if await _holds(pool, "credit_record"):
            async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
                money.findings += [Finding(*found) for found in await problems_of_records(connection)]
        catalogue = await verify_versions(pool)
        registry = await verify_registry(pool) if await _holds(pool, "registration") else RegistryVerdict([])
    verdict.findings[:0] = findings
    return verdict, money, catalogue, registry


async def _secrecy(pool: asyncpg.Pool, path: Path | None) -> Secrecy:
    """Return what shows the lots of this database: the key that is named, else the configured one where there is one.

    Raises:
        LogKeyUnusable: it is not the key of this database.
    """
    found = path or read_config().log_key_path
    if not found.exists():
        if path is not None:
            raise LogKeyUnusable(f"{path}: there is no such file")
        return CLEAR
    key = read_log_key(found)
    named = await pool.fetchval(QUERIES["log_key"]) if await _holds(pool, "log_key") else None
    if named in (None, fingerprint(key)):
        return Vault(key)
    if path is not None:
        raise LogKeyUnusable(f"{path}: the lots of this database are hidden under another key")
    return CLEAR


async def _holds(pool: asyncpg.Pool, table: str) -> bool:
    """Tell whether this database has a table; one of an older version lacks the newer ones."""
    found: bool = await pool.fetchval("SELECT to_regclass($1) IS NOT NULL", table)
    return found


def _read_checkpoints(options: argparse.Namespace) -> tuple[list[Checkpoint], list[Finding]]:
    if options.checkpoints is None:
        return [], []
    key = b64decode(options.key) if options.key else None
    good, findings = [], []
    for number, line in enumerate(options.checkpoints.read_bytes().splitlines(), start=1):
        try:
            checkpoint = read_checkpoint(line)
        except msgspec.DecodeError:
            findings.append(Finding(f"checkpoint line {number}", "unreadable"))
            continue
        if key is not None and not is_signed(checkpoint, key):
            findings.append(Finding(f"checkpoint line {number}", "the signature is not the market's"))
            continue
        good.append(checkpoint)
    return good, findings


def _progress(events: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{events} events", end="", file=sys.stderr, flush=True)
