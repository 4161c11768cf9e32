/* record: what the journal's records say.
 *
 * Little-endian; u32 counts stand before arrays, hashes are 32 bytes, texts a count and bytes.
 *   START    epoch u64, run [16], seed u64, before u64, train u64, after u64, batch u64
 *   SAMPLE   task u64, sample u32, attempts u32, hash, end u32,
 *            tokens u32, token i32[], logprob f32[], mask u8[],
 *            spans u32, {start u32, version u64, hash}[],
 *            scores u32, {scorer hash, values u32, f32[]}[],
 *            writer of the rollout, writer of each score (not in records of version 1)
 *   STEP     iteration u64, samples u32, {task u64, sample u32}[],
 *            drops u32, {task u64, sample u32, reason u32}[], version u64, hash
 *   ATTEMPT  task u64, sample u32, attempts u32, text (the worker), text (its words)
 *   END      version u64, image hash, weights hash (SHA-256)
 *   REFUSED  task u64, sample u32, reason u32, hash, scorer hash, writer, text
 *   HALT     as STEP, in its place: no training task behind its iteration comes any more
 * A writer is peer id [16], key [32], texts address, name, build: as in docs/PROTOCOL.md.
 * examples/journal.py reads the same. */

#ifndef LEARNER_JOURNAL_RECORD_H
#define LEARNER_JOURNAL_RECORD_H

#include "proto/msg_work.h"

#include <stddef.h>

/* Bytes in the making; zeroed at first, freed with record_fini. */
struct record {
    uint8_t *byte;
    size_t n, room;
};
void record_fini(struct record *record);

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
    uint32_t n;
    float *value; /* [n] */
    struct record_writer writer;
};
struct record_sample { /* all memory is its own */
    uint64_t task;
    uint32_t sample, attempts;
    struct hash hash;
    uint32_t end;   /* rollout_end */
    uint32_t n;     /* tokens of the answer */
    int32_t *token; /* [n] */
    float *logprob; /* [n] behaviour, nats */
    uint8_t *mask;  /* [n] 1 where the policy wrote */
    uint32_t spans;
    struct span *span;
    uint32_t scores;
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
    uint32_t samples;
    struct record_name *sample; /* in the order of training */
    uint32_t drops;
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

/* Encode: replaces what `to` held. */
void record_put_start(struct record *to, const struct record_start *start);
void record_put_sample(struct record *to, const struct record_sample *sample);
void record_put_step(struct record *to, const struct record_step *step);
void record_put_attempt(struct record *to, const struct record_attempt *attempt);
void record_put_end(struct record *to, const struct record_end *end);
void record_put_refused(struct record *to, const struct record_refused *refused);

/* Decode. Errors: ERR_PARSE (cut short, or bytes left over). What the arrays point to is freed
 * with the _fini of the same name. */
enum err record_get_start(struct record_start *out, const uint8_t *from, size_t n) MUST_CHECK;
enum err record_get_sample(struct record_sample *out, const uint8_t *from, size_t n) MUST_CHECK;
enum err record_get_step(struct record_step *out, const uint8_t *from, size_t n) MUST_CHECK;
enum err record_get_attempt(struct record_attempt *out, const uint8_t *from,
                            size_t n) MUST_CHECK;
enum err record_get_end(struct record_end *out, const uint8_t *from, size_t n) MUST_CHECK;
enum err record_get_refused(struct record_refused *out, const uint8_t *from,
                            size_t n) MUST_CHECK;
void record_sample_fini(struct record_sample *sample);
void record_refused_fini(struct record_refused *refused);
void record_step_fini(struct record_step *step);
void record_attempt_fini(struct record_attempt *attempt);

void record_writer_from(struct record_writer *out, const struct writer *from);
void record_writer_copy(struct record_writer *out, const struct record_writer *from);
void record_writer_fini(struct record_writer *writer);
struct writer record_writer_noun(const struct record_writer *writer); /* borrows its texts */

/* A sample out of its message; whether it is what was asked for is for the caller to check.
 * Errors: ERR_RANGE (the scores are not about this rollout). */
enum err record_sample_from(struct record_sample *out,
                            const struct msg_sample *message) MUST_CHECK;

/* Values of one scorer; NULL and 0 if the sample has none of it. */
const float *record_score(const struct record_sample *sample, const struct hash *scorer,
                          uint32_t *n);

#endif
