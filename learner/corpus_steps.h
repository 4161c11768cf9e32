/* corpus_steps: solutions in steps as token ids, labelled where each step ends.
 *
 * TRL's rule (0.22.2, PRMTrainer.tokenize_row): the prompt, each step and the separator are
 * tokenised apart; the separator stands behind every step, and the step's label on its last
 * token. BOS, if the model has one, stands before the prompt. The prompt keeps its last
 * max_prompt_length tokens, the steps their first max_completion_length, all of it its first
 * max_length. A prompt of messages is rendered with the model's template. */

#ifndef LEARNER_CORPUS_STEPS_H
#define LEARNER_CORPUS_STEPS_H

#include "learner/corpus.h"

#include <jansson.h>

struct corpus_steps_rule {
    const char *separator;
    int bos;                                    /* -1: none */
    int max_prompt, max_completion, max_length; /* 0: no limit */
    bool last_only;                             /* only the last step is learnt */
    bool first_error; /* nothing is learnt behind the first wrong step */
};

/* One solution, encoded. target [n]: P(right) in [0, 1] where a labelled step ends, 2 where
 * one ends that nobody labelled, -1 elsewhere. end [n] out of one step's end: bytes of the
 * completion up to and with that step, without its separator. */
struct corpus_steps {
    int *ids, n, prompt; /* tokens; of them, the prompt's */
    float *target;
};

/* `row` is {"prompt", "completions"[, "labels"]}. Errors: ERR_PARSE names the field (steps
 * and labels of different number, an empty step, a label that is none); encode's. */
enum err corpus_steps_encode(struct corpus_steps *out, const json_t *row,
                             const struct encode *encode,
                             const struct corpus_steps_rule *rule) MUST_CHECK;
void corpus_steps_free(struct corpus_steps *steps);

/* A whole data set. rule->steps says how; records with nothing to learn are dropped. */
enum err corpus_steps(struct corpus **out, const struct dataset *set,
                      const struct corpus_rule *rule, const char *what) MUST_CHECK;

#endif
