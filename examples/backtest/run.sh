#!/usr/bin/env bash
# Back-tests two health models on public history whose end is known.
#
#   examples/backtest/run.sh saas FILE [OUT]     churn.csv of PySurvival; OUT, if given, gets proposed weights
#   examples/backtest/run.sh cdnow FILE [DATA]   CDNOW_master.txt; DATA keeps what was imported, else a temporary folder
#
# KUNDER    the program, if not the one that cargo builds from this repository: KUNDER=/usr/local/bin/kunder
#
# README.md beside this file says where the files come from and what is expected.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
which=${1:-}
file=${2:-}
third=${3:-}
if [[ $which != saas && $which != cdnow ]] || [[ ! -f $file ]]; then
    sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

if [[ -n ${KUNDER:-} ]]; then
    read -r -a kunder <<<"$KUNDER"
else
    kunder=(cargo run --release --quiet --manifest-path "$here/../../Cargo.toml" --)
fi

if [[ $which == saas ]]; then
    # One column more: how many of the three products are in use and paid for.
    awk -F, -v OFS=, '
        NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; print $0, "active_products"; next }
        {
            active = 0
            active += $column["product_travel_expense"] == "Active"
            active += $column["product_payroll"] == "Active"
            active += $column["product_accounting"] == "Active"
            print $0, active
        }' <(tr -d '\r' <"$file") >"$temporary/churn.csv"
    fit=()
    [[ -z $third ]] || fit=(--fit --out "$(realpath "$third")")
    cd "$temporary"
    "${kunder[@]}" health backtest --model "$here/saas" --labels churn.csv --label churned "${fit[@]}"
    exit
fi

data=$(realpath "${third:-$temporary/data}")
"${kunder[@]}" import --map "$here/../cdnow/map.yaml" "$file" --data "$data"
# Who did not order after 1997-09-30 left.
awk 'NR > 1 && NF { if (!($1 in last) || $2 > last[$1]) last[$1] = $2 }
    END { print "customer,label"; for (who in last) print who "," (last[who] <= "19970930") }' \
    <(tr -d '\r' <"$file") >"$temporary/labels.csv"
cd "$temporary"
"${kunder[@]}" health backtest --model "$here/cdnow" --labels labels.csv --as-of 1997-09-30 --data "$data"
