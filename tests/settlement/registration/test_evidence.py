"""Contracts and registrations in an evidence file: chained, possible, and every change named."""

from __future__ import annotations

from settlement.contracts import store as contracts
from settlement.evidence import Found, Kind, documents, histories, history_problem
from settlement.registration import store as registrations
from tests.settlement.registration.conftest import Office


async def test_histories_of_contract_and_registration_are_checked_without_the_market(office: Office) -> None:
    one = await office.registered()
    found = Found(heads=((Kind.CONTRACT, one.contract_id, "", True), (Kind.REGISTRATION, one.id, "", True)), deals=())
    assert contracts.stream_of(one.contract_id) != registrations.stream_of(one.id)
    for history in await histories(office.pool, found):
        assert history.lines is not None and history.steps
        lines = history.lines.splitlines(keepends=True)
        assert history_problem(history.kind, lines) is None
        for number, line in enumerate(lines):
            changed = line.replace(b'"actor":"', b'"actor":"x', 1)
            problem = history_problem(history.kind, [*lines[:number], changed, *lines[number + 1 :]])
            assert problem == f"line {number + 1}: event {number + 1} was changed or is missing"
    papers = await documents(office.pool, found)
    assert {paper.kind for paper in papers} >= {"registration_package"} and all(paper.body is None for paper in papers)
