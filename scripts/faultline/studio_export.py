"""`studio-export`: the tasks of Lakehouse Studio as files, with a script that creates them through the vendor's cz-cli.

Reads the manifest of a parsed project (dbt parse --target lakehouse) and the statements that create_landing prints.
Written are
    ddl/create_landing.sql      run once, by hand
    refresh/<nn>_<table>.sql    one refresh each, in the order of their sources; one task per table, so that a failure
                                and a full refresh can be alerted on by name
    dbt/build.sh                the AI ledgers: the only part that needs dbt, which plans a batch from what is there
    mes/push_actions.sh         hands the open actions to the MES (push-actions)
    tasks.json                  name, type, file, cron and upstream tasks of each
    deploy.sh                   cz-cli calls that create folder, tasks, content, dependencies and cron
Nothing is sent anywhere.
"""

import argparse
import json
import re
import shlex
import stat
from pathlib import Path

from faultline import UsageError

UTC = "set cz.sql.timezone = UTC;"
CRON = re.compile(r"^\S+( \S+){4,5}$")

PUSH_ACTIONS = """\
#!/bin/sh
# Studio Shell task: hands the open actions of the outbox to the MES and writes its answers to the landing. Besides
# the CZ_* variables it needs FAULTLINE_MES_URL, FAULTLINE_MES_TOKEN and FAULTLINE_MES_SECRET. Safe to repeat.
set -eu
cd "${FAULTLINE_HOME:?folder of the project}"
exec .venv/bin/python scripts/faultline push-actions --target lakehouse
"""

