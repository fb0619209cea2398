"""Demonstration lots. Invented achievements and institutions, marked as such everywhere; no real right is offered."""

from __future__ import annotations

from dataclasses import dataclass

from engine.rules.auction.clearing.descending import Clock
from engine.rules.auction.commands import Subject
from engine.rules.auction.terms import (
    Admission,
    Closing,
    FixedIncrement,
    Increment,
    LadderIncrement,
    PercentIncrement,
    Reserve,
    Terms,
)
from engine.values import Amount, DurationUs, InstantUs

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
YUAN = 100


@dataclass(frozen=True)
class DemoLot:
    """What is sold, for how much from the start, and in which kind of session."""

    name: str
    title_zh: str
    title_en: str
    summary_zh: str
    summary_en: str
    field: str
    region: str
    seller_zh: str
    seller_en: str
    start_yuan: int
    kind: str

    def subject(self) -> Subject:
        """Return the published texts; every one of them is marked as a demonstration."""
        return Subject(
            title_zh=self.title_zh,
            title_en=self.title_en,
            summary_zh=self.summary_zh,
            summary_en=self.summary_en,
            field=self.field,
            region=self.region,
            seller_name_zh=f"{self.seller_zh}（演示）",
            seller_name_en=f"{self.seller_en} (demonstration)",
            defects_zh="演示标的：内容为虚构，不构成任何要约。",
            defects_en="Demonstration: invented content, not an offer of anything.",
            demonstration=True,
        )

    def terms(self, opens_at_us: int, code_seed: int) -> Terms:
        """Return the terms of its session, opening at this instant."""
        return KINDS[self.kind](self.start_yuan * YUAN, opens_at_us, code_seed)


