/* sample_answers: a model's answers to prompts, as many at once as there are slots.
 *
 * Answer `sample` to prompt `task` is a pure function of (model, seed, task, sample, prompt,
 * sampling): neither slots nor company change it. */

#ifndef EVAL_SAMPLE_ANSWERS_H
#define EVAL_SAMPLE_ANSWERS_H

#include "lm/file/open_model.h"
#include "lm/gen/generate.h"

#include <jansson.h>
#include <stdbool.h>

struct sample_answers {
    const struct open_model *loaded; /* borrowed */
    struct sampling sampling;
    uint64_t seed;
    int slots, ahead; /* ahead: generate_ahead's */
    bool fit;         /* a max_new that the context has no room for is cut, and not an error */
    /* its own: zero at first, sample_answers_fini at the end */
    struct generate *generate;
    int length, open; /* tokens a slot of it holds; its slots, no more than were asked for */
};

struct sample_answer {
    char *text; /* without its stop token, without special tokens; `bytes` long */
    size_t bytes;
    int *ids;
    float *logprob; /* [n] as generate_done's */
    int n, prompt;  /* tokens of the answer, of the prompt */
    enum finish finish;
};

struct sample_answers_ask {
    const json_t *prompt, *tools; /* borrowed; tools may be NULL */
    uint64_t task;
};

/* out [n * samples]: answer s to prompt i at i * samples + s; free each with
 * sample_answers_free. On an error *bad is the prompt it is about. Errors: encode_prompt's;
 * ERR_RANGE when a prompt fills the context, or with max_new (without `fit`) does not fit. */
enum err sample_answers_run(struct sample_answers *sampler,
                            const struct sample_answers_ask *ask, int n, int samples,
                            struct sample_answer *out, int *bad) MUST_CHECK;
void sample_answers_free(struct sample_answer *answer);
void sample_answers_fini(struct sample_answers *sampler);

#endif
