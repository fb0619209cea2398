"""Documents: what a reader sees and a program extracts is the data, whatever the data try; the same bytes each time."""

from __future__ import annotations

import asyncio
import re
from io import BytesIO
from pathlib import Path

import pypdf
import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.canonical import NotCanonical
from engine.typesetting.legible import coverage, legible
from engine.typesetting.request import Frame, data_digest
from engine.typesetting.typesetter import Outcome, Typesetter, TypesettingFailed

SAMPLE = Path(__file__).with_name("sample.typ")
FRAME = Frame(
    title="公示证明",
    market="内蒙古技术交易市场",
    number="GS-2026-000017",
    verify_url="https://market.example/verify/notice/GS-2026-000017",
    dated_us=1_772_467_200_000_000,
)
LONG_TITLE = "一种用于高寒地区风光储一体化微电网的多时间尺度协调控制方法、装置、电子设备及存储介质" * 12
HOSTILE = '*粗* _斜_ #eval("1") #read("/etc/passwd") $x^2$ <label> @ref `raw` \\ "quote" // no /* no */ [b] {c} = 标题'
DATA = {
    "fields": [
        ["成果名称", LONG_TITLE],
        ["持有单位", "内蒙古工业大学（骨、直、门、角）"],
        ["hostile", HOSTILE],
        ["rare", "𠮷野家 㐂 镕 喆 囧 𬭚"],
        ["digest", "0123456789abcdef" * 8],
        ["empty", ""],
    ],
    "heading": "异议",
    "head": ["序号", "内容 *x*", "金额（元）"],
    "rows": [[str(place), f"第 {place} 行 #let", f"{place * 1000}.00"] for place in range(1, 90)],
    "note": "说明：\nline two",
}


def squeezed(text: str) -> str:
    """The text without the spaces and line ends that setting adds."""
    return re.sub(r"\s", "", text)


async def typeset(data: object = DATA, waiting_max: int = 8) -> bytes:
    return await Typesetter(waiting_max=waiting_max).set(SAMPLE, FRAME, data)


def text_of(pdf: bytes) -> str:
    return squeezed("".join(page.extract_text() for page in pypdf.PdfReader(BytesIO(pdf)).pages))


async def test_the_text_of_the_document_is_its_data() -> None:
    pdf = await typeset()
    text = text_of(pdf)
    for name, value in DATA["fields"]:
        assert squeezed(name) in text
        assert squeezed(value) in text
    for row in DATA["rows"]:
        assert "".join(map(squeezed, row)) in text
    digest = data_digest(SAMPLE, FRAME, DATA)
    assert len(pypdf.PdfReader(BytesIO(pdf)).pages) == 3
    for page in pypdf.PdfReader(BytesIO(pdf)).pages:
        on_page = squeezed(page.extract_text())
        for part in (digest, FRAME.market, FRAME.number, FRAME.verify_url):
            assert part in on_page
    assert "第3页，共3页" in text


async def test_the_document_is_pdf_a_and_says_what_it_is() -> None:
    reader = pypdf.PdfReader(BytesIO(await typeset()))
    assert reader.metadata is not None
    assert reader.metadata.title == "公示证明 GS-2026-000017"
    assert reader.metadata.author == FRAME.market
    assert reader.metadata.get("/CreationDate") == "D:20260302160000Z"
    metadata = reader.root_object["/Metadata"]
    assert isinstance(metadata, pypdf.generic.StreamObject)
    described = metadata.get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part>" in described
    assert "<pdfaid:conformance>U</pdfaid:conformance>" in described


async def test_the_same_data_give_the_same_bytes_and_other_data_other_bytes() -> None:
    first, again, other = await asyncio.gather(typeset(), typeset(), typeset({**DATA, "heading": "异议。"}))
    assert first == again
    assert first != other


async def test_the_page_is_drawn_not_empty_boxes() -> None:
    """Rendered by another program than the one that set it."""
    drawn = pypdfium2.PdfDocument(await typeset())
    assert "公示证明" in squeezed(drawn[0].get_textpage().get_text_bounded())
    picture = drawn[0].render(scale=1).to_numpy()
    assert 0.02 < (picture < 128).mean() < 0.4


async def test_what_the_font_lacks_is_printed_as_its_number() -> None:
    data = {**DATA, "note": "ᠮᠣ 😀 \u202eabc\u202c \u200b\x07 龍\U000e0100"}
    text = text_of(await typeset(data))
    assert "〔U+182E〕〔U+1823〕〔U+1F600〕〔U+202E〕abc〔U+202C〕〔U+200B〕〔U+0007〕龍〔U+E0100〕" in text


@given(st.text(max_size=60))
def test_legible_text_holds_nothing_the_font_cannot_print_and_loses_nothing(text: str) -> None:
    written = legible(text)
    assert all(character in coverage() for character in written if character not in "\n\t")
    numbers_back = re.sub(r"〔U\+([0-9A-F]{4,6})〕", lambda match: chr(int(match[1], 16)), written)
    assert numbers_back == re.sub(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]", "\n", text)


async def test_a_document_that_takes_too_long_is_ended_and_the_next_one_is_made(tmp_path: Path) -> None:
    endless = tmp_path / "endless.typ"
    endless.write_text('#import "/frame.typ": *\n#show: framed\n#let n = 0\n#while n < 2000000000 { n += 1 }\n')
    heard: list[tuple[str, Outcome]] = []
    typesetter = Typesetter(seconds_max=2, on_set=lambda name, outcome, _: heard.append((name, outcome)))
    with pytest.raises(TypesettingFailed) as failed:
        await typesetter.set(endless, FRAME, {})
    # the process may be ended by its own limit of processor time before ours
    assert failed.value.outcome in (Outcome.TIMED_OUT, Outcome.BROKEN)
    assert heard == [("endless", failed.value.outcome)]


@pytest.mark.parametrize(
    "template",
    ['#import "@preview/cetz:0.3.4"', '#read("/../../../../etc/passwd")', "#nothing-of-this-name", '#read("/tmp/x")'],
)
async def test_a_template_reaches_no_network_and_no_file_outside(tmp_path: Path, template: str) -> None:
    hostile = tmp_path / "hostile.typ"
    hostile.write_text(template)
    with pytest.raises(TypesettingFailed) as failed:
        await Typesetter().set(hostile, FRAME, {})
    assert failed.value.outcome is Outcome.BROKEN
    assert str(failed.value)


async def test_too_much_data_and_too_many_documents_are_refused_in_words() -> None:
    with pytest.raises(TypesettingFailed, match="larger than") as failed:
        await typeset({"text": "长" * 3_000_000})
    assert failed.value.outcome is Outcome.TOO_LARGE
    with pytest.raises(TypesettingFailed, match="wait already") as failed:
        await typeset(waiting_max=0)
    assert failed.value.outcome is Outcome.BUSY
    with pytest.raises(NotCanonical):
        await typeset({"price": 1.5})
