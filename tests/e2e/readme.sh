#!/bin/sh
# The commands of README.md that work after ./demo, over a folder like the demo's but small: each one
# that begins with "drover" and names runs/demo, joined where lines are. usage: readme.sh BIN_FOLDER
set -eu
bin=$(cd "$1" && pwd)
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
ln -s "$source/examples" examples
PATH=$bin:$PATH
export PATH OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive

quiet() {
    "$@" >out 2>err || { cat out err; echo "FAILED: $*"; exit 1; }
}
quiet drover world make dir=runs/demo/world layers=2 width=64 heads=2 demonstrations=200 pairs=60 train=60 heldout=8
quiet drover sft examples/demo/sft.yaml max_steps=20
quiet drover reward examples/demo/reward.yaml dataset=runs/demo/world/pairs.jsonl test_split_size=8 max_steps=5

sed -e ':join' -e '/\\$/{N;s/\\\n *//;bjoin' -e '}' "$source/README.md" | sed -n '/^drover /{s/  *#.*//;p}' |
    grep -e runs/demo -e examples/demo >commands
[ "$(wc -l <commands)" -ge 7 ] || { cat commands; echo "FAILED: README.md has lost its commands"; exit 1; }
while read -r line; do
    case $line in
    *max_steps=* | "drover eval"* | "drover data"*) ;;
    *) line="$line max_steps=2" ;;
    esac
    quiet sh -c "$(echo "$line" | sed 's/max_steps=20/max_steps=2/')"
    echo "ok: $line"
done <commands
