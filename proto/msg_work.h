/* msg_work: messages of work: a task on its way from the learner and back. Structs only.
 *
 * Meaning and use: docs/PROTOCOL.md §3.2. */

#ifndef PROTO_MSG_WORK_H
#define PROTO_MSG_WORK_H

#include "proto/writer.h"

struct msg_open {
    struct task task;
};
struct msg_cancel {
    const uint64_t *task;
    uint32_t n_task;
    const char *reason;
};
struct msg_lease {
    uint64_t lease, fence;
    uint32_t first, count;
    bool text;
    struct task task;
};
struct msg_revoke {
    const uint64_t *lease;
    uint32_t n_lease;
    const uint32_t *from; /* of each lease: its samples from this one on; none: all of them */
    uint32_t n_from;
    bool over; /* an answer is here: what has begun stops, too */
};
struct msg_want {
    const struct claim *claim;
    uint32_t n_claim;
};
struct msg_rollout {
    uint64_t lease;
    struct rollout rollout;
};
struct msg_fail { /* of a lease (A), or of a ticket (R); B to L: the same, of `who` */
    uint64_t task, lease, ticket;
    uint32_t sample;
    struct hash scorer;
    const char *reason;
    const char *who; /* B to L, and L to B of what its journal says; else "" */
};
struct msg_item { /* a rollout to score: no log-probabilities, no spans */
    uint64_t task;
    uint32_t sample, end;
    struct hash hash;
    const int32_t *prompt;
    uint32_t n_prompt;
    const int32_t *token;
    uint32_t n_token;
    const int32_t *tail;
    uint32_t n_tail;
    const char *prompt_text, *text, *meta; /* the texts "" unless the scorer needs them */
};
struct msg_ask { /* SCORE? */
    uint64_t ticket;
    struct hash scorer;
    uint32_t table, unit;
    float temperature; /* of the decoding: divides logits here too (reference log-probabilities)
                        */
    const struct msg_item *item;
    uint32_t n_item;
};
struct msg_score {
    uint64_t ticket;
    struct score score;
};
/* How many numbers a rollout of so many tokens gets: one; of a judge two, its score and the
 * share of what it was asked about the rollout that got no verdict. */
static inline uint32_t msg_score_values(const struct scorer *scorer, uint32_t tokens)
{
    return scorer->per_token ? tokens : scorer->kind == SCORER_JUDGE ? 2 : 1;
}
struct msg_sample {
    uint32_t attempts;
    struct rollout rollout;
    const struct score *score;
    uint32_t n_score;
    struct writer writer;        /* of the rollout */
    const struct writer *scored; /* score i was given by scored[i] */
    uint32_t n_scored;           /* as many as scores */
};
struct msg_dropped {
    uint64_t task;
    uint32_t sample, reason, attempts;
    const char *error;
};
/* An answer, or one of its scores, that is not what it says it is. L to B: it is not settled
 * (any more), its writer gets no work while another can do it. B to A, R: of this peer; B to L:
 * the broker took it from nobody, the learner notes it. */
struct msg_refused {
    uint64_t task;
    uint32_t sample;
    struct hash hash;     /* of the rollout */
    struct hash scorer;   /* whose score; zeros: the rollout itself */
    struct writer writer; /* whose it was */
    const char *words;    /* what is wrong with it */
};
struct msg_settled {
    struct settled settled;
};
struct msg_publish {
    struct version version;
    struct hash base;
    uint32_t kind;
    uint64_t bytes, smallest_live;
    uint32_t golden; /* as in HELLO */
};

#endif
