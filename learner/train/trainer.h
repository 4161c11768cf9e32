/* trainer: the learner's compute thread: owns policy, critic and reference; no socket.
 *
 * Before the loop runs, the same calls replay a journal's steps. */

#ifndef LEARNER_TRAIN_TRAINER_H
#define LEARNER_TRAIN_TRAINER_H

#include "learner/train/refresh.h"
#include "learner/train/trainer_job.h"

#include <stdatomic.h>

struct worker;

struct model_files;
struct trainer_conf {
    const struct iteration_conf *iteration;
    const struct rewards *rewards; /* changes only before the first ITERATE */
    const char *checkpoints;       /* folder */
    const char *images;            /* folder */
    size_t keep;                   /* checkpoints kept */
    /* Beside each checkpoint a model folder, model-VERSION, all of them kept; borrowed. */
    const struct model_files *card; /* NULL: none */
    const char *base, *dtype;       /* peft_save's */
    uint64_t lag;
    struct refresh_conf refresh;
    /* The frozen reference, for answers that come without its log-probabilities; one that moves
     * is the iteration's. Borrowed. */
    const struct shape *reference_shape; /* NULL: none is needed */
    const float *reference_image;
    size_t reference_bytes;
};

struct trainer;
/* Takes both params, also on an error; as iteration_new. Errors: its own, model_new's (the
 * reference). */
enum err trainer_new(struct trainer **out, const struct trainer_conf *conf,
                     struct params *policy, struct params *critic) MUST_CHECK;
void trainer_free(struct trainer *trainer);

/* The newest checkpoint that is whole; version 0 and OK without one. Errors: ERR_IO, ERR_RANGE (it
 * is another model's). */
enum err trainer_load(struct trainer *trainer) MUST_CHECK;
uint64_t trainer_version(const struct trainer *trainer);
const struct trainable *trainer_policy(const struct trainer *trainer);

/* Removes the checkpoints beyond the newest `keep`, and the images that none of those needs:
 * also what a process that was killed right after writing one left. Errors: ERR_IO. */
enum err trainer_trim(const struct trainer *trainer) MUST_CHECK;

/* A copy of the present weights. Errors: snapshot_new's. */
enum err trainer_snapshot(const struct trainer *trainer, struct snapshot **out) MUST_CHECK;
/* An older version's image from disk; its hash is checked. Errors: ERR_IO, ERR_PARSE (damaged),
 * snapshot_new's. */
enum err trainer_image(const struct trainer *trainer, const struct version *version,
                       struct snapshot **out) MUST_CHECK;

/* Does a job here and now; job->err and words say how it went. */
void trainer_do(struct trainer *trainer, struct trainer_job *job);

/* worker_conf.main: jobs in, the same jobs out. What goes wrong is in the job: always OK. */
enum err trainer_main(void *trainer, struct worker *worker) MUST_CHECK;

/* From any thread: ends a running iteration between micro-batches, and all that follow at once:
 * their state is lost, the journal's is not. */
void trainer_abandon(struct trainer *trainer);

struct trainer_counters {
    atomic_ullong busy_ns, idle_ns;
};
const struct trainer_counters *trainer_counters(const struct trainer *trainer);

#endif
