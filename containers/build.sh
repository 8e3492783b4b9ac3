#!/bin/sh
# Builds the image from what is committed, so that its label "revision" tells the truth:
#   containers/build.sh [--base IMAGE] [--name FILE] [OPTIONS OF apptainer build]
#     --base IMAGE   another base with Python >= 3.11 and torch, such as docker://rocm/pytorch:latest for AMD GPUs
#     --name FILE    where the image goes (default: autode.sif)
#   containers/build.sh --fakeroot        # without root, where the site does not do this by itself
#   containers/build.sh --force           # over an image that is there
# It takes apptainer, or singularity where there is no apptainer; $CONTAINER_COMMAND names another.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
image=autode.sif base=''
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit ;;
        --base) base=${2:?an image, such as docker://pytorch/pytorch:TAG}; shift 2 ;;
        --name) image=${2:?a file}; shift 2 ;;
        *) break ;;
    esac
done
command=${CONTAINER_COMMAND:-$(command -v apptainer || command -v singularity || true)}
[ -n "$command" ] || { echo "containers/build.sh: neither apptainer nor singularity is on PATH" >&2; exit 2; }
case $image in /*) ;; *) image=$PWD/$image ;; esac

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
git -C "$root" archive HEAD | tar -x -C "$stage"
git -C "$root" rev-parse HEAD > "$stage/containers/REVISION"
[ -z "$(git -C "$root" status --porcelain)" ] ||
    echo "containers/build.sh: what is not committed does not go into the image" >&2

definition=$stage/containers/autode.def
if [ -n "$base" ]; then
    sed -i -e "s|^Bootstrap: .*|Bootstrap: ${base%%:*}|" -e "s|^From: .*|From: ${base#*:}|" "$definition"
    sed -i 's|^From: //|From: |' "$definition"
fi

cd "$stage"
"$command" build "$@" "$image" "$definition"
echo "$image: $("$command" inspect "$image" | grep -E 'image\.(version|revision)' | tr -s ' \n' ' ')"
