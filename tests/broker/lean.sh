#!/bin/sh
# The broker computes nothing: it must not carry BLAS or OpenMP. usage: lean.sh drover-broker
set -eu
needed=$(ldd "$1" | grep -iE 'blas|lapack|libgomp' || true)
[ -z "$needed" ] || { echo "$1 links $needed"; exit 1; }
