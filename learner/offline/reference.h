/* reference: log-probabilities under the policy that a method measures against.
 *
 * The reference is the start model. Since a token's log-probability has the same bits in every
 * batch (docs/MATH.md §1), they may be made beforehand, while the policy still is the start model: no
 * second model is held, and the figures are those that a forward pass beside the training would
 * give. They are kept on disk under the hash of weights and data, so a run that goes on, or
 * another run from the same start, reads them. `live` holds a copy of the compute weights
 * instead and runs them at each use; only then can the reference follow the policy
 * (learner/step/ref_model.h). */

#ifndef LEARNER_OFFLINE_REFERENCE_H
#define LEARNER_OFFLINE_REFERENCE_H

#include "learner/corpus/corpus.h"
#include "learner/step/micro_batch.h"
#include "learner/step/ref_model.h"

struct reference_conf {
    bool live;
    struct ref_model_conf follow; /* needs live */
    int batch;                    /* records of a micro-batch beforehand */
    const char *folder;           /* for the figures made beforehand */
};

struct reference;

/* `step` still holds the start weights, here and in reference_prepare. Errors: ERR_NOMEM. */
enum err reference_new(struct reference **out, const struct reference_conf *conf,
                       const struct trainable *step) MUST_CHECK;
void reference_free(struct reference *reference);

/* Makes what will be asked for of `corpus`, which must outlive this: of the records with
 * needed[i] (NULL: of all). Live: nothing. `say` is told how far it is, now and then (may be
 * NULL). Errors: ERR_NOMEM, ERR_IO, trainable_score's. */
enum err reference_prepare(struct reference *reference, struct trainable *step,
                           const struct corpus *corpus, const uint8_t *needed,
                           void (*say)(size_t done, size_t of)) MUST_CHECK;

/* Fills the batch's column `reference`: nats, 0 where nothing is learnt; the batch is corpus_pack's
 * of these records. Overwrites what the last trainable_forward remembered. Errors: ERR_STATE
 * (not prepared), trainable_score's. */
enum err reference_take(struct reference *reference, struct trainable *step,
                        const struct corpus *corpus, const uint32_t *record, size_t n,
                        struct micro_batch *batch) MUST_CHECK;

/* sum [n] out: over each mismatched answer, for a batch of corpus_pack_mismatched, whose
 * `logprob` is overwritten. Errors: as reference_take's. */
enum err reference_mismatched(struct reference *reference, struct trainable *step,
                              const struct corpus *corpus, const uint32_t *record, size_t n,
                              struct micro_batch *batch, double *sum) MUST_CHECK;

/* After an optimiser step: the reference follows when it is time. */
void reference_follow(struct reference *reference, const struct trainable *step);

/* The weights of a reference that moves, for checkpoints: *floats of them; NULL when it does
 * not move. */
float *reference_weights(struct reference *reference, size_t *floats);

/* Sum over each sequence of a batch of what is learnt in it. */
void reference_sums(const struct micro_batch *batch, const float *logprob, double *sum);

#endif