BUILD = """\
#!/bin/sh
# Studio Shell task: the AI ledgers and everything after them. Set the CZ_* variables and DBT_ENV_SECRET_CZ_PASSWORD as
# task parameters. One instance at a time: switch on self-dependency in the schedule of this task.
set -eu
cd "${FAULTLINE_HOME:?folder of the project}"
exec .venv/bin/python scripts/faultline lakehouse-build
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--manifest", default="target/manifest.json", help="manifest of dbt parse --target lakehouse")
    parser.add_argument("--ddl", help="file with what create_landing --args '{dry_run: true}' printed")
    parser.add_argument("--out", default="studio", help="folder to write, must not exist (default: studio)")
    parser.add_argument(
        "--cron", default="*/10 * * * *", help="when the first refresh starts (default: every ten minutes)"
    )
    parser.add_argument("--folder", default="faultline", help="Studio folder of the tasks (default: faultline)")


def dynamic_tables(manifest: dict) -> list[dict]:
    """Every dynamic table with the dynamic tables it reads, each after its sources."""
    nodes = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    tables = {key: node for key, node in nodes.items() if node["config"]["materialized"] == "dynamic_table"}

    def upstream(key: str) -> set[str]:
        found = set()
        for parent in nodes[key]["depends_on"]["nodes"]:
            if parent in tables:
                found.add(parent)
            elif parent in nodes:
                found |= upstream(parent)
        return found

    waiting = {key: upstream(key) for key in sorted(tables)}
    ordered: list[dict] = []
    placed: set[str] = set()
    while waiting:
        ready = [key for key, parents in waiting.items() if parents <= placed]
        if not ready:
            raise UsageError("the dynamic tables of the manifest read each other in a circle")
        for key in ready:
            node = tables[key]
            ordered.append(
                {
                    "name": node["alias"],
                    "relation": f"{node['database']}.{node['schema']}.{node['alias']}",
                    "reads": sorted(tables[parent]["alias"] for parent in waiting[key]),
                }
            )
            placed.add(key)
            del waiting[key]
    return ordered


def run(arguments: argparse.Namespace) -> int:
    manifest_path, out = Path(arguments.manifest), Path(arguments.out)
    if not manifest_path.is_file():
        raise UsageError(f"no manifest at {manifest_path}: run dbt parse --target lakehouse first")
    if out.exists():
        raise UsageError(f"{out} exists already; remove it or name another folder with --out")
    if not CRON.match(arguments.cron):
        raise UsageError(f"--cron is five or six fields, not {arguments.cron!r}")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", arguments.folder):
        raise UsageError(f"a Studio folder is letters, digits and underscores, not {arguments.folder!r}")
    manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
    adapter = manifest["metadata"].get("adapter_type")
    if adapter != "clickzetta":
        raise UsageError(f"the manifest was parsed for {adapter}: run dbt parse --target lakehouse")
    tables = dynamic_tables(manifest)
    if not tables:
        raise UsageError("the manifest has no dynamic table")

    tasks = []
    for folder in ("refresh", "dbt", "mes", *(["ddl"] if arguments.ddl else [])):
        (out / folder).mkdir(parents=True)
    if arguments.ddl:
        ddl = Path(arguments.ddl).read_text(encoding="utf-8")
        (out / "ddl" / "create_landing.sql").write_text(ddl, encoding="utf-8")
        tasks.append(
            {"name": "create_landing", "type": "SQL", "file": "ddl/create_landing.sql", "cron": None, "after": []}
        )
    for number, table in enumerate(tables, 1):
        file = f"refresh/{number:02}_{table['name']}.sql"
        (out / file).write_text(f"{UTC}\nrefresh dynamic table {table['relation']};\n", encoding="utf-8")
        tasks.append(
            {
                "name": f"refresh_{table['name']}",
                "type": "SQL",
                "file": file,
                "cron": arguments.cron,
                "after": [f"refresh_{name}" for name in table["reads"]],
            }
        )
    build = out / "dbt" / "build.sh"
    build.write_text(BUILD, encoding="utf-8")
    build.chmod(build.stat().st_mode | stat.S_IXUSR)
    tasks.append({"name": "build", "type": "SHELL", "file": "dbt/build.sh", "cron": arguments.cron, "after": []})
    has_outbox = any(table["name"] == "mes_actions" for table in tables)
    if has_outbox:
        push = out / "mes" / "push_actions.sh"
        push.write_text(PUSH_ACTIONS, encoding="utf-8")
        push.chmod(push.stat().st_mode | stat.S_IXUSR)
        tasks.append(
            {
                "name": "push_actions",
                "type": "SHELL",
                "file": "mes/push_actions.sh",
                "cron": arguments.cron,
                "after": ["refresh_mes_actions"],
            }
        )
    else:
        (out / "mes").rmdir()
    (out / "tasks.json").write_text(
        json.dumps({"folder": arguments.folder, "tasks": tasks}, indent=2) + "\n", encoding="utf-8"
    )
    deploy = out / "deploy.sh"
    deploy.write_text(deploy_script(arguments.folder, tasks), encoding="utf-8")
    deploy.chmod(deploy.stat().st_mode | stat.S_IXUSR)
    print(
        f"{len(tasks)} tasks in {out}: {len(tables)} refreshes"
        f"{'' if has_outbox else '; no MES push, there is no model mes_actions'}"
    )
    print(f"Look at {out}/tasks.json, then run {out}/deploy.sh where cz-cli is logged in.")
    print("Switch on self-dependency and alerts (failure, overdue, full refresh) in Studio: not in cz-cli.")
    return 0


def deploy_script(folder: str, tasks: list[dict]) -> str:
    """The cz-cli calls. Dependencies want task ids, which the tasks have only after they were created."""
    lines = [
        "#!/bin/sh",
        "# Creates the tasks in Lakehouse Studio with cz-cli (logged in). A task that exists makes it stop.",
        "set -eu",
        'cd "$(dirname "$0")"',
        'task_id() { python3 -c \'import json, sys; print(json.load(sys.stdin)["data"]["id"])\'; }',
        f"cz-cli task create-folder {shlex.quote(folder)} || true",
        "",
    ]
    for number, task in enumerate(tasks):
        name = shlex.quote(task["name"])
        lines.append(
            f"id_{number}=$(cz-cli task create {name} --type {task['type']} --folder {shlex.quote(folder)} | task_id)"
        )
        lines.append(f"cz-cli task save-content {name} --file {shlex.quote(task['file'])}")
        if task["cron"]:
            lines.append(f"cz-cli task save-cron {name} --cron {shlex.quote(task['cron'])}")
    lines.append("")
    numbers = {task["name"]: number for number, task in enumerate(tasks)}
    for task in tasks:
        if task["after"]:
            after = ", ".join(f'{{"taskId": $id_{numbers[name]}, "taskName": "{name}"}}' for name in task["after"])
            escaped = after.replace('"', '\\"')
            lines.append(
                f'cz-cli task save-config {shlex.quote(task["name"])} --deps replace --dep-tasks "[{escaped}]"'
            )
    lines.append("")
    lines.extend(f"cz-cli task deploy {shlex.quote(task['name'])} -y" for task in tasks if task["cron"])
    return "\n".join(lines) + "\n"