def _round_step(start_fen: int) -> int:
    """About 2 % of the start price, rounded to a step people say aloud."""
    step = max(100 * YUAN, start_fen // 50)
    magnitude = 10 ** (len(str(step)) - 1)
    return int(max(magnitude, step // magnitude * magnitude))


def _dynamic(start_fen: int, opens_at_us: int, code_seed: int) -> Terms:
    """动态报价: free period of two days, then cycles of 120 s."""
    closing = Closing(
        opens_at_us=InstantUs(opens_at_us),
        free_period_us=DurationUs(2 * DAY_US),
        limited_cycle_us=DurationUs(2 * MINUTE_US),
    )
    return _terms(closing, start_fen, FixedIncrement(Amount(_round_step(start_fen))), code_seed, multiple_only=True)


def _court(start_fen: int, opens_at_us: int, code_seed: int) -> Terms:
    """Court style: 24 h, a bid in the last five minutes moves the end to five minutes after it."""
    closing = Closing(
        opens_at_us=InstantUs(opens_at_us),
        closes_at_us=InstantUs(opens_at_us + DAY_US),
        extension_us=DurationUs(5 * MINUTE_US),
    )
    return _terms(closing, start_fen, FixedIncrement(Amount(_round_step(start_fen))), code_seed)


def _proxy(start_fen: int, opens_at_us: int, code_seed: int) -> Terms:
    """Fixed end with maximum bids, a ladder of increments and a secret reserve."""
    closing = Closing(
        opens_at_us=InstantUs(opens_at_us),
        closes_at_us=InstantUs(opens_at_us + 3 * DAY_US),
        extension_us=DurationUs(3 * MINUTE_US),
        extensions_max=100,
    )
    step = _round_step(start_fen)
    ladder = LadderIncrement(((Amount(0), Amount(step)), (Amount(start_fen * 2), Amount(step * 2))))
    reserve = Reserve(amount=Amount(start_fen * 13 // 10), public=False)
    return _terms(closing, start_fen, ladder, code_seed, proxy=True, proxy_lowering=True, reserve=reserve)


def _first_bid(start_fen: int, opens_at_us: int, code_seed: int) -> Terms:
    """The first bid starts a clock of 24 h; percentage increments."""
    closing = Closing(
        opens_at_us=InstantUs(opens_at_us),
        first_bid_clock_us=DurationUs(DAY_US),
        extension_us=DurationUs(15 * MINUTE_US),
    )
    return _terms(closing, start_fen, PercentIncrement(50_000), code_seed)


def _live(start_fen: int, opens_at_us: int, code_seed: int) -> Terms:
    """For watching: a free period of six minutes, cycles of 45 s, maximum bids allowed."""
    closing = Closing(
        opens_at_us=InstantUs(opens_at_us),
        free_period_us=DurationUs(6 * MINUTE_US),
        limited_cycle_us=DurationUs(45_000_000),
    )
    step = FixedIncrement(Amount(_round_step(start_fen)))
    return _terms(closing, start_fen, step, code_seed, proxy=True, multiple_only=True, jump_confirm_steps=50)


def _terms(
    closing: Closing,
    start_fen: int,
    increment: Increment,
    code_seed: int,
    *,
    proxy: bool = False,
    proxy_lowering: bool = False,
    multiple_only: bool = False,
    reserve: Reserve | None = None,
    jump_confirm_steps: int | None = 20,
) -> Terms:
    return Terms(
        closing=closing,
        increment=increment,
        start_price=Amount(start_fen),
        reserve=reserve,
        proxy=proxy,
        proxy_lowering=proxy_lowering,
        multiple_only=multiple_only,
        jump_confirm_steps=jump_confirm_steps,
        admission=Admission.OPEN,
        code_seed=code_seed,
    )


KINDS = {"dynamic": _dynamic, "court": _court, "proxy": _proxy, "first_bid": _first_bid, "live": _live}

LOTS = (
    DemoLot(
        "live-rareearth", "高丰度稀土永磁体晶界扩散制备技术", "Grain-boundary diffusion process for high-abundance rare-earth magnets",
        "以铈、镧等高丰度稀土替代部分镨钕，晶界扩散重稀土用量降低四成，矫顽力不降。含发明专利 3 件及全套工艺参数，中试线已运行 8 个月。",
        "Replaces part of the praseodymium-neodymium with abundant cerium and lanthanum; 40 % less heavy rare earth at equal coercivity."
        " Three invention patents and the full process parameters; pilot line in its eighth month.",
        "05", "150200", "包头稀土材料研究所", "Baotou Institute of Rare-Earth Materials", 1_280_000, "live",
    ),
    DemoLot(
        "dairy-culture", "草原乳源益生菌菌株及发酵工艺", "Probiotic strains from grassland milk and their fermentation process",
        "从锡林郭勒传统酸马奶中分离的 2 株乳杆菌，完成全基因组测序与安全性评价，适用于常温酸奶。普通许可可选。",
        "Two lactobacillus strains isolated from traditional Xilingol fermented mare's milk, sequenced and assessed for safety, for ambient yoghurt.",
        "04", "150100", "呼和浩特乳业技术中心", "Hohhot Dairy Technology Centre", 620_000, "dynamic",
    ),
    DemoLot(
        "grass-seed", "退化草原乡土草种免耕补播技术", "No-till reseeding of degraded grassland with native grass species",
        "羊草、冰草包衣种子与免耕补播机具成套技术，三年示范 12 万亩，植被盖度平均提高 23 个百分点。",
        "Coated seed of native grasses and the no-till machine as one system; 8,000 ha shown over three years, cover up 23 points on average.",
        "09", "152500", "锡林郭勒草业试验站", "Xilingol Grassland Station", 380_000, "court",
    ),
    DemoLot(
        "wind-blade", "风电叶片覆冰在线监测与除冰系统", "Ice detection and de-icing for wind-turbine blades",
        "光纤光栅监测与分区电热除冰，零下三十摄氏度运行，单机年增发电量约 4%。含软件著作权 2 项。",
        "Fibre-grating detection with zoned electric de-icing, works at -30 °C, about 4 % more energy a year for each turbine.",
        "06", "150900", "乌兰察布新能源工程中心", "Ulanqab New-Energy Engineering Centre", 950_000, "proxy",
    ),
    DemoLot(
        "flow-battery", "全钒液流电池电解液短流程制备", "Short-route electrolyte for vanadium flow batteries",
        "以含钒钢渣为原料直接制备电解液，成本较常规路线降低 18%，已完成 500 千瓦级验证。",
        "Electrolyte made directly from vanadium slag, 18 % cheaper than the usual route, proved at 500 kW.",
        "06", "150600", "鄂尔多斯储能技术公司", "Ordos Storage Technology Co.", 2_600_000, "first_bid",
    ),
    DemoLot(
        "wheat-line", "耐旱春小麦新品系及栽培规程", "Drought-tolerant spring wheat line with its cultivation protocol",
        "河套灌区节水 20% 条件下稳产，植物新品种权申请已受理。附三年区域试验数据。",
        "Stable yield with 20 % less water in the Hetao irrigation area; plant-variety application filed; three years of regional trials.",
        "09", "150800", "巴彦淖尔农牧业研究所", "Bayannur Agricultural Institute", 260_000, "court",
    ),
    DemoLot(
        "potato-virus", "马铃薯脱毒原原种雾培快繁系统", "Aeroponic system for virus-free potato minitubers",
        "单株结薯数提高到 45 粒，全程可追溯，适合乌兰察布冷凉区。", "Forty-five minitubers a plant, traceable throughout, made for cool highlands.",
        "09", "150900", "乌兰察布薯业技术站", "Ulanqab Potato Station", 180_000, "dynamic",
    ),
    DemoLot(
        "coal-mine-ai", "露天矿无人驾驶矿卡协同调度算法", "Dispatch of driverless haul trucks in open-pit mines",
        "极寒与扬尘环境下 60 台车协同，空驶率下降 11%。含源代码与部署服务。", "Sixty trucks together in cold and dust, 11 % fewer empty runs. Source code and deployment included.",
        "01", "150600", "鄂尔多斯智能矿山实验室", "Ordos Smart-Mining Laboratory", 3_200_000, "proxy",
    ),
    DemoLot(
        "mutton-trace", "羊肉产地同位素溯源数据库及检测方法", "Isotope database and test for the origin of mutton",
        "覆盖 33 个旗县 4100 份样本，判别准确率 96%。含检测方法标准草案。", "4,100 samples from 33 banners, 96 % correct. With a draft test standard.",
        "04", "150500", "通辽畜产品检测中心", "Tongliao Livestock Testing Centre", 300_000, "court",
    ),
    DemoLot(
        "magnesium", "盐湖提镁联产氢氧化锂新工艺", "Magnesium from salt lakes with lithium hydroxide as co-product",
        "镁锂分离系数高，母液循环利用率 92%，万吨级工艺包。", "High separation factor, 92 % of the mother liquor reused, process package for ten thousand tonnes.",
        "05", "152900", "阿拉善盐化工研究院", "Alxa Salt-Chemistry Institute", 4_800_000, "first_bid",
    ),
    DemoLot(
        "forest-fire", "大兴安岭林火卫星遥感早期识别软件", "Early satellite detection of forest fires in the Greater Khingan",
        "10 分钟级更新，最小可识别火点 80 平方米，已在两个林业局试用。", "Updated every ten minutes, finds fires from 80 m², in trial at two forestry bureaus.",
        "07", "150700", "呼伦贝尔林业信息中心", "Hulunbuir Forestry Information Centre", 450_000, "dynamic",
    ),
    DemoLot(
        "mongolian-speech", "蒙古语语音识别与合成引擎", "Mongolian speech recognition and synthesis engine",
        "支持三种方言与传统蒙古文输出，字错误率 7.8%，可离线运行。", "Three dialects, output in the traditional script, 7.8 % character errors, runs offline.",
        "01", "150100", "呼和浩特语言智能实验室", "Hohhot Language-Intelligence Laboratory", 880_000, "proxy",
    ),
)  # fmt: skip

FALLING_NAME = "falling-sonar"
FALLING_CLOCK = Clock(
    start=Amount(640_000 * YUAN),
    step=Amount(10_000 * YUAN),
    step_us=DurationUs(30 * MINUTE_US),
    floor=Amount(160_000 * YUAN),
)
FALLING_LOT = DemoLot(
    FALLING_NAME, "湖泊浅水多波束测深与水草识别装置", "Shallow-water sounder that maps lake beds and tells weed from ground",
    "岱海、呼伦湖实测水深 0.4 至 12 米，一次航行同时得到湖底地形与水草分布。本场为减价竞价，先应价者得。",
    "Measured on two lakes from 0.4 to 12 m; one run gives the bed and the weed. A falling price: whoever accepts first has it.",
    "07", "150900", "乌兰察布水域监测站", "Ulanqab Lake Observatory", 640_000, "falling",
)  # fmt: skip
"""The one session with a falling price; its terms follow from the clock."""
