/* noun: the things that messages speak of (docs/PROTOCOL.md §1). Structs only.
 *
 * Pointers in a decoded message lie in the arena it was decoded into; pointers in a message to
 * encode are borrowed until codec_encode returns. An array is followed by its length. Texts are
 * UTF-8 without zero bytes, end with one, and are never NULL after decoding ("" if absent). */

#ifndef PROTO_NOUN_H
#define PROTO_NOUN_H

#include "base/hash.h"
#include "proto/role.h"

#include <stdbool.h>
#include <stdint.h>

enum { ID_BYTES = 16 };
struct id { /* random: a run, a peer */
    uint8_t byte[ID_BYTES];
};

struct version { /* of the policy: the number orders, the hash identifies the image */
    uint64_t number;
    struct hash hash;
};

struct range { /* samples first .. first+count-1 of a task */
    uint64_t task;
    uint32_t first, count;
};

/* What is settled in a learner epoch: every task below the watermark, and `range` above it. */
struct settled {
    uint64_t epoch, watermark;
    const struct range *range;
    uint32_t n_range;
};

enum artifact_kind {
    ARTIFACT_IMAGE = 1, /* packed compute weights (lm/model/packed.h) */
    ARTIFACT_CARD,      /* config, tokenizer, template (lm/file/model_files.h) */
    ARTIFACT_FILE,      /* anything else */
    ARTIFACT_PATCH,     /* makes one image of another (patch.h), as an adapter does */
    ARTIFACT_ADAPTER,
    ARTIFACT_KINDS,
};
struct artifact { /* bytes by hash; `name` says what for: "policy", "reward:rm", ... */
    struct hash hash;
    uint64_t bytes;
    uint32_t kind;
    const char *name;
    struct hash of, base; /* PATCH, ADAPTER: the image that it makes, and of which */
};

enum scorer_kind {
    SCORER_REWARD_MODEL = 1,
    SCORER_RULE,
    SCORER_WORKER,
    SCORER_REFERENCE,
    SCORER_JUDGE,
    SCORER_KINDS, /* one above the last */
};
enum scorer_unit { UNIT_ROLLOUT = 1, UNIT_GROUP, UNIT_PAIR };
struct scorer {
    uint32_t id;           /* small number within its table */
    struct hash hash;      /* digest_scorer of the rest: what SCORE? and SCORE name */
    const char *name;      /* as in the config: "rm", "answer", "mine" */
    uint32_t kind, unit;   /* scorer_kind, scorer_unit */
    bool pure, needs_text; /* may be asked again: same score; gets prompt and answer as text */
    bool per_token; /* a number a token (reference log-probabilities), else msg_score_values */
    struct hash card, image; /* artifacts of a model; zero otherwise */
    const char *spec;        /* JSON: the rule and its arguments */
    uint32_t timeout_ms;     /* a ticket's deadline; 0: the broker's own */
};

struct decoding { /* `temperature` 0 is greedy; top_p 1, min_p 0, top_k 0 are off */
    float temperature, top_p, min_p;
    uint32_t top_k, max_new;
    const int32_t *stop; /* tokens that end an answer and are part of it */
    uint32_t n_stop;
    const char **stop_text; /* texts that end an answer */
    uint32_t n_stop_text;
};

struct earlier {          /* answers to guess by; no part of a task (docs/PROTOCOL.md, OPEN) */
    const uint32_t *each; /* tokens of each answer */
    uint32_t n_each;
    const int32_t *token; /* one answer behind the other */
    uint32_t n_token;
    const uint8_t *share; /* [n_token] the probability that each token had, of 255 */
};

#define TASK_IDS (UINT64_C(1) << 62) /* above all ids: what is added to one stays below 2^64 */
struct task {
    uint64_t id;      /* from 0, consecutive */
    uint64_t seed;    /* of the run */
    uint32_t samples; /* n */
    const int32_t *prompt;
    uint32_t n_prompt; /* tokens of it */
    struct decoding decoding;
    struct version version; /* zero hash: the newest, of this number on (overlap: free) */
    uint32_t table;         /* number of the scorer table */
    const int32_t *tail;    /* what a scorer reads after an answer that ended by a stop token */
    uint32_t n_tail;
    const char *prompt_text; /* "" unless a scorer needs text */
    const char *meta;        /* JSON object: the record's other columns, at most 64 KiB */
    struct earlier earlier;
};

enum rollout_end { ROLLOUT_STOP = 1, ROLLOUT_LENGTH, ROLLOUT_STOP_TEXT };
struct span { /* tokens from `start` on were sampled under `version` */
    uint32_t start;
    struct version version;
};
struct rollout {
    uint64_t task;
    uint32_t sample;
    struct hash hash;     /* digest_rollout of tokens, log-probabilities, spans, mask */
    uint32_t end;         /* rollout_end */
    const int32_t *token; /* [tokens] the answer, its stop token included */
    const float *logprob; /* [tokens] behaviour log-probability, nats */
    uint32_t n_token;
    const uint8_t *mask; /* bit i%8 of byte i/8: the policy wrote token i; none: all of them */
    uint32_t n_mask;
    const struct span *span; /* starts rise from 0 */
    uint32_t n_span;
    const char *text; /* "" unless asked for */
};

/* Numbers of one scorer about the rollouts of a unit: rollout i owns the next each[i]. */
struct score {
    struct hash scorer;
    const struct hash *rollout;
    const uint32_t *each; /* [rollouts]; msg_score_values */
    uint32_t n_rollout;
    const float *value;
    uint32_t n_value;
    const char *diagnostics; /* JSON or "" */
};

enum claim_state { CLAIM_RUNNING = 1, CLAIM_DONE, CLAIM_WANT, CLAIM_KEEP, CLAIM_FREE };
struct claim { /* a sample somebody holds; the hash is zero while it runs */
    uint64_t task;
    uint32_t sample, state;
    struct hash hash;
};

/* FLAT stands in a journal's STEP only (docs/PROTOCOL.md, DROPPED). 3 has been used. */
enum drop_reason { DROP_CANCEL = 1, DROP_POISON = 2, DROP_FLAT = 4 };

#endif
