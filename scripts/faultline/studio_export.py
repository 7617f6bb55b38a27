"""`studio-export`: the tasks of Lakehouse Studio as files, with a script that creates them through the vendor's cz-cli.

Reads the manifest of a parsed project (dbt parse --target lakehouse) and the statements that create_landing prints.
Written are
    ddl/create_landing.sql      run once, by hand
    refresh/<nn>_<table>.sql    one refresh each, in the order of their sources; one task per table, so that a failure
                                and a full refresh can be alerted on by name
    shell/build.sh              the AI ledgers and what else is no dynamic table: the part that needs dbt
    shell/push_actions.sh       hands the open actions to the MES (push-actions)
    shell/crontab               runs these two on the machine that holds the project
    tasks.json                  name, type, file, cron and upstream tasks of each task of Studio
    deploy.sh                   cz-cli calls that create or update folder, tasks, content, cron, dependencies
The shell scripts are no tasks of Studio unless --shell-tasks says so: a pod of Studio is new on every run, has Python
3.10 and nowhere to keep a password. Nothing is sent anywhere.
"""

import argparse
import json
import re
import shlex
import stat
from pathlib import Path

from faultline import UsageError

UTC = "set cz.sql.timezone = UTC;"

# What cz-cli keeps of a cron expression when it rewrites it for Studio (source: cron-adapter.ts). A list of minutes,
# a step of hours without a range or a month it drops without a word; weekdays count from Sunday = 1 in Studio.
HOUR = r"(?:[01]?\d|2[0-3])"
DAY = r"(?:[12]?\d|3[01])"
EVERY_MINUTES = rf"(?:\*|\*/(?:1|2|3|5|10|15|20|30)) (?:\*|{HOUR}|{HOUR}-{HOUR})"
AT_A_MINUTE = rf"[0-5]?\d (?:\*|{HOUR}|{HOUR}-{HOUR}|{HOUR}-{HOUR}/(?:[1-9]|1[0-2]))"
CRON = re.compile(rf"(?:{EVERY_MINUTES}|{AT_A_MINUTE}) (?:\*|{DAY}(?:,{DAY})*) \* \*")

BUILD = """\
#!/bin/sh
# The AI ledgers and whatever else is no dynamic table; Studio refreshes those, and two refreshes of one table must not
# overlap. One instance at a time: a second one gives way.
set -eu
cd "$FAULTLINE_HOME"
mkdir -p target
exec flock -n target/build.lock .venv/bin/python scripts/faultline lakehouse-build -- \\
    --resource-type model --exclude config.materialized:dynamic_table
"""

PUSH_ACTIONS = """\
#!/bin/sh
# Hands the open actions of the outbox to the MES and writes its answers to the landing. Besides the CZ_* variables it
# needs FAULTLINE_MES_URL, FAULTLINE_MES_TOKEN and FAULTLINE_MES_SECRET. Safe to repeat.
set -eu
cd "$FAULTLINE_HOME"
mkdir -p target
exec flock -n target/push_actions.lock .venv/bin/python scripts/faultline push-actions --target lakehouse
"""

CRONTAB = """\
# For crontab(1) on the machine that holds the project. FAULTLINE_HOME is its folder, STUDIO that of this export. The
# file .env in FAULTLINE_HOME, readable by its owner alone, sets CZ_*, DBT_ENV_SECRET_CZ_PASSWORD and FAULTLINE_MES_*.
FAULTLINE_HOME=/opt/faultline
STUDIO=/opt/faultline/studio
"""

