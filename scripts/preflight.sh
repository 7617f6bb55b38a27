#!/bin/sh
# Checks what must be on the machine before `make setup`. Prints the Python to use; says in plain words what is missing.
# PYTHON=/path/to/python3 chooses one; otherwise the first fitting one on the path is taken.
set -u

say() { printf '%s\n' "$*" >&2; }

found=
seen=
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    command -v "$candidate" >/dev/null 2>&1 || continue
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    seen="$seen $candidate ($version)"
    case $version in
        3.11 | 3.12 | 3.13)
            found=$candidate
            break
            ;;
    esac
done

if [ -z "$found" ]; then
    say "faultline needs Python 3.11, 3.12 or 3.13 (dbt-core 1.11 does not run on 3.14)."
    say "Found:${seen:- no Python at all}."
    say "Install one of them, or name it: make setup PYTHON=/path/to/python3.12"
    exit 1
fi

missing=
for module in venv ensurepip; do
    "$found" -c "import $module" >/dev/null 2>&1 || missing="$missing $module"
done
if [ -n "$missing" ]; then
    say "$found ($version) lacks the standard module(s):$missing."
    say "On Debian and Ubuntu: apt install python$version-venv. Elsewhere: a complete Python installation."
    exit 1
fi

if ! command -v git >/dev/null 2>&1; then
    say "git is missing: install it. (dbt and the commit hooks call it.)"
    exit 1
fi

command -v "$found"
