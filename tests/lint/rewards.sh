#!/bin/sh
# A row of reward/ that no table names, a row that no document names, and a file that is not built do
# nothing, and nothing else would say so.
# usage: rewards.sh source-folder
set -eu
cd "$1"
status=0
say() {
    echo "$*"
    status=1
}
[ -d reward ] || exit 0
rows() { sed -nE "s/^const struct $1 ([a-z_]+) = .*/\1/p" $2 2>/dev/null; }
for row in $(rows reward_kind 'reward/kind_*.c'); do
    grep -qE "&$row\b" reward/reward_kind.c 2>/dev/null || say "$row is no row of reward/reward_kind.c"
    grep -qE "^ \*   $row\b" reward/reward_kind.c 2>/dev/null || say "$row is not in the head of reward/reward_kind.c"
done
for row in $(rows rule_kind 'reward/rule/rule_*.c'); do
    grep -qE "&$row\b" reward/rule/rule.c 2>/dev/null || say "$row is no row of reward/rule/rule.c"
    grep -qE "^ \*   ${row#rule_}\b" reward/rule/rule.h 2>/dev/null || say "${row#rule_} is not in the table of reward/rule/rule.h"
    grep -qE "^\| \`${row#rule_}\`" docs/OPERATIONS.md 2>/dev/null || say "docs/OPERATIONS.md does not name rule ${row#rule_}"
done
for file in $(find reward -name '*.c' | sed 's,^reward/,,'); do
    grep -qE "^ +$file$" reward/CMakeLists.txt 2>/dev/null || say "reward/CMakeLists.txt does not build $file"
done
exit $status
