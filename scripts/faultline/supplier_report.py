"""`supplier-report`: one supplier and month as a page to print and to argue over, in HTML and PDF.

Every figure stands with its numerator and denominator; the data behind the page is written beside it as JSON, and its
SHA-256 is printed on it. The HTML is one file with everything in it. The PDF is set by Typst, which comes with fonts as
one Python package: no browser is needed.
"""

import argparse
import base64
import hashlib
import io
import json
import os
import re
import tempfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from faultline import UsageError
from faultline.supplier_report_charts import funnel_chart, months_chart, pareto_chart
from faultline.warehouse import Warehouse, add_warehouse_arguments, landing_folder

TEMPLATES = Path(__file__).with_name("templates")
MOST_PICTURES, PICTURE_PIXELS = 6, 720
MONTHS_SHOWN = 13


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("supplier", help="supplier_id")
    parser.add_argument("month", help="month as YYYY-MM")
    parser.add_argument("--out", type=Path, default=Path("target/supplier_reports"), help="folder for the report")
    parser.add_argument("--approved-by", metavar="NAME", help="who approves it; without a name the page is a draft")
    parser.add_argument(
        "--images",
        type=Path,
        default=Path(os.environ.get("FAULTLINE_IMAGES") or landing_folder().parent / "images"),
        help="folder of the pictures (default: FAULTLINE_IMAGES, else images beside the landing)",
    )
    parser.add_argument("--no-pdf", action="store_true", help="write the HTML page only")
    add_warehouse_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    month = month_of(arguments.month)
    with Warehouse(arguments.target, arguments.profiles_dir, arguments.vars) as warehouse:
        data = report_data(warehouse, arguments.supplier, month)
    data["state"] = "approved" if arguments.approved_by else "draft"
    data["approved_by"] = arguments.approved_by
    pictures = [one for example in data["examples"] if (one := picture(arguments.images, example))]
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, default=plain, indent=1)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    charts = {
        "months": months_chart(data["months"]),
        "funnel": funnel_chart(data["supplier_id"], data["suppliers"], data["funnel_sigmas"]),
        "pareto": pareto_chart(data["pareto"]),
    }
    page = {**data, "fingerprint": fingerprint, "written_at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"}

    arguments.out.mkdir(parents=True, exist_ok=True)
    stem = f"supplier-{re.sub(r'[^A-Za-z0-9_-]', '_', arguments.supplier)}-{month:%Y-%m}-{data['state']}"
    (arguments.out / f"{stem}.json").write_text(text, encoding="utf-8")
    (arguments.out / f"{stem}.html").write_text(html_page(page, charts, pictures), encoding="utf-8")
    if not arguments.no_pdf:
        (arguments.out / f"{stem}.pdf").write_bytes(pdf_page(page, charts, pictures))
    print(arguments.out / f"{stem}.{'html' if arguments.no_pdf else 'pdf'}")
    return 0


def month_of(words: str) -> date:
    try:
        return datetime.strptime(words, "%Y-%m").date()
    except ValueError as error:
        raise UsageError(f"a month is written YYYY-MM, not {words!r}") from error


def plain(value: object) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError(type(value))


