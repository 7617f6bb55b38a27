"""Master data of the demo plant: lines, stations, products, materials, suppliers and people. All of it is made up."""

from dataclasses import dataclass

APPEARANCE, DIMENSION, FUNCTION, MATERIAL = (
    "Appearance Defect",
    "Dimension Deviation",
    "Functional Failure",
    "Material Issue",
)
NO_DEFECT, REINSPECT = "No Defect", "Requires Manual Re-inspection"
DEFECTS = (APPEARANCE, DIMENSION, FUNCTION, MATERIAL)
CATEGORIES = (*DEFECTS, NO_DEFECT, REINSPECT)
SEVERITIES = ("Critical", "Minor", "Light")
ACTIONS = {"Critical": "Scrap", "Minor": "Rework", "Light": "Pass", "No Defect": "Pass"}


@dataclass(frozen=True)
class Line:
    """One production line. ``inspecting`` gives the share of the line's inspections that each station makes."""

    line_id: str
    name: str
    family: str  # what its pictures show: board, strip or part
    skus: tuple[str, ...]
    material: str  # the purchased material whose lot an inspection names
    inspecting: dict[str, float]
    inspectors: dict[str, float]
    false_call_share: float  # share of AOI suspects that are truly good
    units_per_hour: int
    characteristic: str  # what is measured on it in subgroups


LINES = {
    line.line_id: line
    for line in (
        Line(
            "SMT-1",
            "Board line 1",
            "board",
            ("PCB-A100", "PCB-A200"),
            "MAT-PCB",
            {"SMT1-AOI": 0.76, "SMT1-VI": 0.24},
            {"INSP-01": 3, "INSP-02": 3, "INSP-03": 2, "INSP-06": 3},
            0.18,
            90,
            "solder_paste_height",
        ),
        Line(
            "SMT-2",
            "Board line 2",
            "board",
            ("PCB-A200", "PCB-B300"),
            "MAT-PCB",
            {"SMT2-AOI": 0.76, "SMT2-VI": 0.24},
            {"INSP-01": 2, "INSP-02": 2, "INSP-03": 3, "INSP-06": 3},
            0.22,
            80,
            "solder_paste_height",
        ),
        Line(
            "STL-1",
            "Strip line",
            "strip",
            ("STRIP-08", "STRIP-12"),
            "MAT-COIL",
            {"STL1-FM1": 0.78, "STL1-VI": 0.22},
            {"INSP-04": 3, "INSP-05": 3, "INSP-06": 3},
            0.20,
            60,
            "coating_thickness",
        ),
        Line(
            "ASM-1",
            "Housing and assembly line",
            "part",
            ("HSG-40", "ASY-60"),
            "MAT-CAST",
            {"ASM1-CNC1": 0.3, "ASM1-CNC2": 0.42, "ASM1-FIN": 0.28},
            {"INSP-07": 3, "INSP-08": 3, "INSP-09": 2, "INSP-10": 2},
            0.17,
            40,
            "bore_diameter",
        ),
    )
}

# station_id: (line_id, station_type). Machines with a camera inspect what they have just made.
STATIONS = {
    "SMT1-PRINT": ("SMT-1", "printing"),
    "SMT1-REFLOW": ("SMT-1", "reflow"),
    "SMT1-AOI": ("SMT-1", "aoi"),
    "SMT1-VI": ("SMT-1", "manual"),
    "SMT2-PRINT": ("SMT-2", "printing"),
    "SMT2-REFLOW": ("SMT-2", "reflow"),
    "SMT2-AOI": ("SMT-2", "aoi"),
    "SMT2-VI": ("SMT-2", "manual"),
    "STL1-FM1": ("STL-1", "rolling"),
    "STL1-COAT": ("STL-1", "coating"),
    "STL1-VI": ("STL-1", "manual"),
    "ASM1-CNC1": ("ASM-1", "machining"),
    "ASM1-CNC2": ("ASM-1", "machining"),
    "ASM1-FIN": ("ASM-1", "manual"),
}
CAMERA_TYPES = ("aoi", "rolling", "machining")

# sku_id: (name, unit cost, rework cost, scrap recovery), USD per unit; a recovery of None is not known
SKUS_MADE = {
    "PCB-A100": ("Controller board A100", 14.20, 3.10, 0.60),
    "PCB-A200": ("Controller board A200", 18.75, 3.60, 0.80),
    "PCB-B300": ("Power board B300", 27.40, 5.20, 1.35),
    "STRIP-08": ("Coated strip 0.8 mm", 31.00, 6.50, 12.00),
    "STRIP-12": ("Coated strip 1.2 mm", 44.50, 7.20, 17.50),
    "HSG-40": ("Housing 40 mm bore", 22.10, 4.80, 3.40),
    "ASY-60": ("Pump assembly 60", 86.00, 17.50, None),
}
SKUS_BOUGHT = {
    "MAT-PCB": ("Bare circuit board", 3.90, 0.0, None),
    "MAT-PASTE": ("Solder paste, 500 g", 41.00, 0.0, None),
    "MAT-IC": ("Integrated circuit, tray", 2.15, 0.0, None),
    "MAT-COIL": ("Cold-rolled coil section", 19.60, 0.0, 9.10),
    "MAT-ZINC": ("Zinc ingot", 28.00, 0.0, None),
    "MAT-CAST": ("Aluminium casting", 9.80, 0.0, 2.20),
    "MAT-BEAR": ("Ball bearing 6004", 2.60, 0.0, None),
    "MAT-SEAL": ("Shaft seal", 0.85, 0.0, None),
}

# supplier_id: (name, base share rejected, materials)
SUPPLIERS = {
    "SUP-01": ("Lotus Circuit Works", 0.0022, ("MAT-PCB",)),
    "SUP-02": ("Harbour Laminates", 0.0060, ("MAT-PCB", "MAT-PASTE")),
    "SUP-03": ("Jade Components", 0.0011, ("MAT-PASTE", "MAT-IC")),
    "SUP-04": ("Red River Steel", 0.0048, ("MAT-COIL", "MAT-ZINC")),
    "SUP-05": ("Nordstrand Stahl", 0.0030, ("MAT-COIL",)),
    "SUP-06": ("Plateau Foundry", 0.0085, ("MAT-CAST",)),
    "SUP-07": ("Three Gorges Casting", 0.0055, ("MAT-CAST",)),
    "SUP-08": ("Orbit Bearings", 0.0006, ("MAT-BEAR", "MAT-SEAL")),
}

REVIEWERS = ("QE-01", "QE-02", "QE-03")


@dataclass(frozen=True)
class Characteristic:
    """A measured quantity. ``sigma`` is the spread of single values of a healthy process, in ``unit``."""

    name: str
    station_by_line: dict[str, str]
    lower: float
    target: float
    upper: float
    sigma: float
    unit: str
    decimals: int


CHARACTERISTICS = {
    item.name: item
    for item in (
        Characteristic(
            "solder_paste_height", {"SMT-1": "SMT1-PRINT", "SMT-2": "SMT2-PRINT"}, 100, 130, 160, 7.0, "um", 1
        ),
        Characteristic("coating_thickness", {"STL-1": "STL1-COAT"}, 16, 20, 24, 0.95, "um", 2),
        Characteristic("bore_diameter", {"ASM-1": "ASM1-CNC1"}, 39.985, 40.0, 40.015, 0.0034, "mm", 4),
    )
}


def is_camera(station_id: str) -> bool:
    return STATIONS[station_id][1] in CAMERA_TYPES
