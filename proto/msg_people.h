/* msg_people: messages about what people are asked and say. Structs only.
 *
 * Meaning and use: docs/PROTOCOL.md §3.2. */

#ifndef PROTO_MSG_PEOPLE_H
#define PROTO_MSG_PEOPLE_H

#include "proto/noun.h"

struct msg_answer { /* one of the two of a pair */
    uint32_t sample;
    struct hash hash; /* of the rollout */
    const char *text;
};
struct msg_export { /* a pair of settled answers of one task */
    struct id pair; /* digest_pair of run, task and both answers */
    uint64_t task, iteration;
    struct version version; /* the oldest that wrote a token of either */
    uint32_t max_age;       /* versions; what is older is kept and not trained on */
    bool chat;              /* `prompt` is a JSON array of messages; else it is text */
    const char *prompt;
    struct msg_answer a, b;
};
struct msg_export_ok { /* these lie in the store, synced */
    const struct id *pair;
    uint32_t n_pair;
};
enum msg_verdict { VERDICT_A = 1, VERDICT_B, VERDICT_TIE, VERDICT_BOTH_BAD };
struct
    msg_judgement { /* what somebody said of a pair; or, with `undo`, that it does not hold */
    struct id id, pair;
    struct hash a, b;      /* of the rollouts that were shown */
    uint32_t verdict;      /* enum msg_verdict; 0 with `undo` */
    struct id undo;        /* the judgement that is taken back; zeros: none */
    const char *annotator; /* a pseudonym */
};
enum judged_answer {
    JUDGED_KEPT = 1, /* it lies in the journal, synced */
    JUDGED_UNKNOWN,  /* no such pair, or nothing that could be taken back */
    JUDGED_OTHER, /* of other rollouts than the pair's, of another person, another one's id */
    JUDGED_MANY,  /* more was said of this pair than is kept */
    JUDGED_ANSWERS,
};
struct msg_judged {
    const struct id *id;    /* of judgements */
    const uint32_t *answer; /* [n_id] enum judged_answer */
    uint32_t n_id;
};

#endif
