"""Documents of contracts and registrations: PDF through the typesetter, DOCX and XLSX at once."""

from __future__ import annotations

from typing import Final

import msgspec

from engine.typesetting.request import Frame
from gateway.config import Config
from gateway.services import Services
from settlement.contracts.documents import TEMPLATE as CONTRACT_TEMPLATE
from settlement.contracts.documents import contract_data, contract_docx
from settlement.contracts.drafting import draft
from settlement.contracts.life import Contract
from settlement.registration.documents import CERTIFICATE_TEMPLATE, FORM_TEMPLATE, certificate_data, form_data
from settlement.registration.evolving import Registration

DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def certificate_url(origin: str, registration: Registration) -> str:
    """Return the address at which everybody can check a certificate; nobody finds it without having seen the certificate."""
    return f"{origin}/verify/registration/{registration.number}/{registration.check}"


def market_title(config: Config) -> str:
    """Return the name of the market as it stands on documents."""
    return config.registrar_name or config.market_name


async def contract_pdf(services: Services, contract: Contract, origin: str) -> bytes:
    """Return a contract as PDF.

    Raises:
        TypesettingFailed: why not.
    """
    made = draft(contract.signed_facts)
    frame = Frame(
        title=made.title, market=services.config.market_name, number=f"{contract.id} v{contract.version}",
        verify_url=f"{origin}/contracts/{contract.id}", dated_us=made.facts.struck_at_us,
    )  # fmt: skip
    data = contract_data(made, version=contract.version, text=contract.text, signed_on=contract.signed_on)
    return await services.typesetter.set(CONTRACT_TEMPLATE, frame, data)


def contract_file(contract: Contract) -> bytes:
    """Return a contract as DOCX."""
    made = draft(contract.signed_facts)
    return contract_docx(made, number=contract.id, version=contract.version, text=contract.text)


async def form_pdf(services: Services, registration: Registration, package: bytes, origin: str) -> bytes:
    """Return the form of a package as PDF.

    Raises:
        TypesettingFailed: why not.
    """
    said = msgspec.json.decode(package)
    frame = Frame(
        title="技术合同登记表", market=services.config.market_name, number=f"{registration.id}.{said['revision']}",
        verify_url=f"{origin}/registrations/{registration.id}", dated_us=int(said["made_at_us"]),
    )  # fmt: skip
    return await services.typesetter.set(FORM_TEMPLATE, frame, form_data(said, registration.number))


def form_workbook(registration: Registration, package: bytes) -> bytes:
    """Return the form of a package as XLSX."""
    from settlement.registration.workbook import (
        package_workbook,  # its library loads numpy, which has no place in every process
    )

    return package_workbook(msgspec.json.decode(package), registration.number)


async def certificate_pdf(services: Services, registration: Registration, origin: str) -> bytes:
    """Return the certificate of registration as PDF.

    Raises:
        TypesettingFailed: why not.
    """
    registrar = market_title(services.config)
    frame = Frame(
        title="技术合同登记证明", market=registrar, number=registration.number,
        verify_url=certificate_url(origin, registration), dated_us=registration.certified_at_us,
    )  # fmt: skip
    return await services.typesetter.set(CERTIFICATE_TEMPLATE, frame, certificate_data(registration, registrar))
