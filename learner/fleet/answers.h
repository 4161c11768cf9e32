/* answers: what the fleet wrote, for people: samples.jsonl, and the means of the evaluations.
 *
 * Everything here follows from the journal and is made anew from it at each start. A line is
 * {"kind": before|train|after, "step", "task", "sample", "prompt", "completion", "score",
 * "rewards": {name: value}, "tokens", "ended", "version"}; score is the weighted sum of the raw
 * rewards. */

#ifndef LEARNER_FLEET_ANSWERS_H
#define LEARNER_FLEET_ANSWERS_H

#include "learner/fleet/prompts.h"
#include "learner/journal/record.h"
#include "learner/journal/rewards.h"
#include "learner/journal/tasks.h"

struct answers_conf {
    const char *output_dir;
    struct tasks *tasks;
    const struct prompts *train, *eval; /* eval may be NULL */
    const struct tokenizer *tokenizer;
    const struct rewards *rewards;
};

struct answers;
/* Begins samples.jsonl anew. Errors: ERR_IO. */
enum err answers_new(struct answers **out, const struct answers_conf *conf) MUST_CHECK;
void answers_free(struct answers *answers); /* NULL is fine */

/* The prompt of a task. */
const struct prompts_row *answers_prompt(const struct answers *answers, uint64_t task);

/* A durable sample: ledger_conf.durable. Errors: ERR_IO. */
enum err answers_take(void *answers, const struct record_sample *sample) MUST_CHECK;
/* One that was durable is not any more: ledger_conf.undone. Its line goes with the next flush.
 */
enum err answers_undone(void *answers, uint64_t task, uint32_t sample) MUST_CHECK;
enum err answers_flush(struct answers *answers) MUST_CHECK;

/* All answers of an evaluation are in. True for an evaluation without prompts. */
bool answers_evaluated(const struct answers *answers, enum tasks_kind kind);
/* rewards [n]: value of reward i for prompt k at i * eval + k. Of a whole evaluation. */

/* The scales of the rewards that are normalised, from the answers of the start: those of the
 * evaluation before training and those of the first iteration (of its first `batch` tasks, when
 * it is extended), in order of (task, sample). Both must be there. Returns how many. */
size_t answers_scale(const struct answers *answers, struct rewards *rewards);
/* Errors: ERR_RANGE: there will be fewer than 32. */
enum err answers_scale_check(const struct tasks_plan *plan) MUST_CHECK;
/* {"step", "eval_phase", "eval_objective/scores", "eval_rewards/<name>", ...} */
json_t *answers_line(const struct answers *answers, enum tasks_kind kind, uint64_t step);

#endif
