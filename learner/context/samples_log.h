/* samples_log: what the fleet wrote, for people: samples.jsonl, and the means of the evaluations.
 *
 * Everything here follows from the journal and is made anew from it at each start. A line is
 * {"kind": before|train|after, "step", "task", "sample", "prompt", "completion", "score",
 * "rewards": {name: value}, "tokens", "ended", "version"}; score is the weighted sum of the raw
 * rewards. */

#ifndef LEARNER_CONTEXT_SAMPLES_LOG_H
#define LEARNER_CONTEXT_SAMPLES_LOG_H

#include "learner/inputs/prompts.h"
#include "learner/journal/record.h"
#include "learner/journal/tasks.h"
#include "reward/reward.h"

struct samples_log_conf {
    const char *output_dir;
    struct tasks *tasks;
    const struct prompts *train, *eval; /* eval may be NULL */
    const struct tokenizer *tokenizer;
    const struct rewards *rewards;
};

struct samples_log;
/* Begins samples.jsonl anew. Errors: ERR_IO. */
enum err samples_log_new(struct samples_log **out,
                         const struct samples_log_conf *conf) MUST_CHECK;
void samples_log_free(struct samples_log *log); /* NULL is fine */

/* A durable sample: ledger_conf.durable. Errors: ERR_IO. */
enum err samples_log_take(void *log, const struct record_sample *sample) MUST_CHECK;
/* One that was durable is not any more: ledger_conf.undone. Its line goes with the next flush.
 * Always OK. */
enum err samples_log_undone(void *log, uint64_t task, uint32_t sample) MUST_CHECK;
/* Errors: ERR_IO. */
enum err samples_log_flush(struct samples_log *log) MUST_CHECK;

/* All answers of an evaluation are in. True for an evaluation without prompts. */
bool samples_log_evaluated(const struct samples_log *log, enum tasks_kind kind);

/* The scales of the rewards that are normalised, from the answers of the start: those of the
 * evaluation before training and those of the first iteration (of its first `batch` tasks, when
 * it is extended), in order of (task, sample). Both must be there. Returns how many. */
size_t samples_log_scale(const struct samples_log *log, struct rewards *rewards);
/* Errors: ERR_RANGE: there will be fewer than 32. */
enum err samples_log_scale_check(const struct tasks_plan *plan) MUST_CHECK;
/* {"step", "eval_phase", "eval_objective/scores", "eval_rewards/<name>", ...} */
json_t *samples_log_line(const struct samples_log *log, enum tasks_kind kind, uint64_t step);

#endif
