/* offline_job: what an offline run is to be: method, model, records, keys. Made by prepare; whoever
 * runs it (offline, cycle, evaluate) only reads it. */

#ifndef LEARNER_OFFLINE_OFFLINE_JOB_H
#define LEARNER_OFFLINE_OFFLINE_JOB_H

#include "learner/corpus/corpus.h"
#include "learner/objective/objective.h"
#include "learner/offline/reference.h"
#include "learner/run/keys.h"
#include "learner/step/metrics.h"
#include "lm/file/model_files.h"

struct offline_job {
    const struct keys *keys;
    struct keys_plan plan;
    const struct objective *objective;
    const void *objective_conf;
    enum head head;                         /* that the model must have, or gets */
    const struct model_files *card;         /* shape, tokenizer, template of the start model */
    const struct corpus *train, *test;      /* test may be NULL */
    const struct reference_conf *reference; /* NULL: the method reads none */
    const json_t *config;                   /* every key as it was resolved */
    /* What a method adds to an evaluation's line; NULL: nothing. */
    void (*judge)(const struct offline_job *self, const struct metrics *exact, json_t *line);
    /* What sees an evaluation's micro-batches, for judge (filler.h); NULL: nothing. */
    void (*see)(void *self, const struct corpus *corpus, const struct objective_in *in,
                const uint32_t *record, size_t n);
    void *self;
    bool coupled; /* a record's loss depends on the others of its micro-batch */
};

#endif
