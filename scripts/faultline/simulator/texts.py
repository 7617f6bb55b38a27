"""What inspectors write: English and Chinese, short and long, with the abbreviations and slips of people in a hurry."""

import numpy

from faultline.simulator.keyed_random import choose

# kind of defect: (English names, Chinese names)
DEFECT_WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "solder_splash": (
        ("solder splash", "solder balls", "splatter of solder", "stray solder"),
        ("锡珠", "焊锡飞溅", "锡渣"),
    ),
    "scratch": (
        ("scratch", "scratch mark", "fine scratch", "scratched surface", "handling scratch"),
        ("划痕", "刮伤", "表面划伤"),
    ),
    "shifted_component": (
        ("component shifted", "part off its pads", "chip misaligned", "placement offset"),
        ("元件偏移", "贴片偏位", "器件移位"),
    ),
    "open": (
        ("open trace", "broken track", "trace interrupted", "open circuit on trace"),
        ("线路断开", "开路", "走线断裂"),
    ),
    "short": (("solder bridge", "short between tracks", "bridging", "shorted pins"), ("连锡", "短路", "焊点桥接")),
    "missing_component": (
        ("component missing", "no part on pads", "missing chip", "part not placed"),
        ("缺件", "漏贴", "元件缺失"),
    ),
    "delamination": (
        ("delamination", "blister in laminate", "laminate bubble", "board blistering"),
        ("分层", "板材起泡", "基材鼓包"),
    ),
    "pit": (("pits", "small pitting", "pin holes in surface", "pitted spot"), ("麻点", "凹坑", "表面点蚀")),
    "roll_mark": (
        ("roll mark", "repeating dent", "periodic mark from roll", "roller imprint"),
        ("辊印", "周期性压痕", "轧辊印"),
    ),
    "width_deviation": (
        ("edge out of width", "strip too narrow", "edge wavy", "width under tolerance"),
        ("宽度超差", "边部波浪", "边缘偏窄"),
    ),
    "crack": (("crack", "hairline crack", "cracked through", "crack running from edge"), ("裂纹", "开裂", "贯穿裂纹")),
    "inclusion": (
        ("inclusion", "slag inclusion", "dark foreign matter rolled in", "non-metallic inclusion"),
        ("夹杂", "夹渣", "非金属夹杂物"),
    ),
    "lamination": (
        ("lamination", "sliver", "material peeling in layers", "lap in material"),
        ("起皮", "重皮", "材料分层"),
    ),
    "burr": (("burr", "sharp burr", "burr left on edge", "fins on contour"), ("毛刺", "飞边", "边缘毛刺")),
    "chip": (("chipped edge", "edge chipping", "piece broken off edge", "nick in edge"), ("崩边", "缺口", "边缘掉块")),
    "bore_oversize": (
        ("bore oversize", "bore too large", "bore dia out of tol", "go/no-go gauge fails on bore"),
        ("内孔超差", "孔径偏大", "孔径超上限"),
    ),
    "missing_hole": (
        ("hole missing", "bolt hole not drilled", "one hole not machined", "no thread hole"),
        ("漏钻孔", "缺孔", "螺栓孔未加工"),
    ),
    "porosity": (("porosity", "gas pores", "casting voids", "blow holes"), ("气孔", "砂眼", "铸造缩孔")),
}

ZONES_CHINESE = {
    "upper-left": "左上角",
    "upper": "上部",
    "upper-right": "右上角",
    "left": "左侧",
    "centre": "中间",
    "right": "右侧",
    "lower-left": "左下角",
    "lower": "下部",
    "lower-right": "右下角",
}
ZONES_ABBREVIATED = {
    "upper-left": "UL",
    "upper": "top",
    "upper-right": "UR",
    "left": "LH side",
    "centre": "ctr",
    "right": "RH side",
    "lower-left": "LL",
    "lower": "btm",
    "lower-right": "LR",
}

