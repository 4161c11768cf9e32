#!/bin/sh
# What may be called, and where. Each line: pattern, then the files that may, then why.
# usage: banned.sh source-folder
set -eu
cd "$1"
bad=0
ban() { # ban 'regex' 'files that may (regex)' 'why'
    if grep -rnE "(^|[^_a-zA-Z.>])($1)" --include='*.[ch]' --include='*.inc' --exclude-dir=build . | grep -vE "^\./($2)"; then
        echo "   ^ $3"
        bad=1
    fi
}
ban '(strcpy|strcat|sprintf|vsprintf|atoi|atof|atol|strtok|gets|alloca) ?\(' 'none' 'bounded or checked versions only'
ban '(exit|abort|_exit) ?\(' '[a-z]+/main\.c|base/mem\.c|tests/' 'only main ends the process'
ban '(sleep|usleep|nanosleep|clock_gettime|time|gettimeofday) ?\(' 'base/clock\.c|bench/|tests/' 'time is an argument'
ban 'pthread_create ?\(' 'tests/lm/test_cores\.c' 'threads: the loop and uv_thread_create of the compute thread'
ban 'uv_thread_create ?\(' 'net/worker\.c' 'one compute thread a process, made in one place'
ban 'cblas_[a-z]+ ?\(' 'bench/' 'products are our own'
ban 'sqlite3_[a-z0-9_]+ ?\(' '(prefs|tests)/' 'SQLite has one room'
ban 'msgpack_unpack' 'none' 'network bytes meet our own cursor'
ban '(ZMQ_HEARTBEAT_IVL)' 'none' 'libzmq 4.3.4 aborts with it'
ban 'typedef struct' 'none' 'structs keep their name'
if find . -path ./build -prune -o -print | grep -E '/(utils?|common|helpers?|misc|types)(\.|$)'; then
    echo "   ^ name it after what it holds"
    bad=1
fi
exit $bad
