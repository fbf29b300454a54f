#!/usr/bin/env bash
# Imports the real purchases of a CD shop's customers and asks two questions about them.
#
#   examples/cdnow/run.sh [FILE] [DATA_DIR]
#
# FILE      the purchases; without it (or with "") they are fetched from the PyPI package lifetimes
# DATA_DIR  where the facts are kept; without it a temporary folder that is removed at the end
# KUNDER    the program, if not the one that cargo builds from this repository: KUNDER=/usr/local/bin/kunder
#
# Expected: 23,570 customers, 69,659 orders, invoiced 2,500,315.63 USD.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
file=${1:-}
data=${2:-}
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

if [[ -n ${KUNDER:-} ]]; then
    read -r -a kunder <<<"$KUNDER"
else
    kunder=(cargo run --release --quiet --manifest-path "$root/Cargo.toml" --)
fi

heading() {
    printf '\n== %s ==\n\n' "$1"
}

fail() {
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit 2
}

fetch() {
    command -v python3 >/dev/null || fail "python3 is missing" "install it, or give the file: run.sh FILE"
    python3 -m pip --version >/dev/null 2>&1 || fail "pip is missing" "install python3-pip, or give the file: run.sh FILE"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --dest "$temporary" lifetimes==0.11.3 \
        || fail "the package lifetimes 0.11.3 cannot be downloaded" "check the network, or give the file: run.sh FILE"
    python3 - "$temporary" <<'PYTHON'
import glob, sys, zipfile

folder = sys.argv[1]
[wheel] = glob.glob(folder + "/*.whl")
with zipfile.ZipFile(wheel) as package, open(folder + "/CDNOW_master.txt", "wb") as out:
    out.write(package.read("lifetimes/datasets/CDNOW_master.txt"))
PYTHON
    file=$temporary/CDNOW_master.txt
}

if [[ -z $file ]]; then
    heading "Hämtar köpen ur paketet lifetimes 0.11.3"
    fetch
    printf '%s bytes\n' "$(wc -c <"$file" | tr -d ' ')"
elif [[ ! -f $file ]]; then
    fail "$file is not a file" "give the purchases, or nothing to fetch them"
fi
data=${data:-$temporary/data}

heading "Importerar $file"
"${kunder[@]}" import --map "$here/map.yaml" "$file" --data "$data"

heading "Pipeline-analys"
"${kunder[@]}" ask "Pipeline-analys" --data "$data"

heading "Kör kundhälsokoll, som det var 1998-06-30"
"${kunder[@]}" ask "Kör kundhälsokoll" --as-of 1998-06-30 --data "$data"