ENGLISH = (
    "{defect} {zone}",
    "{defect}, {zone}",
    "{Defect} at {zone}.",
    "{count}x {defect} {zone}",
    "{Defect} found {zone}, {severity}",
    "{zone}: {defect}",
    "visible {defect} in the {zone} area, {severity}",
    "{defect} ({zone}), pls check",
    "{Defect} {zone} - same as yesterday?",
    "AOI says {defect}, confirmed {zone}",
    "{defect} about {millimetres} mm, {zone}",
    "{Defect}. Seen with loupe only.",
    "{DEFECT} {zone}",
    "{defect} near {zone}; set aside for QE",
    "poss. {defect} {zone}",
)
CHINESE = (
    "{zone}{defect}",
    "{zone}发现{defect}",
    "{defect}，{zone}",
    "{zone}有{count}处{defect}",
    "{defect}，约{millimetres}mm",
    "目检{zone}{defect}，{severity}",
    "{defect}（{zone}），请复判",
    "AOI报警，复判确认{defect}",
)
GOOD_ENGLISH = (
    "ok",
    "OK",
    "no defect found",
    "good",
    "looks fine",
    "checked, ok",
    "n.d.f.",
    "dust only, wiped off",
    "reflection, part is good",
    "all dims in tol",
    "no fault, false alarm",
    "AOI false call, flux shine",
    "pass",
    "good after cleaning",
    "re-checked under loupe: ok",
    "nothing to see",
)
GOOD_CHINESE = (
    "合格",
    "正常",
    "未见异常",
    "灰尘，擦拭后正常",
    "误报",
    "外观良好",
    "反光，实物正常",
    "复检合格",
    "无缺陷",
    "AOI误判",
)
UNSURE = (
    "cannot tell from picture, pls re-check",
    "unclear, needs second look",
    "看不清，需复检",
    "needs manual check w/ microscope",
    "in doubt",
)
SEVERITY_CHINESE = {"Critical": "严重", "Minor": "一般", "Light": "轻微"}


def zone_words(random: numpy.random.Generator, zone: str) -> str:
    return (
        ZONES_ABBREVIATED[zone] if random.random() < 0.35 else zone.replace("-", " ") if random.random() < 0.5 else zone
    )


def misspell(random: numpy.random.Generator, text: str) -> str:
    """Swap, drop or double one letter, as fingers do."""
    place = int(random.integers(1, max(2, len(text) - 1)))
    slip = int(random.integers(3))
    if slip == 0:
        return text[: place - 1] + text[place : place + 1] + text[place - 1] + text[place + 1 :]
    return text[:place] + (text[place - 1] if slip == 1 else "") + text[place + (slip == 2) :]


def describe_defect(
    random: numpy.random.Generator, kind: str, zone: str, count: int, area_ratio: float, severity: str
) -> str:
    """A description of one defect as a person would leave it. ``area_ratio`` is a share of the picture, 0..1."""
    english, chinese = DEFECT_WORDS[kind]
    millimetres = max(1, round((area_ratio * 1200) ** 0.5))
    if random.random() < 0.38:
        words = {"defect": choose(random, chinese), "zone": ZONES_CHINESE[zone], "severity": SEVERITY_CHINESE[severity]}
        return choose(random, CHINESE).format(count=count, millimetres=millimetres, **words)
    defect = choose(random, english)
    text = choose(random, ENGLISH).format(
        defect=defect,
        Defect=defect.capitalize(),
        DEFECT=defect.upper(),
        zone=zone_words(random, zone),
        count=count,
        millimetres=millimetres,
        severity=severity.lower(),
    )
    return misspell(random, text) if random.random() < 0.08 else text


def describe_good(random: numpy.random.Generator) -> str:
    return choose(random, GOOD_CHINESE if random.random() < 0.35 else GOOD_ENGLISH)


def describe_doubt(random: numpy.random.Generator) -> str:
    return choose(random, UNSURE)
