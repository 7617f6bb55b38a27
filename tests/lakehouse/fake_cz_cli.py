#!/usr/bin/env -S python3 -IS
"""What deploy.sh calls instead of cz-cli: keeps tasks in a file, and refuses what cz-cli refuses.

Options, messages and exit codes are those of its source (clickzetta/cz-cli, packages/cz-cli/src/commands/task.ts): an
unknown option, a task of the same name, a cron expression of which Studio would keep only a part, a dependency without
id and name. A name that is not there resolves to the one task whose name contains it, as there.
"""

import json
import os
import re
import sys
from pathlib import Path

STATE = Path(os.environ.get("FAKE_CZ_CLI_STATE", "."))
# command -> option -> does a value follow; the one positional argument comes first
OPTIONS = {
    "create-folder": {"--parent": True},
    "create": {"--type": True, "--folder": True, "--description": True},
    "content": {},
    "save-content": {"--content": True, "--file": True, "-f": True, "--params": True},
    "save-cron": {"--cron": True, "--vc": True, "--vc-id": True, "--schema": True},
    "save-config": {
        **dict.fromkeys(("--retry-count", "--retry-interval", "--retry-unit", "--rerun-property"), True),
        **dict.fromkeys(("--self-depends", "--vc", "--vc-id", "--schema", "--timeout", "--timeout-unit"), True),
        **dict.fromkeys(("--deps", "--dep-tasks"), True),
    },
    "deploy": {"--yes": False, "-y": False},
}
TYPES = ("SQL", "PYTHON", "SHELL", "JDBC", "FLOW", "VIRTUAL")


def refuse(code: str, message: str, status: int = 1):
    print(json.dumps({"error": {"code": code, "message": message}}))
    sys.exit(status)


def answer(data, **extra):
    print(json.dumps({"data": data, **extra}))


def parsed(command: str, words: list[str]) -> tuple[str, dict]:
    if command not in OPTIONS:
        refuse("USAGE_ERROR", f"Unknown command: task {command}", 2)
    given, positional = {}, []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("-"):
            positional.append(word)
        elif word not in OPTIONS[command]:
            refuse("USAGE_ERROR", f"Unknown argument: {word}", 2)
        else:
            given[word] = waiting.pop(0) if OPTIONS[command][word] else True
    if len(positional) != 1:
        refuse("USAGE_ERROR", f"task {command} takes one argument, not {positional}", 2)
    return positional[0], given


def found(tasks: dict, name_or_id: str) -> tuple[str, dict]:
    if name_or_id.isdigit():
        if name_or_id not in tasks:
            refuse("TASK_ERROR", f"no task {name_or_id}")
        return name_or_id, tasks[name_or_id]
    similar = {key: task for key, task in tasks.items() if name_or_id in task["name"]}
    exact = {key: task for key, task in similar.items() if task["name"] == name_or_id}
    candidates = exact or similar
    if len(candidates) != 1:
        refuse("TASK_AMBIGUOUS" if candidates else "TASK_NOT_FOUND", f"{len(candidates)} tasks match {name_or_id!r}.")
    return next(iter(candidates.items()))


def cron_kept(cron: str) -> bool:
    """Whether Studio keeps all of a five-field expression, by the rules of cron-adapter.ts."""
    minute, hour, day, month, week = cron.split()
    step = re.fullmatch(r"\*(?:/(\d+))?", minute)
    if step:
        kept = int(step[1] or 1) in (1, 2, 3, 5, 10, 15, 20, 30) and "/" not in hour
    else:
        kept = minute.isdigit() and not hour.startswith("*/") and "," not in hour
    return kept and month == "*" and (day == "*" or week == "*")


def main() -> None:
    group, command, *words = sys.argv[1:]
    with (STATE / "calls.jsonl").open("a", encoding="utf-8") as calls:
        calls.write(json.dumps(sys.argv[1:], ensure_ascii=False) + "\n")
    if group != "task":
        refuse("USAGE_ERROR", f"Unknown command: {group}", 2)
    path = STATE / "state.json"
    state = json.loads(path.read_text()) if path.exists() else {"folders": {}, "tasks": {}}
    tasks = state["tasks"]
    name, given = parsed(command, words)
    if command == "create-folder":
        if name in state["folders"]:
            answer({"id": state["folders"][name], "dataFolderName": name, "existing": True})
        else:
            state["folders"][name] = 100 + len(state["folders"])
            answer(state["folders"][name])
    elif command == "create":
        if given.get("--type") not in TYPES or given.get("--folder") not in state["folders"]:
            refuse("INVALID_ARGUMENTS", "task create takes --type and the --folder that it goes into", 2)
        if any(task["name"] == name for task in tasks.values()):
            refuse("DUPLICATE_TASK", f"Task '{name}' already exists in this folder.", 2)
        key = str(4000 + len(tasks))
        tasks[key] = {"name": name, "type": given["--type"], "after": [], "published": 0}
        answer({"id": int(key), "studio_url": "https://standin.invalid/ide"})
    else:
        key, task = found(tasks, name)
        if command == "content":
            answer({"task_id": int(key), "task_name": task["name"], "task_content": task.get("content")})
            return
        if command == "save-content":
            if ("--content" in given) == ("--file" in given or "-f" in given):
                refuse("INVALID_ARGUMENTS", "Exactly one of --content or --file is required.", 2)
            task["content"] = Path(given.get("--file") or given["-f"]).read_text(encoding="utf-8")
        elif command == "save-cron":
            if not cron_kept(given["--cron"]):
                refuse("INVALID_CRON", f"Studio would not keep all of {given['--cron']}", 2)
            task["cron"] = given["--cron"]
        elif command == "save-config":
            if not given:
                refuse("INVALID_ARGUMENTS", "At least one configuration option is required.", 2)
            if given.get("--deps") not in (None, "keep", "replace", "clear"):
                refuse("USAGE_ERROR", "deps: keep, replace, clear", 2)
            if "--self-depends" in given:
                task["self_depends"] = int(given["--self-depends"])
            task["vc"] = given.get("--vc", task.get("vc"))
            if given.get("--deps") in ("replace", "clear"):
                upstream = json.loads(given.get("--dep-tasks", "[]"))
                for item in upstream:
                    if tasks.get(str(item["taskId"]), {}).get("name") != item["taskName"]:
                        refuse("INVALID_ARGUMENTS", f"--dep-tasks: {item} is no task")
                task["after"] = [item["taskName"] for item in upstream]
        elif command == "deploy":
            if "content" not in task or not ("-y" in given or "--yes" in given):
                refuse("TASK_ERROR", f"{task['name']} cannot be published: no content, or nobody to confirm")
            names = {other["name"]: other for other in tasks.values()}
            if any(not names[upstream]["published"] for upstream in task["after"]):
                refuse("TASK_ERROR", f"{task['name']} depends on a task that is not published")
            task["published"] += 1
        answer({"task_id": int(key)}, ai_message="Draft saved.")
    path.write_text(json.dumps(state, ensure_ascii=False))


if __name__ == "__main__":
    main()
