/* best: which evaluation of a run is the best one so far.
 *
 * load_best_model_at_end, metric_for_best_model, greater_is_better and save_strategy: best, as in
 * transformers, but that every evaluation counts: one that beats those before it is saved then and
 * there, whatever save_steps says, and its checkpoint stays beside the newest. */

#ifndef LEARNER_OFFLINE_BEST_H
#define LEARNER_OFFLINE_BEST_H

#include "learner/run/resume.h"

/* What keys and plan say of it, for the run's checkpoints. */
void best_begin(struct resume *resume, const struct keys *keys, const struct keys_plan *plan);

/* `line`: what an evaluation of now says. Beats it all before, *best becomes it and *better is
 * true. Errors: ERR_RANGE: it has no such figure; the words name those that it has. */
enum err best_judge(const struct resume *resume, const json_t *line, int64_t step,
                    struct resume_best *best, bool *better) MUST_CHECK;

/* {"step", metric: value} of the best evaluation; NULL: none. The caller's. */
json_t *best_json(const struct resume *resume, const struct resume_best *best);

/* The same for people, "step 12, eval_loss 0.5"; NULL: none. Free it. */
char *best_words(const struct resume *resume, const struct resume_best *best);

#endif
