/* filler: what an offline method puts into the micro-batches of an optimiser step: the records of
 * some rows, and beside them what passes other than the policy's make of them. */

#ifndef LEARNER_OFFLINE_FILLER_H
#define LEARNER_OFFLINE_FILLER_H

#include "learner/corpus/corpus.h"
#include "learner/offline/reference.h"
#include "learner/step/optimizer_step.h"

struct filler {
    const struct objective *objective;
    const void *conf; /* the objective's */
    const struct corpus *corpus;
    struct reference *reference; /* borrowed; NULL when the objective reads none */
    struct trainable *model;
    const uint32_t *row; /* [rows] of the step, in its order; borrowed */
    size_t n_row, each;  /* each: rows of a micro-batch */
    bool (*stop)(void);  /* asked before each micro-batch; true: ERR_STATE, and `stopped` */
    bool stopped;
    /* Sees the arrays of each micro-batch after its forward pass; NULL: nobody. */
    void (*see)(void *self, const struct corpus *corpus, const struct objective_in *in,
                const uint32_t *record, size_t n);
    void *self;
    /* The filler's own. */
    uint32_t *record; /* [n] of the micro-batch at hand */
    size_t n;
    struct micro_batch batch, other; /* the records; mismatched answers */
};

/* Takes the room that it needs; the rows are set before each step. */
void filler_init(struct filler *filler);
void filler_free(struct filler *filler);

/* The step over the rows that are set: who learns, and what else is not the filler's, is to be
 * set by the caller. */
struct optimizer_step filler_step(struct filler *filler);

#endif
