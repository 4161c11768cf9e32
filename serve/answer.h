/* answer: what a request gets, as JSON text. */

#ifndef SERVE_ANSWER_H
#define SERVE_ANSWER_H

#include "serve/job.h"

/* A job that is done, whole. Errors: ERR_RANGE (what has no words in JSON). *text is freed with
 * free(). */
enum err answer_whole(char **text, const struct job *job,
                      const struct ask_model *model) MUST_CHECK;

/* {"error": {"message", "type", "param", "code"}}, freed with free(). param, code: NULL or a word.
 * type follows the status. */
char *answer_error(unsigned status, const char *message, const char *param, const char *code);

/* {"status": "ok"}, with the version's name where it is not "", and the fleet's state unless NULL. */
char *answer_health(const char *version, const char *fleet);

/* /v1/models, or the one model of it. */
char *answer_models(const struct ask_model *model, int64_t created_s, bool one);

/* ---- parts, for chunks.c */

/* The words of an answer's end: "stop", "length", "tool_calls". */
const char *answer_finish(const struct choice *choice, bool calls);

/* {"prompt_tokens", "completion_tokens", "total_tokens"} */
json_t *answer_usage(const struct job *job);

/* What every answer and chunk begins with: id, object, created, model. */
json_t *answer_head(const struct job *job, const struct ask_model *model, bool chunk);

/* The text of a prompt, as `echo` says it: special tokens are part of it. */
json_t *answer_prompt_text(const struct job *job, int i, const struct tokenizer *tokenizer);

/* Log-probabilities of an answer's tokens from `from` on, with those of its prompt before them
 * where these are told; null where none were asked for. *offset: characters before it. */
json_t *answer_logprobs(const struct job *job, int i, int from, bool prompt,
                        const struct tokenizer *tokenizer, size_t *offset);

#endif
