#!/bin/sh
# A method is a file of learner/methods, a row of methods.c, and a word in the documents.
# usage: methods.sh source-folder
set -eu
cd "$1"
status=0
say() {
    echo "$1"
    status=1
}
for file in $(grep -lE "^const struct method [a-z_]+_method = " learner/methods/*.c 2>/dev/null || true); do
    name=$(basename "$file" .c)
    typed=$(sed -n 's/.*\.name = "\([^"]*\)",.*/\1/p' "$file" | tail -1)
    grep -q "^const struct method ${name}_method = " "$file" || say "$file: its row is not ${name}_method"
    grep -qE "ROW\\($name\\)" learner/methods/methods.c || say "$file: no ROW($name) in learner/methods/methods.c"
    for doc in README.md docs/OPERATIONS.md; do
        grep -qF "\`$typed\`" "$doc" || say "$doc: does not name \`$typed\` ($file)"
    done
    grep -qF "learner/methods/$name.c" docs/MATH.md || say "docs/MATH.md: says nothing of $file"
done
# What lists methods elsewhere is a second register.
if grep -rnE '"(online-dpo|nash-md|reinforce[+][+])"' --include='*.[ch]' base cli deploy learner broker actor rewarder proto 2>/dev/null |
    grep -v '^learner/methods/'; then
    say "   ^ a method is named outside learner/methods"
fi
exit $status