DEPLOY = """\
#!/bin/sh
# Creates the tasks in Lakehouse Studio, or brings those of the same name up to date. Needs python3 and a cz-cli that is
# logged in. Safe to repeat; it stops at the first refusal and says what was refused. A task whose table is gone stays.
set -eu
cd "$(dirname "$0")"

value_of() {  # <key>: the value of that key in the data that cz-cli printed
    python3 -c 'import json, sys
answer, _ = json.JSONDecoder().raw_decode(sys.stdin.read().lstrip())
print(answer["data"][sys.argv[1]])' "$1"
}

studio() {  # one call of cz-cli; what it answers is shown only where it refuses
    answer=$(cz-cli task "$@") || {
        printf 'cz-cli task %s: %s\\n' "$*" "$answer" >&2
        exit 1
    }
}

task() {  # <name> <type>: sets id to that of the task, which is created where there is none
    if answer=$(cz-cli task create "$1" --type "$2" --folder "$folder"); then
        id=$(printf '%s' "$answer" | value_of id)
        return
    fi
    refusal=$answer
    answer=$(cz-cli task content "$1") || answer=
    # cz-cli takes a task with a similar name where there is none of this one.
    if [ "$(printf '%s' "$answer" | value_of task_name 2>/dev/null)" != "$1" ]; then
        printf 'cz-cli task create %s: %s\\n' "$1" "$refusal" >&2
        exit 1
    fi
    id=$(printf '%s' "$answer" | value_of task_id)
}

"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--manifest", default="target/manifest.json", help="manifest of dbt parse --target lakehouse")
    parser.add_argument("--ddl", help="file with what create_landing --args '{dry_run: true}' printed")
    parser.add_argument("--out", default="studio", help="folder to write, must not exist (default: studio)")
    parser.add_argument(
        "--cron",
        default="*/10 * * * *",
        help="when the refreshes start: minute and hour, day of the month, * * (default: every ten minutes)",
    )
    parser.add_argument(
        "--folder", default="faultline", help="Studio folder and first word of the tasks (default: faultline)"
    )
    parser.add_argument("--vcluster", help="cluster of the refreshes, a general-purpose one (default: Studio's)")
    parser.add_argument(
        "--shell-tasks",
        action="store_true",
        help="make Studio tasks of the shell scripts too: only where its shell tasks run on a machine with the project",
    )


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
                    "relation": node["relation_name"],
                    "reads": sorted(tables[parent]["alias"] for parent in waiting[key]),
                }
            )
            placed.add(key)
            del waiting[key]
    return ordered


def write_script(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def run(arguments: argparse.Namespace) -> int:
    manifest_path, out = Path(arguments.manifest), Path(arguments.out)
    if not manifest_path.is_file():
        raise UsageError(f"no manifest at {manifest_path}: run dbt parse --target lakehouse first")
    if out.exists():
        raise UsageError(f"{out} exists already; remove it or name another folder with --out")
    if not CRON.fullmatch(arguments.cron):
        raise UsageError(
            f"--cron is a minute or */n (n: 1, 2, 3, 5, 10, 15, 20, 30), an hour, a range of hours or *, days of the "
            f"month or *, then * *: Studio keeps no more of it; it is {arguments.cron!r}"
        )
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", arguments.folder):
        raise UsageError(f"a Studio folder is letters, digits and underscores, not {arguments.folder!r}")
    manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
    adapter = manifest["metadata"].get("adapter_type")
    if adapter != "clickzetta":
        raise UsageError(f"the manifest was parsed for {adapter}: run dbt parse --target lakehouse")
    tables = dynamic_tables(manifest)
    if not tables:
        raise UsageError("the manifest has no dynamic table")

    def task(name: str, kind: str, file: str, cron: str | None, after: list[str]) -> dict:
        # Names are looked up in the whole workspace: the folder keeps them apart from those of another project.
        named = [f"{arguments.folder}_{word}" for word in (name, *after)]
        return {"name": named[0], "type": kind, "file": file, "cron": cron, "after": named[1:]}

    tasks = []
    for folder in ("refresh", "shell", *(["ddl"] if arguments.ddl else [])):
        (out / folder).mkdir(parents=True)
    if arguments.ddl:
        ddl = Path(arguments.ddl).read_text(encoding="utf-8")
        (out / "ddl" / "create_landing.sql").write_text(ddl, encoding="utf-8")
        tasks.append(task("create_landing", "SQL", "ddl/create_landing.sql", None, []))
    for number, table in enumerate(tables, 1):
        file = f"refresh/{number:02}_{re.sub('[^A-Za-z0-9_]', '_', table['name'])}.sql"
        (out / file).write_text(f"{UTC}\nrefresh dynamic table {table['relation']};\n", encoding="utf-8")
        after = [f"refresh_{name}" for name in table["reads"]]
        tasks.append(task(f"refresh_{table['name']}", "SQL", file, arguments.cron, after))
    scripts = {"build": (BUILD, [])}
    if any(table["name"] == "mes_actions" for table in tables):
        scripts["push_actions"] = (PUSH_ACTIONS, ["refresh_mes_actions"])
    for name, (text, after) in scripts.items():
        write_script(out / "shell" / f"{name}.sh", text)
        if arguments.shell_tasks:
            tasks.append(task(name, "SHELL", f"shell/{name}.sh", arguments.cron, after))
    schedule = "".join(
        f'{arguments.cron} set -a && . "$FAULTLINE_HOME/.env" && sh "$STUDIO/shell/{name}.sh"\n' for name in scripts
    )
    (out / "shell" / "crontab").write_text(CRONTAB + schedule, encoding="utf-8")
    listing = {"folder": arguments.folder, "vcluster": arguments.vcluster, "tasks": tasks}
    (out / "tasks.json").write_text(json.dumps(listing, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    write_script(out / "deploy.sh", deploy_script(arguments.folder, arguments.vcluster, tasks))
    print(
        f"{len(tasks)} tasks in {out}: {len(tables)} refreshes"
        f"{'' if 'push_actions' in scripts else '; no MES push, there is no model mes_actions'}"
    )
    print(f"Look at {out}/tasks.json, then run {out}/deploy.sh where cz-cli is logged in.")
    if not arguments.shell_tasks:
        print(f"The AI ledgers and the MES push run where this project is: {out}/shell/crontab.")
    print("Alerts (failed, overdue, refreshed in full) are switched on in Studio.")
    return 0


def deploy_script(folder: str, vcluster: str | None, tasks: list[dict]) -> str:
    """The cz-cli calls. Dependencies want the ids of tasks, so all tasks are created before the first dependency."""
    lines = [
        DEPLOY + f"folder={shlex.quote(folder)}",
        'studio create-folder "$folder"',
        "",
    ]
    numbers = {task["name"]: number for number, task in enumerate(tasks)}
    for number, task in enumerate(tasks):
        lines.append(f"task {shlex.quote(task['name'])} {task['type']}")
        lines.append(f"id_{number}=$id")
        lines.append(f'studio save-content "$id" --file {shlex.quote(task["file"])}')
        if task["cron"]:
            lines.append(f'studio save-cron "$id" --cron {shlex.quote(task["cron"])}')
    lines.append("")
    cluster = f" --vc {shlex.quote(vcluster)}" if vcluster else ""
    for number, task in enumerate(tasks):
        if not task["cron"]:
            continue
        # One refresh of a table must be over before its next one begins.
        config = f'studio save-config "$id_{number}" --self-depends 1{cluster}'
        if task["after"]:
            form = ", ".join(['{"taskId": %s, "taskName": %s}'] * len(task["after"]))
            values = " ".join(
                f'"$id_{numbers[name]}" {shlex.quote(json.dumps(name, ensure_ascii=False))}' for name in task["after"]
            )
            lines.append(f"upstream=$(printf '[{form}]' {values})")
            lines.append(f'{config} --deps replace --dep-tasks "$upstream"')
        else:
            lines.append(f"{config} --deps clear")
    lines.append("")
    lines.extend(f'studio deploy "$id_{number}" -y' for number, task in enumerate(tasks) if task["cron"])
    lines.append("")
    lines.append(f"echo {shlex.quote(f'{len(tasks)} tasks are in Studio, folder {folder}.')}")
    return "\n".join(lines) + "\n"
