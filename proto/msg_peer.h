/* msg_peer: messages of a connection: who is there, what it holds, that it lives. Structs only.
 *
 * L learner, A actor, R rewarder, S supervisor, B broker: who fills a field; unmarked: all.
 * Meaning and use: docs/PROTOCOL.md §3.1. */

#ifndef PROTO_MSG_PEER_H
#define PROTO_MSG_PEER_H

#include "proto/noun.h"

struct msg_ability { /* what a rewarder offers: a kind, and for SCORER_WORKER its name */
    uint32_t kind;
    const char *name;
};
struct msg_hello {
    struct id peer;       /* random, kept for the life of the process */
    uint64_t incarnation; /* random, one a process start */
    uint32_t role, major_min, major_max;
    uint64_t features;
    const char *name, *build;    /* "host:pid", version: for people */
    struct settled settled;      /* L */
    struct version newest;       /* L: last announced; A: unused */
    uint32_t table;              /* L: number of the scorer table below */
    const struct scorer *scorer; /* L */
    uint32_t n_scorer;
    const struct artifact *artifact; /* L: all of the run */
    uint32_t n_artifact;
    uint64_t body_max;         /* L: bytes of the largest rollout of this run */
    const struct claim *claim; /* A */
    uint32_t n_claim;
    const struct version *image; /* A: held; L: that its tasks may name */
    uint32_t n_image;
    const struct msg_ability *offer; /* R */
    uint32_t n_offer;
    uint32_t slots;      /* A: sequences at once; R: rollouts a batch; S: processes */
    const char *host;    /* its machine: DROVER_HOST, else the system's name */
    struct id own;       /* L: peer id of the actor that it starts itself when no other may */
    uint32_t vocabulary; /* L: tokens of answers are below it; 0: it does not say */
    const char *serve;   /* bulk: tcp://host:port where others may take artifacts from it; "" */
    bool head;           /* S: it started the broker, and obeys what names no host */
    const char *isa;     /* A, R, L: instruction set of its kernels, for people; "" */
    uint32_t threads;    /* A, R, L: that compute; 0: it does not say */
    uint32_t numerics;   /* L, A, R: which bits its build computes; 0: it does not say */
    const uint32_t *golden; /* A, L: of each of `image` what it computes with it; 0: nothing */
    uint32_t n_golden;
    const char *run_name; /* L: of its run, for people */
    bool begun;           /* L: some broker has served its run */
    uint32_t waited_ms;   /* L: for so long it has waited for its turn, at any broker */
};
struct msg_welcome {
    uint64_t incarnation; /* of the broker: another one means that it forgot everything */
    bool run;  /* a learner has said HELLO: run and epoch in the head mean something */
    bool done; /* and the run is over */
    struct settled settled;
    struct version newest;
    uint64_t smallest_live; /* images below this version may be dropped */
    uint32_t table;
    const struct scorer *scorer;
    uint32_t n_scorer;
    const struct artifact *artifact;
    uint32_t n_artifact;
    uint64_t body_max, credit_max; /* limits: bytes of a body, samples in flight to one peer */
    const char *bulk, *bulk_key;   /* tcp://host:port; Z85 public key, "" without CURVE */
    uint64_t open_to;              /* L: every task below is open or settled here */
    const struct claim *unsettled; /* L: what the broker holds, done and scored or not */
    uint32_t n_unsettled;
    const struct claim *verdict; /* A: each claim of HELLO as want, keep or free */
    uint32_t n_verdict;
    const struct version *wanted; /* A: images that open tasks name */
    uint32_t n_wanted;
};
enum refuse_code {
    REFUSE_VERSION = 1,
    REFUSE_ROLE,
    REFUSE_FENCED,
    REFUSE_BUSY,
    REFUSE_STRIKES,
    REFUSE_KEY,      /* it was revoked, or has expired */
    REFUSE_NUMERICS, /* its build computes other bits than the learner's */
};
struct msg_refuse {
    uint32_t code;
    const char *words;
};

struct msg_wait {       /* what stands still */
    const char *name;   /* in words: "no actor", "mine: nobody offers this scorer", ... */
    uint32_t age_ms;    /* for so long */
    const char *scorer; /* its name if a scorer is waited for, else "" */
    bool paused;        /* that scorer failed again and again: it is tried now and then */
    const char *advice; /* what would help; "" if nothing, or it ends by itself */
};
struct msg_hb {
    uint64_t progress; /* grows with every token, chunk, score: lets leases live */
    uint64_t tokens, busy_ms, idle_ms, rss_bytes, drafted, accepted; /* since start */
    uint32_t queued, lag_ms; /* work that waits here; the loop's worst delay since last HB */
    uint64_t lease_seen;     /* highest lease number (A), ticket (R) that arrived */
    uint32_t credit;         /* samples (A), rollouts (R) that fit now */
    uint64_t credit_bytes;   /* L: bytes of SAMPLEs that fit now */
    const uint64_t *lease;   /* A: leases it holds */
    uint32_t n_lease;
    struct settled settled;      /* L; B to all */
    struct version newest;       /* L; B to all */
    const struct version *image; /* A: held; L: that its tasks may name */
    uint32_t n_image;
    uint64_t smallest_live, step; /* L; B to all. step: iterations done */
    uint64_t open_to;             /* B to L */
    bool done;                    /* L; B to all: the run is over */
    const char *metrics;          /* L: JSON of its metrics; B to L: of the processes; or "" */
    const char *note;             /* for people: what it waits for, "" if nothing */
    const char *wants_own; /* B to L: why samples need the learner's own actor; "": none do */
    const struct msg_wait *wait; /* B to L */
    uint32_t n_wait, n_wanted;
    const struct version *wanted; /* B to A: images that open tasks name */
    const uint32_t *unbegun;      /* A: of each of `lease`, how many have not begun */
    uint32_t n_unbegun, n_golden;
    uint64_t wire_bytes;    /* of artifacts, taken over the wire since start */
    uint64_t wire_rate;     /* bytes a second of that, while something was owed; 0: unknown */
    const char *next_key;   /* B to all: the broker's public key that follows; "": none does */
    uint64_t steps_total;   /* L: iterations that the run will have; 0: it does not know */
    const uint32_t *golden; /* A, L: as in HELLO */
    uint64_t annotator;     /* B to L: another number after each HELLO of it; 0: none is here */
    const char *trouble;    /* L, S: what keeps it, or its machine, from working; "" */
};

#define ADMIN_ADMIT "admit" /* the order of who has a ticket */
struct msg_admin {          /* CLI to broker, broker to supervisor */
    uint64_t request;       /* number of the asker's; with `asker` it names the request */
    struct id asker;        /* peer id of the CLI; the broker fills it in */
    const char *order;      /* "scale", "down", "status" */
    uint32_t role, count;   /* scale: absolute */
    const char *arguments;  /* JSON object or "" */
    const char *host;       /* whose supervisor is meant; "": the head's */
    struct hash key;        /* CURVE public key of the asker; the broker fills it in, */
    const char *address;    /* and from where it asked */
};
struct msg_admin_ok {
    uint64_t request;
    struct id asker;
    bool ok, away; /* away: who should do it is expected, and not there: ask again */
    const char *words, *result; /* JSON or "" */
};
struct msg_drain {
    uint32_t deadline_ms;
}; /* from now */
struct msg_bye {
    const char *reason;
};

#endif
