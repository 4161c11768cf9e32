/* record: what the journal's records say.
 *
 * Little-endian; u32 counts stand before arrays, hashes are 32 bytes, texts a count and bytes.
 * With each kind the function that writes it. Its fields are a table in record.c; what it does once
 * it is durable, and again whenever it is read, is a row in ledger_kinds.c.
 *
 *   1 START    epoch u64, run [16], seed u64, before u64, train u64, after u64, batch u64
 *              ledger_start, ledger_refuse_start
 *   2 SAMPLE   task u64, sample u32, attempts u32, hash, end u32,
 *              tokens u32, token i32[], logprob f32[], mask u8[],
 *              spans u32, {start u32, version u64, hash}[],
 *              scores u32, {scorer hash, values u32, f32[]}[],
 *              writer of the rollout, writer of each score (not in records of version 1)
 *              ledger_take
 *   4 STEP     iteration u64, samples u32, {task u64, sample u32}[],
 *              drops u32, {task u64, sample u32, reason u32}[], version u64, hash
 *              ledger_step
 *   5 ATTEMPT  task u64, sample u32, attempts u32, text (the worker), text (its words)
 *              ledger_attempt
 *   6 END      version u64, image hash, weights hash (SHA-256)
 *              ledger_end
 *   7 REFUSED  task u64, sample u32, reason u32, hash, scorer hash, writer, text
 *              ledger_refuse
 *   8 HALT     as STEP, in its place: nothing behind its iteration is trained; ledger_halt.
 *
 * 9 .. 12: record_people.h. A writer is peer id [16], key [32], texts address, name, build. */

#ifndef LEARNER_JOURNAL_RECORD_H
#define LEARNER_JOURNAL_RECORD_H

#include "learner/journal/record_fields.h"
#include "learner/journal/record_people.h"
#include "proto/msg_work.h"

enum journal_type {
    JOURNAL_START = 1, /* a learner began: epoch, run, plan */
    JOURNAL_SAMPLE,    /* a rollout and its scores: may be settled once this is durable */
    JOURNAL_UNUSED,    /* was to be a sample that will not come: such a run ends instead */
    JOURNAL_STEP,      /* an iteration: its samples, its drops, hash of the next version */
    JOURNAL_ATTEMPT,   /* a worker failed a sample: it is not asked again */
    JOURNAL_END,       /* the run is over: hash of the final weights */
    JOURNAL_REFUSED,   /* an answer that is not what it says: not settled, or not any more */
    JOURNAL_HALT,      /* a STEP whose metrics met stop_if: training ends with it */
    JOURNAL_EXPORTED,  /* pairs of an iteration's answers that people are asked about */
    JOURNAL_JUDGED,    /* what somebody said of one */
    JOURNAL_PEOPLE,    /* which of that an iteration learnt */
    JOURNAL_REFRESHED, /* a reward model that all of it taught */
    JOURNAL_TYPES,
};

struct record_start {
    uint64_t epoch;
    struct id run;
    uint64_t seed;
    uint64_t before, train, after; /* tasks: evaluation, training, evaluation again */
    uint64_t batch;                /* training tasks an iteration */
};
struct record_writer { /* whose a rollout or a score is (proto/noun.h); its texts are its own */
    struct id peer;
    struct hash key;
    char *address, *name, *build; /* NULL: "" */
};
struct record_score {
    struct hash scorer;
    uint32_t n_value;
    float *value;
    struct record_writer writer;
};
struct record_sample { /* all memory is its own */
    uint64_t task;
    uint32_t sample, attempts;
    struct hash hash;
    uint32_t end;     /* rollout_end */
    uint32_t n_token; /* of the answer */
    int32_t *token;
    float *logprob; /* [n_token] behaviour, nats */
    uint8_t *mask;  /* [n_token] 1 where the policy wrote */
    uint32_t n_span;
    struct span *span;
    uint32_t n_score;
    struct record_score *score;
    struct record_writer writer;
};
enum record_reason {
    RECORD_UNTAKEN = 1, /* it was not taken: the sample was not settled by it */
    RECORD_FALSE,       /* it was settled, and is not any more */
    RECORD_GROUP,       /* likewise: one of its group was false, and scores speak of all */
};
struct record_refused { /* all memory is its own */
    uint64_t task;
    uint32_t sample;
    enum record_reason reason;
    struct hash hash, scorer; /* of the rollout; whose score, zeros: the rollout is false */
    struct record_writer writer;
    char *words;
};
struct record_name {
    uint64_t task;
    uint32_t sample, reason; /* reason: of a drop */
};
struct record_step {
    uint64_t iteration;
    uint32_t n_sample;
    struct record_name *sample; /* in the order of training */
    uint32_t n_drop;
    struct record_name *drop;
    struct version next; /* what training them gave */
};
struct record_attempt { /* a worker failed a sample; its texts are its own */
    uint64_t task;
    uint32_t sample, attempts; /* attempts: how many have, this one included */
    char *who, *reason;
};
struct record_end {
    struct version version;
    struct hash weights;
};

/* Encode: replaces what `to` held. `what` is the struct of its type; HALT has STEP's. */
void record_write(struct record_bytes *to, enum journal_type type, const void *what);

/* Decode into the struct of the type; what it points to is its own, and record_fini frees it.
 * Errors: ERR_PARSE (cut short, bytes left over, a reason that there is not, no such type);
 * then there is nothing to free. */
enum err record_read(void *out, enum journal_type type, const uint8_t *from,
                     size_t n) MUST_CHECK;
void record_fini(enum journal_type type, void *what); /* leaves it zeroed */

/* The same on the heap. Errors: record_read's; *out is NULL then. */
enum err record_new(void **out, enum journal_type type, const uint8_t *from,
                    size_t n) MUST_CHECK;
void record_free(enum journal_type type, void *what); /* NULL is fine */

/* "SAMPLE"; NULL: there is no such type. */
const char *record_type_name(enum journal_type type);

void record_writer_from(struct record_writer *out, const struct writer *from);
void record_writer_copy(struct record_writer *out, const struct record_writer *from);
struct writer record_writer_noun(const struct record_writer *writer); /* borrows its texts */

/* A sample out of its message; whether it is what was asked for is for the caller to check.
 * Errors: ERR_RANGE (the scores are not about this rollout). */
enum err record_sample_from(struct record_sample *out,
                            const struct msg_sample *message) MUST_CHECK;

/* Values of one scorer; NULL and 0 if the sample has none of it. */
const float *record_score(const struct record_sample *sample, const struct hash *scorer,
                          uint32_t *n);

#endif
