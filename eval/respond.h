/* respond: a model's answers to prompts, as many at once as there are slots.
 *
 * Answer `sample` to prompt `task` is a pure function of (model, seed, task, sample, prompt,
 * sampling): neither slots nor company change it. */

#ifndef EVAL_RESPOND_H
#define EVAL_RESPOND_H

#include "lm/file/open_model.h"
#include "lm/gen/generate.h"

#include <jansson.h>

struct respond {
    const struct open_model *loaded; /* borrowed */
    struct sampling sampling;
    uint64_t seed;
    int slots;
    /* its own: zero at first, respond_fini at the end */
    struct generate *generate;
    int length; /* tokens a slot of it holds */
};

struct response {
    char *text; /* without its stop token, without special tokens; `bytes` long */
    size_t bytes;
    int *ids;
    float *logprob; /* [n] as generate_done's */
    int n, prompt;  /* tokens of the answer, of the prompt */
    enum finish finish;
};

struct respond_ask {
    const json_t *prompt, *tools; /* borrowed; tools may be NULL */
    uint64_t task;
};

/* out [n * samples]: answer s to prompt i at i * samples + s; free each with respond_free. On
 * an error *bad is the prompt it is about. Errors: encode_prompt's; ERR_RANGE when prompt and
 * max_new do not fit the context. */
enum err respond_run(struct respond *respond, const struct respond_ask *ask, int n, int samples,
                     struct response *out, int *bad) MUST_CHECK;
void respond_free(struct response *response);
void respond_fini(struct respond *respond);

#endif
