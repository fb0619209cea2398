"""Code lists of the screens: technical fields (国家技术合同统计分类, 11 first-level) and the 12 leagues and cities (GB/T 2260)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "01": ("电子信息", "Electronic information"),
    "02": ("航空航天", "Aerospace"),
    "03": ("先进制造", "Advanced manufacturing"),
    "04": ("生物、医药和医疗器械", "Biology, medicine, devices"),
    "05": ("新材料及其应用", "New materials"),
    "06": ("新能源与高效节能", "New energy and saving"),
    "07": ("环境保护与资源综合利用", "Environment and resources"),
    "08": ("核应用", "Nuclear application"),
    "09": ("农业", "Agriculture"),
    "10": ("现代交通", "Modern transport"),
    "11": ("城市建设与社会发展", "Urban and social development"),
}
REGIONS: Final[Mapping[str, tuple[str, str]]] = {
    "150100": ("呼和浩特市", "Hohhot"),
    "150200": ("包头市", "Baotou"),
    "150300": ("乌海市", "Wuhai"),
    "150400": ("赤峰市", "Chifeng"),
    "150500": ("通辽市", "Tongliao"),
    "150600": ("鄂尔多斯市", "Ordos"),
    "150700": ("呼伦贝尔市", "Hulunbuir"),
    "150800": ("巴彦淖尔市", "Bayannur"),
    "150900": ("乌兰察布市", "Ulanqab"),
    "152200": ("兴安盟", "Hinggan League"),
    "152500": ("锡林郭勒盟", "Xilingol League"),
    "152900": ("阿拉善盟", "Alxa League"),
}


def field_name(code: str, language: str) -> str:
    """Return the name of a technical field; the code itself if it is unknown."""
    names = FIELDS.get(code)
    return code if names is None else names[language == "en"]


def region_name(code: str, language: str) -> str:
    """Return the name of a league or city; the code itself if it is unknown."""
    names = REGIONS.get(code[:4] + "00")
    return code if names is None else names[language == "en"]
