/* offline: training from a data set that is there: SFT, reward models.
 *
 * Plans first and refuses what cannot fit; then epochs, evaluation, metrics.jsonl, checkpoints.
 * A run that was killed or stopped goes on bit-exactly when the same command is given again. */

#ifndef LEARNER_OFFLINE_OFFLINE_H
#define LEARNER_OFFLINE_OFFLINE_H

#include "learner/corpus/corpus.h"
#include "learner/objective/objective.h"
#include "learner/offline/reference.h"
#include "learner/run/keys.h"
#include "learner/step/metrics.h"
#include "lm/file/model_files.h"

struct offline {
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
    void (*judge)(const struct offline *self, const struct metrics *exact, json_t *line);
    /* What sees an evaluation's micro-batches, for judge (pass.h); NULL: nothing. */
    void (*see)(void *self, const struct corpus *corpus, const struct objective_in *in,
                const uint32_t *record, size_t n);
    void *self;
    bool coupled; /* a record's loss depends on the others of its micro-batch */
};

/* Prints the plan, trains, writes output_dir/model. A stop by signal is OK too. Errors: any;
 * the words are one line for the user. */
enum err offline_run(const struct offline *offline) MUST_CHECK;

#endif
