"""Believable achievements of Inner Mongolia, made from a seed: for the bench of the catalogue. Invented throughout."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

Theme = dict[str, Any]

THEMES: Final[list[Theme]] = [
    {"field": "05", "industry": "C3985", "weight": 14, "things": "钕铁硼永磁体 稀土储氢合金 镧铈抛光粉 高纯氧化镨钕 稀土镁合金 铈基脱硝催化剂 稀土硫化物颜料 钐钴磁体 稀土钢轨 镨钕合金靶材",
     "does": "晶界扩散 重稀土减量 熔盐电解 溶剂萃取分离 废料回收 速凝甩带 热变形 选矿尾矿综合利用 氢破制粉 表面镀层", "for": "风力发电机 新能源汽车电机 磁共振成像 机器人伺服 电子信息 轨道交通",
     "latin": "NdFeB N52 N48SH SmCo LaNi5 CeO2 Pr6O11 Dy Tb"},
    {"field": "09", "industry": "C1440", "weight": 12, "things": "常温酸奶 益生菌发酵剂 奶酪 乳清蛋白 婴幼儿配方乳粉 驼乳粉 马奶酒 乳铁蛋白 低乳糖牛奶 奶豆腐",
     "does": "膜分离 乳酸菌选育 冷杀菌 微胶囊包埋 风味调控 掺假快速检测 冷链保鲜 酶解改性 全程追溯", "for": "乳品企业 牧区合作社 学生奶 功能食品 老年营养", "latin": "Lactobacillus UHT HMO DHA MFGM"},
    {"field": "09", "industry": "A0330", "weight": 10, "things": "退化草原 苜蓿 羊草 披碱草 冰草 饲草青贮 沙打旺 人工草地 天然牧场 草种",
     "does": "免耕补播 毒害草防控 鼠虫害监测 水肥一体化 种子包衣 载畜量评估 围栏轮牧 抗旱育种 机械化收获", "for": "锡林郭勒草原 呼伦贝尔牧区 生态修复工程 家庭牧场 种业公司", "latin": "NDVI Medicago GIS pH"},
    {"field": "09", "industry": "A0314", "weight": 9, "things": "苏尼特羊 杜泊羊 肉牛 蒙古马 双峰驼 绒山羊 乌珠穆沁羊 西门塔尔牛 乳用奶山羊",
     "does": "全基因组选择 同期发情 胚胎移植 布鲁氏菌病净化 精准饲喂 智能耳标 粪污资源化 羊绒细度改良 母畜繁育管理", "for": "种羊场 规模牧场 家庭牧户 屠宰加工企业 兽医站", "latin": "SNP RFID TMR ELISA PCR"},
    {"field": "06", "industry": "D4415", "weight": 13, "things": "风力发电机组 光伏组件 磷酸铁锂电池 全钒液流电池 压缩空气储能 电解水制氢 碱性电解槽 氢燃料电池 熔盐储热 源网荷储微网",
     "does": "功率预测 叶片除冰 构网控制 热失控预警 梯次利用 一次调频 离网制氢 绿氨合成 寿命评估 低温启动", "for": "沙戈荒大型基地 工业园区 矿用重卡 边远牧区 算力中心", "latin": "LiFePO4 PEM SCADA 5MW SOC AEM"},
    {"field": "07", "industry": "C2520", "weight": 11, "things": "煤制烯烃 煤制乙二醇 费托合成油 煤矸石 粉煤灰 高盐废水 煤层气 焦炉煤气 低阶煤 气化炉渣",
     "does": "催化剂再生 分盐结晶 提取氧化铝 二氧化碳捕集 热解提质 充填开采 膜浓缩 余热回收 制备建材 碳足迹核算", "for": "煤化工基地 电厂 矿区复垦 水泥企业 化工园区", "latin": "MTO CO2 ZSM-5 MVR CCUS Fe-Cu"},
    {"field": "09", "industry": "A0111", "weight": 10, "things": "马铃薯脱毒种薯 玉米杂交种 向日葵 燕麦 荞麦 大豆 甜菜 春小麦 谷子 番茄",
     "does": "浅埋滴灌 病虫害绿色防控 盐碱地改良 全程机械化 单倍体育种 膜下滴灌 无人机植保 种薯仓储 秸秆还田 抗列当育种", "for": "河套灌区 西辽河平原 阴山北麓 种植合作社 种业企业", "latin": "CRISPR NPK V6 DNA"},
    {"field": "04", "industry": "C2740", "weight": 8, "things": "蒙药复方制剂 苁蓉总苷 黄芪多糖 甘草酸 沙棘黄酮 锁阳提取物 蒙医温针 中蒙药饮片 动物疫苗 体外诊断试剂",
     "does": "质量标准研究 指纹图谱 超临界萃取 生物发酵 炮制工艺 药效评价 悬浮培养 冻干保护 快速检测", "for": "蒙医医院 制药企业 兽药企业 保健食品 基层卫生院", "latin": "HPLC ELISA qPCR GMP"},
    {"field": "01", "industry": "I6510", "weight": 9, "things": "牧场物联网平台 蒙古文语音识别 矿山无人驾驶 绿色算力调度 遥感火情监测 智慧供热 蒙汉机器翻译 井下精确定位 电力巡检机器人",
     "does": "边缘计算 深度学习 知识图谱 多传感器融合 数字孪生 联邦学习 故障诊断 大模型微调 异常检测", "for": "和林格尔数据中心 露天煤矿 电网公司 牧区旗县 边境口岸", "latin": "AI LiDAR 5G UWB OCR LoRa"},
    {"field": "03", "industry": "C3411", "weight": 8, "things": "矿用自卸车 打捆机 马铃薯收获机 风电塔筒 特种钢管 不锈钢复合板 铝合金轮毂 石墨电极 多晶硅还原炉 蓝宝石晶体",
     "does": "轻量化设计 激光熔覆 增材制造 超声检测 自适应控制 热处理工艺 焊接机器人 近净成形 再制造", "for": "装备制造企业 农机合作社 冶金企业 光伏材料企业", "latin": "TIG SLM 304L Q690 MES"},
    {"field": "07", "industry": "N7711", "weight": 7, "things": "沙漠化土地 乌梁素海水体 盐碱地 矿山排土场 黄河沿岸湿地 生活垃圾 畜禽粪污 氟超标地下水 大气臭氧",
     "does": "草方格固沙 生物结皮 生态补水 植被恢复 微生物修复 面源污染控制 反渗透除氟 遥感评估 厌氧发酵", "for": "库布其沙漠 乌兰布和沙漠 旗县环保局 矿业公司 农村饮水", "latin": "COD MBR PM2.5 InSAR"},
    {"field": "10", "industry": "E4812", "weight": 4, "things": "寒区沥青路面 风吹雪公路 重载铁路轨道 桥梁支座 中欧班列集装箱 冻土路基 钢渣沥青混合料",
     "does": "低温抗裂 健康监测 橡胶改性 防雪栅优化 快速修补 智能压实", "for": "公路养护单位 口岸物流 铁路局 交通设计院", "latin": "SBS BIM FRP"},
    {"field": "11", "industry": "E4710", "weight": 3, "things": "装配式蒙古包 严寒地区建筑 粉煤灰砌块 供热管网 地源热泵 应急避难场所",
     "does": "被动式保温 分户计量 抗震加固 防火阻燃 能耗监测", "for": "旅游营地 老旧小区 牧区定居点 乡村学校", "latin": "XPS BIM VRF"},
    {"field": "08", "industry": "C3562", "weight": 1, "things": "铀矿地浸 辐照育种 工业射线探伤 放射性尾渣", "does": "溶浸液优化 剂量监测 屏蔽材料 突变体筛选", "for": "矿冶企业 育种机构 检测机构", "latin": "Co60 HPGe"},
    {"field": "02", "industry": "C3744", "weight": 2, "things": "高原无人机 卫星遥感数据 探空气球 航空复合材料", "does": "抗风控制 影像解译 超低温测试 碳纤维缠绕", "for": "草原巡护 气象部门 低空物流 测绘单位", "latin": "UAV SAR T700"},
]  # fmt: skip
"""What is made, how, for whom; with the signs that professionals search by."""
FORMS: Final = ("关键技术", "成套工艺", "装备", "新品种", "系统", "方法", "材料", "技术集成与示范", "检测方法", "中试工艺")
GAINS: Final = ("能耗降低", "成本下降", "产量提高", "回收率提高", "寿命延长", "误差缩小", "用水减少", "损耗降低")
HOLDERS: Final = (
    "北疆理工大学", "草原农业大学", "阴山稀土研究院", "河套作物研究所", "蒙药创新研究中心", "敕勒川乳业技术有限公司",
    "瀚海新能源股份有限公司", "兴安林草研究所", "金桥智能装备有限公司", "黑水煤化工研究院", "乌兰畜牧科技合作社", "锡林生态研究站",
)  # fmt: skip
KINDS: Final = ("STATE_INSTITUTE", "STATE_ENTERPRISE", "COMPANY", "OTHER")
MODES: Final = ("TRANSFER", "EXCLUSIVE", "SOLE", "PLAIN", "OPEN", "EQUITY", "COOPERATION")
REGIONS: Final = (
    "150102 150104 150105 150121 150203 150204 150207 150221 150302 150402 150404 150421 150425 150430 150502 150523 150526 150602 150603"
    " 150622 150627 150702 150721 150781 150784 150802 150821 150823 150902 150923 150929 150981 152201 152221 152224 152501 152502 152525"
    " 152530 152921 152923"
).split()
_SYLLABLES: Final = "宏鼎晟瑞远达蓝星润丰青禾朔方启明云帆铁牛天骄金穗碧野长风广袤"


def achievements(count: int, seed: int = 20_261_124) -> Iterator[dict[str, str]]:
    """Return the rows of an import file, in the columns of the template; the same seed gives the same rows."""
    chance = random.Random(seed)
    weights = [theme["weight"] for theme in THEMES]
    for number in range(count):
        yield _one(chance, chance.choices(THEMES, weights)[0], number)


def _one(chance: random.Random, theme: Theme, number: int) -> dict[str, str]:
    thing, second = chance.sample(theme["things"].split(), 2)
    how, also = chance.sample(theme["does"].split(), 2)
    use = chance.choice(theme["for"].split())
    sign = chance.choice(theme["latin"].split())
    form, gain = chance.choice(FORMS), chance.choice(GAINS)
    model = f"{chance.choice('ABCDEFGHKMNX')}{chance.choice('ABCDEFGHKMNX')}-{chance.randint(10, 9_999)}"
    name = "".join(chance.sample(_SYLLABLES, 2))
    trl = chance.choices(range(1, 10), (1, 2, 5, 9, 12, 10, 7, 5, 3))[0]
    title = chance.choice(
        (f"面向{use}的{thing}{how}{form}", f"{thing}{how}与{also}{form}", f"基于{sign}的{thing}{how}{form}", f"{name}{model}型{thing}{form}")
    )
    abstract = (
        f"本成果针对{use}在{thing}方面的问题，研究{how}与{also}，形成{form}。"
        f"采用{sign}路线，并与{second}联用，{gain}{chance.randint(3, 60)}%，样机{model}在{chance.randint(1, 12)}个月的{chance.choice(('试运行', '田间试验', '中试', '示范应用'))}中"
        f"保持稳定。已在{chance.randint(1, 9)}家{use}相关单位{chance.choice(('应用', '示范', '验证'))}，"
        f"{chance.choice(('适合推广到', '可用于', '正在寻找合作方共同面向'))}{chance.choice(theme['for'].split())}。"
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
