/* household: processes of a host that give one another pages, in one process, on a clock of their
 * own and beside a wire that brings a fifth of an artifact each turn. */

#ifndef TESTS_PROTO_HOUSEHOLD_H
#define TESTS_PROTO_HOUSEHOLD_H

#include "proto/pages.h"

#include <stdbool.h>

enum { HOUSEHOLD_MOST = 8, HOUSEHOLD_WANTS = 64, HOUSEHOLD_SIZE = 300000, HOUSEHOLD_WIRE = 5 };

struct household_want {
    struct artifact what;
    bool used, own, others, wire;
    uint64_t bytes; /* that came */
};

struct household_member {
    struct household *house;
    struct pages *pages; /* NULL: not there */
    bool stopped;        /* as by SIGSTOP */
    struct household_want want[HOUSEHOLD_WANTS];
    struct shared_memory *got[HOUSEHOLD_WANTS]; /* by number of artifact; the member's */
    int gots, nones, fds, released;
};

struct household {
    struct id run;
    int64_t now_ms;
    struct household_member member[HOUSEHOLD_MOST];
    int n;
    int pulls, whole;    /* begun and done over the wire */
    uint64_t wire_bytes; /* that came */
    bool cut;            /* nothing comes */
};

/* Of no other run; nobody is there. */
void household_open(struct household *house);
void household_close(struct household *house); /* all watched descriptors are gone */

enum household_kind {
    PULLS,
    HOLDS /* as a learner: no wire */,
    ASKS /* as a broker: a guest */
};
struct household_member *household_join(struct household *house, enum household_kind kind);
void household_kill(struct household_member *member); /* its links end, its shares go */
/* Who is silent runs, as far as the others see: it lacks a processor. Until household_open. */
void household_starve(void);
void household_run_other(struct household_member *member);

/* Artifact number `i` of all: `size` bytes that follow from i. */
struct artifact household_what(int i, size_t size);
struct shared_memory *household_bytes(int i, size_t size); /* the caller's */
void household_want(struct household_member *member, int i);
void household_drop(struct household_member *member, int i);
void household_put(struct household_member *member, int i); /* made by itself, and held */
void household_let_go(struct household_member *member, int i);

/* 100 ms each. */
void household_turns(struct household *house, int n);
/* Until all have `i`, at most `n` turns: how many it took. */
int household_until(struct household *house, int i, int n);

#endif
