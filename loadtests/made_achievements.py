"""Believable achievements of Inner Mongolia, made from a seed: for the bench of the catalogue. Invented throughout."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

Theme = dict[str, Any]

THEMES: Final[list[Theme]] = json.loads((Path(__file__).parent / "made_themes.json").read_text(encoding="utf-8"))
"""What is made (`things`), how (`does`), for whom (`for`); with the signs that professionals search by (`latin`)."""
FORMS: Final = (
    "关键技术",
    "成套工艺",
    "装备",
    "新品种",
    "系统",
    "方法",
    "材料",
    "技术集成与示范",
    "检测方法",
    "中试工艺",
)
GAINS: Final = ("能耗降低", "成本下降", "产量提高", "回收率提高", "寿命延长", "误差缩小", "用水减少", "损耗降低")
TRIALS: Final = ("试运行", "田间试验", "中试", "示范应用")
HOLDERS: Final = (
    "北疆理工大学", "草原农业大学", "阴山稀土研究院", "河套作物研究所", "蒙药创新研究中心", "敕勒川乳业技术有限公司",
    "瀚海新能源股份有限公司", "兴安林草研究所", "金桥智能装备有限公司", "黑水煤化工研究院", "乌兰畜牧科技合作社", "锡林生态研究站",
)  # fmt: skip
KINDS: Final = ("STATE_INSTITUTE", "STATE_ENTERPRISE", "COMPANY", "OTHER")
MODES: Final = ("TRANSFER", "EXCLUSIVE", "SOLE", "PLAIN", "OPEN", "EQUITY", "COOPERATION")
REGIONS: Final = (
    "150102", "150104", "150105", "150121", "150203", "150204", "150207", "150221", "150302", "150402", "150404", "150421",
    "150425", "150430", "150502", "150523", "150526", "150602", "150603", "150622", "150627", "150702", "150721", "150781",
    "150784", "150802", "150821", "150823", "150902", "150923", "150929", "150981", "152201", "152221", "152224", "152501",
    "152502", "152525", "152530", "152921", "152923",
)  # fmt: skip
_SYLLABLES: Final = "宏鼎晟瑞远达蓝星润丰青禾朔方启明云帆铁牛天骄金穗碧野长风广袤"


def achievements(count: int, seed: int = 20_261_124) -> Iterator[dict[str, str]]:
    """Return the rows of an import file, in the columns of the template; the same seed gives the same rows."""
    chance = random.Random(seed)
    weights = [theme["weight"] for theme in THEMES]
    for number in range(count):
        yield _one(chance, chance.choices(THEMES, weights)[0], number)


def _one(chance: random.Random, theme: Theme, number: int) -> dict[str, str]:
    thing, second = chance.sample(theme["things"], 2)
    how, also = chance.sample(theme["does"], 2)
    use = chance.choice(theme["for"])
    sign = chance.choice(theme["latin"])
    form, gain = chance.choice(FORMS), chance.choice(GAINS)
    model = f"{chance.choice('ABCDEFGHKMNX')}{chance.choice('ABCDEFGHKMNX')}-{chance.randint(10, 9_999)}"
    name = "".join(chance.sample(_SYLLABLES, 2))
    trl = chance.choices(range(1, 10), (1, 2, 5, 9, 12, 10, 7, 5, 3))[0]
    title = chance.choice(
        (
            f"面向{use}的{thing}{how}{form}",
            f"{thing}{how}与{also}{form}",
            f"基于{sign}的{thing}{how}{form}",
            f"{name}{model}型{thing}{form}",
        )
    )
    abstract = (
        f"本成果针对{use}在{thing}方面的问题，研究{how}与{also}，形成{form}。"
        f"采用{sign}路线，并与{second}联用，{gain}{chance.randint(3, 60)}%，样机{model}在{chance.randint(1, 12)}个月的"
        f"{chance.choice(TRIALS)}中"
        f"保持稳定。已在{chance.randint(1, 9)}家{use}相关单位{chance.choice(('应用', '示范', '验证'))}，"
        f"{chance.choice(('适合推广到', '可用于', '正在寻找合作方共同面向'))}{chance.choice(theme['for'])}。"
    )
    kind = chance.choices(KINDS, (6, 1, 4, 1))[0]
    return {
        "title_zh": title,
        "title_en": f"{sign} process {model} for made-up use {number % 977}",
        "abstract_zh": abstract,
        "keywords": "；".join((thing, how, use, sign)),
        "holder_zh": chance.choice(HOLDERS),
        "holder_kind": kind,
        "fields": theme["field"],
        "industry": theme["industry"],
        "region": chance.choice(REGIONS),
        "trl": str(trl),
        "modes": "；".join(chance.sample(MODES, chance.choice((1, 1, 2, 3)))),
        "indicators": f"{gain}：{chance.randint(3, 60)}%",
    }
