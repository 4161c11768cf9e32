/* cycle: the steps of an offline run, and what follows each: log line, evaluation, checkpoint.
 */

#ifndef LEARNER_OFFLINE_CYCLE_H
#define LEARNER_OFFLINE_CYCLE_H

#include "learner/offline/filler.h"
#include "learner/offline/offline_job.h"
#include "learner/run/progress.h"
#include "learner/run/resume.h"
#include "learner/run/rundir.h"
#include "learner/run/throughput.h"

struct cycle {
    const struct offline_job *job;
    const struct keys *keys;
    struct keys_length length;
    struct schedule_plan rates;
    struct resume resume;
    struct resume_state state;
    struct rundir *dir;
    char *checkpoints, *model;
    struct train_options options; /* as planned */
    struct trainable *step;
    struct reference *reference; /* NULL: the method reads none */
    struct filler filler;
    struct progress progress;
    uint32_t *order;             /* rows (corpus_bins.h) */
    int64_t order_epoch;         /* of `order`; -1: none yet */
    int64_t first, first_tokens; /* step at which this process began; tokens before it */
    int64_t begun_ms, saved_ms, saved_step, logged_step;
    struct throughput throughput;
    double window_seconds, window_tokens; /* of the steps since the log's last line */
    double norm, first_loss, last_loss;   /* means of the log's first and newest window */
    int windows;
};

/* Runs to the last step, or until a signal asks for an end (*stopped): then the state is that
 * of the last whole step. Errors: any. */
enum err cycle_run(struct cycle *cycle, bool *stopped) MUST_CHECK;

/* A checkpoint of now, unless there is one. Errors: ERR_IO. */
enum err cycle_save(struct cycle *cycle) MUST_CHECK;

/* Passes over the data after `step` steps. */
double cycle_epoch(const struct cycle *cycle, int64_t step);

/* needed [records of the training corpus] out: 1 for those that the run will come to. */
void cycle_needed(struct cycle *cycle, uint8_t *needed);

/* {"step", "epoch"} of now: the start of a line of metrics.jsonl. */
json_t *cycle_line(const struct cycle *cycle);

#endif
