#!/bin/sh
# Whose last bits travel uses lm/kernel/real.h: libm picks code paths by CPU (docs/MATH.md §1). Figures
# for people and the tests' worlds may: stats, eval, examples, rng_normal.
# usage: libm.sh build-folder
set -eu
found=$(for room in lm learner reward rewarder actor member proto data; do
    [ ! -d "$1/$room" ] || find "$1/$room" -name '*.c.o'
done | while read -r object; do
    nm -u "$object" | awk -v file="${object##*/}" '
        $2 ~ /^(exp|exp2|expm1|log|log2|log10|log1p|pow|sin|cos|sincos|tan|tanh|sinh|cosh|erf|erfc|lgamma|tgamma|cbrt|hypot)f?$/ { print file " calls " $2 }'
done)
[ -z "$found" ] || { echo "$found"; exit 1; }
