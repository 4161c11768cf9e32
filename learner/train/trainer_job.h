/* trainer_job: what the trainer is asked to do, and what comes of it. */

#ifndef LEARNER_TRAIN_TRAINER_JOB_H
#define LEARNER_TRAIN_TRAINER_JOB_H

#include "learner/inputs/prompts.h"
#include "learner/iteration/iteration_compare.h"
#include "learner/journal/record.h"
#include "learner/train/snapshot.h"

enum trainer_kind { TRAINER_ITERATE, TRAINER_SAVE };
struct trainer_job {
    enum trainer_kind kind;
    /* ITERATE: n answers in order of (task, sample), and the prompts of each; borrowed. */
    uint64_t iteration;
    const struct record_sample **sample;
    const struct prompt **prompt;
    uint32_t n;
    /* Answers of the iteration that are only compared: whole groups, likewise. */
    const struct record_sample **flat;
    const struct prompt **flat_prompt;
    uint32_t n_flat;
    /* Pairs that people judged, of earlier iterations; what they point to is the ledger's. */
    struct trainer_judged {
        const struct record_sample *better, *other;
        const struct prompt *prompt;
        struct record_judgement name;
    } * judged;
    uint32_t n_judged;
    struct trainer_judged *refresh; /* a reward model is taught these, all that are kept */
    uint32_t n_refresh;             /* 0: it is not time */
    /* SAVE: images that tasks may still name, written first; borrowed. */
    const struct snapshot **keep;
    uint32_t n_keep;
    /* Out. */
    enum err err;
    char words[512];
    struct artifact refreshed; /* ITERATE: that model's image */
    struct snapshot *snapshot; /* ITERATE: the new version's; the taker's */
    /* ITERATE, with an error: answers found false; then the trainer stands as it stood before.
     */
    struct iteration_false *lie;
    size_t n_lie;
    json_t *line; /* ITERATE: metrics */
    double seconds;
    double writes; /* tokens a second that this machine would write at its peak; 0: not known */
    int64_t tokens; /* of the answers */
};
struct trainer_job *trainer_job(enum trainer_kind kind, uint32_t n);
void trainer_job_flats(struct trainer_job *job, uint32_t n); /* room for them */
void trainer_job_free(void *job);

#endif
