/* logprobs: log-probabilities of tokens as OpenAI's interfaces write them. */

#ifndef SERVE_LOGPROBS_H
#define SERVE_LOGPROBS_H

#include "serve/job.h"

/* Tokens told one after another; a row each of `top`, `tops` of them `stride` apart. The first
 * `blind` have no log-probability (a prompt's first token). */
struct logprobs_run {
    const int *ids;
    const float *logprob;
    const struct sample_top *top;
    int n, tops, stride, blind;
};

/* The tokens of a choice from number `from` on. */
struct logprobs_run logprobs_of_choice(const struct choice *choice, int from);
/* Those of prompt i itself. */
struct logprobs_run logprobs_of_prompt(const struct job *job, int i);

/* {"content": [{"token", "logprob", "bytes", "top_logprobs"}]}, a new object. `names`: tokens are
 * called "token_id:N". */
json_t *logprobs_chat(const struct logprobs_run *run, const struct tokenizer *tokenizer,
                      bool names);

/* {"tokens", "token_logprobs", "top_logprobs", "text_offset"}, a new object, and a run written
 * behind what stands there; *offset counts characters. A token that is no whole character is
 * called "bytes:\xHH…". */
json_t *logprobs_text(void);
void logprobs_text_add(json_t *object, const struct logprobs_run *run,
                       const struct tokenizer *tokenizer, bool names, size_t *offset);

#endif
