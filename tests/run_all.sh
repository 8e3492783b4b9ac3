#!/usr/bin/env bash
# Runs the whole suite in five parts at once: tests on Slurm clusters (each part has its own) and of processes mostly wait.
# Usage: tests/run_all.sh PYTHON [PYTEST OPTIONS]; with options it is one plain pytest run.
set -u
cd "$(dirname "$0")/.." || exit
python=$1
shift
if [ $# -gt 0 ]; then
    exec "$python" -m pytest "$@"
fi
slurm=tests/integration/slurm
first=("$slurm/test_steps.py" "$slurm/test_collect.py")
second=("$slurm/test_container.py" "$slurm/test_walkthrough.py" "$slurm/test_sweep.py")
others=("${first[@]/#/--ignore=}" "${second[@]/#/--ignore=}")
processes=(tests/integration tests/execution tests/study tests/cli)
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

"$python" -m pytest "${first[@]}" >"$logs/1" 2>&1 &
parts=($!)
"$python" -m pytest "${second[@]}" >"$logs/2" 2>&1 &
parts+=($!)
"$python" -m pytest "$slurm" "${others[@]}" >"$logs/3" 2>&1 &
parts+=($!)
"$python" -m pytest "${processes[@]}" --ignore="$slurm" >"$logs/4" 2>&1 &
parts+=($!)
"$python" -m pytest "${processes[@]/#/--ignore=}"
status=$?
for part in "${parts[@]}"; do
    wait "$part" || status=1
done
cat "$logs/4" "$logs/1" "$logs/2" "$logs/3"
exit "$status"
