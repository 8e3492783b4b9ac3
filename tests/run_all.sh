#!/usr/bin/env bash
# Runs the whole suite: the tests on Slurm clusters mostly wait, so they run beside the others, on clusters of their own.
# Usage: tests/run_all.sh PYTHON [PYTEST OPTIONS]; with options it is one plain pytest run.
set -u
cd "$(dirname "$0")/.." || exit
python=$1
shift
if [ $# -gt 0 ]; then
    exec "$python" -m pytest "$@"
fi
slurm=tests/integration/slurm
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

"$python" -m pytest "$slurm"/test_steps.py "$slurm"/test_collect.py >"$logs/1" 2>&1 &
first=$!
"$python" -m pytest "$slurm" --ignore="$slurm"/test_steps.py --ignore="$slurm"/test_collect.py >"$logs/2" 2>&1 &
second=$!
"$python" -m pytest --ignore="$slurm"
status=$?
for part in "$first" "$second"; do
    wait "$part" || status=1
done
cat "$logs/1" "$logs/2"
exit "$status"
