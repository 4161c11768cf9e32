/* run: the run that is served: who its learner is, its tables, its versions, what is settled.
 * What may follow from a HELLO is decided here; learner.c does it. Inside broker/ only. */

#ifndef BROKER_RUN_H
#define BROKER_RUN_H

#include "broker/members.h"
#include "broker/settled.h"

enum { RUN_VERSIONS = 64 }; /* whose hashes are kept: more than can be live (proto/limit.h) */

struct run_state {
    bool bound, done, left; /* left: its learner said BYE and none has come since */
    struct id id;
    uint64_t epoch;
    struct id process; /* whose start it is, and its incarnation */
    uint64_t process_start;
    struct broker_member *learner;              /* NULL while it is away */
    int64_t seen_ms;                            /* when it was last heard */
    struct version newest, known[RUN_VERSIONS]; /* known: number i at i % RUN_VERSIONS */
    uint64_t newest_bytes;                      /* of its image; 0: unknown */
    uint64_t smallest_live, step, steps_total, body_max;
    uint32_t vocabulary, table, n_scorer, n_artifact;
    uint32_t numerics; /* of the learner's build; 0: it does not say */
    char name[MEMBERS_NAME], build[ORIGIN_TEXT]; /* of the run; of its learner's program */
    struct run_golden { /* what its learner computes with a version (docs/PROTOCOL.md §3.1) */
        struct version version;
        uint32_t bits;      /* 0: unknown */
    } golden[RUN_VERSIONS]; /* number i at i % RUN_VERSIONS */
    struct scorer *scorer;
    struct artifact *artifact;
    struct settled_samples settled;
    char *metrics;               /* JSON, or NULL */
    struct id own;               /* the learner's own actor; zeros: it has none */
    bool tried;                  /* some sample was failed by somebody */
    uint32_t owned;              /* samples that only the learner's own actor may do, */
    char wants_own[512];         /* and why, of the first */
    char trouble[MEMBERS_WORDS]; /* what the learner that is away said last was in its way */
};

void run_fini(struct run_state *run);

/* May this HELLO of a learner begin or go on? False: with the code and the words of REFUSE.
 * `was`: the member that says it, if it is one. */
bool run_admits(const struct run_state *run, const struct broker_member *was,
                const struct msg *msg, int64_t hold_ms, int64_t now_ms, enum refuse_code *code,
                const char **words);

/* Is it of another run; are its tables, and all that WELCOME tells of it, the ones here? */
bool run_is_other(const struct run_state *run, const struct msg *msg);
bool run_same_table(const struct run_state *run, const struct msg_hello *hello);
bool run_same_artifacts(const struct run_state *run, const struct msg_hello *hello);
/* Copies them; without memory the old ones stand (logged). */
void run_take_tables(struct run_state *run, const struct msg_hello *hello);

/* A version that the learner announced, now the newest. */
void run_take_newest(struct run_state *run, const struct version *version);
/* May an answer name it? Of one from before this broker's time only the number can be judged.
 * Errors: ERR_RANGE, in words. */
enum err run_announced(const struct run_state *run, const struct version *version) MUST_CHECK;
/* What its learner computes with versions; golden[i] belongs to version[i]. */
void run_take_golden(struct run_state *run, const struct version *version,
                     const uint32_t *golden, uint32_t n);
/* The same of one; 0: unknown. */
uint32_t run_golden(const struct run_state *run, const struct version *version);
/* May its image be had, from here on? A zero hash asks for any. */
bool run_fetchable(const struct run_state *run, const struct version *version);

bool run_has_own(const struct run_state *run);
/* Is it the learner's own actor? */
bool run_is_own(const struct run_state *run, const struct broker_member *member);
/* Does some scorer read the answers as text? */
bool run_wants_text(const struct run_state *run);

#endif