def numbers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The adapter hands numbers over as decimals."""
    return [{name: plain(v) if isinstance(v, Decimal) else v for name, v in row.items()} for row in rows]


def as_date(value: object) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])


def report_data(warehouse: Warehouse, supplier_id: str, month: date) -> dict[str, Any]:
    """Everything the page shows.

    Raises UsageError for an unknown supplier or a month outside the data.
    """
    supplier = warehouse.literal(supplier_id)
    day = f"cast({warehouse.literal(month.isoformat())} as date)"
    monthly, pareto_table = warehouse.table("supplier_quality_monthly"), warehouse.table("supplier_defect_pareto")
    history = numbers(
        warehouse.rows(
            f"select * from {monthly} where supplier_id = {supplier} and report_month <= {day} "
            "order by report_month desc"
        )
    )[:MONTHS_SHOWN][::-1]
    for row in history:
        row["report_month"] = as_date(row["report_month"])
    if not history or history[-1]["report_month"] != month:
        raise UsageError(f"nothing is known of supplier {supplier_id} in {month:%Y-%m}")
    suppliers = numbers(
        warehouse.rows(
            f"select supplier_id, quantity_judged, quantity_rejected, ppm, funnel_centre_ppm from {monthly} "
            f"where report_month = {day} order by supplier_id"
        )
    )
    pareto = numbers(
        warehouse.rows(
            f"select * from {pareto_table} where supplier_id = {supplier} and report_month = {day} order by defect_rank"
        )
    )
    for row in pareto:
        row["report_month"] = as_date(row["report_month"])
    lots = numbers(
        warehouse.rows(
            "select supplier_lot_id, sku_id, received_at, quantity_received, quantity_rejected "
            f"from {warehouse.table('ods_supplier_receipts')} "
            f"where supplier_id = {supplier} and quantity_rejected > 0 order by received_at"
        )
    )
    thresholds = numbers(warehouse.rows(f"select threshold, value from {warehouse.table('supplier_thresholds')}"))
    weights = numbers(warehouse.rows(f"select * from {warehouse.table('supplier_score_weights')} order by metric"))
    escapes = numbers(
        warehouse.rows(
            "select inspection_id, local_day, line_id, supplier_lot_id, category, severity, image_path, is_confirmed "
            f"from {warehouse.table('supplier_escapes')} where supplier_id = {supplier} and is_defect "
            "and image_state = 'readable' order by is_escape desc, is_confirmed desc, severity, inspection_id"
        )
    )
    named = {value["threshold"]: value["value"] for value in thresholds}
    shown = [row for row in escapes if as_date(row["local_day"]).replace(day=1) == month][:MOST_PICTURES]
    month_lots = [row for row in lots if as_date(row["received_at"]).replace(day=1) == month]
    worst = sorted(month_lots, key=lambda row: (-row["quantity_rejected"], row["supplier_lot_id"]))
    return {
        "supplier_id": supplier_id,
        "supplier_name": history[-1]["supplier_name"],
        "month": month.strftime("%B %Y"),
        "now": history[-1],
        "months": history,
        "suppliers": suppliers,
        "pareto": pareto,
        "lots": worst[:8],
        "examples": shown,
        "weights": weights,
        "funnel_sigmas": named["funnel_sigmas"],
        "min_judged_lots": named["min_judged_lots"],
        "min_judged_quantity": named["min_judged_quantity"],
        "plant_timezone": warehouse.variables.get("plant_timezone"),
    }


def picture(root: Path, example: dict[str, Any]) -> dict[str, Any] | None:
    """A small JPEG of an example, or nothing where its file is not here or cannot be decoded."""
    from PIL import Image

    path = (root / str(example["image_path"])).resolve()
    if not path.is_relative_to(root.resolve()) or not path.is_file():
        return None
    try:
        with Image.open(path) as image:
            image.thumbnail((PICTURE_PIXELS, PICTURE_PIXELS))
            small = io.BytesIO()
            image.convert("RGB").save(small, "JPEG", quality=85)
    except (OSError, ValueError):
        return None
    return {**example, "jpeg": small.getvalue()}


def figure(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def html_page(page: dict[str, Any], charts: dict[str, str], pictures: list[dict[str, Any]]) -> str:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters["figure"] = figure
    shown = [{**one, "uri": "data:image/jpeg;base64," + base64.b64encode(one["jpeg"]).decode()} for one in pictures]
    return environment.get_template("supplier_report.html").render(page, charts=charts, pictures=shown)


def pdf_page(page: dict[str, Any], charts: dict[str, str], pictures: list[dict[str, Any]]) -> bytes:
    """The same page set by Typst. All texts travel as data: nothing in them can be markup."""
    import typst

    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        for name, chart in charts.items():
            (folder / f"{name}.svg").write_text(chart, encoding="utf-8")
        listed = []
        for number, one in enumerate(pictures):
            (folder / f"picture-{number}.jpg").write_bytes(one["jpeg"])
            listed.append({**{k: v for k, v in one.items() if k != "jpeg"}, "file": f"picture-{number}.jpg"})
        data = json.dumps({**page, "pictures": listed}, ensure_ascii=False, default=plain)
        (folder / "data.json").write_text(data, encoding="utf-8")
        source = folder / "supplier_report.typ"
        source.write_text((TEMPLATES / "supplier_report.typ").read_text(encoding="utf-8"), encoding="utf-8")
        return typst.compile(str(source), root=str(folder))
