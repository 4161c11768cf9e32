/* prm: what a process reward model thinks of each step of an answer: P(right), the sigmoid of
 * its value at the step's last token (lm/text/steps.h).
 *
 * Of a rollout the answer's bytes are cut at the separator, tokenised as the model was trained
 * and judged; a step's P(right) then stands at the policy's token that holds the last byte of
 * the step's separator, or of the answer: places are told by bytes, since steps tokenised apart
 * need not be the policy's tokens. */

#ifndef REWARD_PRM_H
#define REWARD_PRM_H

#include "lm/text/steps.h"

struct model;
struct reward_batch;
struct reward_model;

/* Fills batch->value with a value for each token of each answer: P(right) where a step ends, -1
 * elsewhere. batch->spec is {"separator": text, "max_prompt": tokens}. The policy's tokens must
 * be the model's. Errors: ERR_PARSE (spec, a prompt that is not UTF-8), steps_encode's,
 * forward_score's. */
enum err prm_score(struct reward_batch *batch, const struct reward_model *model) MUST_CHECK;

struct prm_rule {
    const char *separator; /* stands behind each step */
    int max_prompt;        /* last tokens of a prompt kept */
};
/* Reads a scorer's spec; *keep (json_decref it, also after an error) holds the separator's
 * text. Errors: ERR_PARSE. */
enum err prm_spec(struct prm_rule *out, json_t **keep, const char *spec) MUST_CHECK;

/* P(right) of each step: *p [*n], freed with free(). `solution` is a list of steps, or a text
 * that is cut at the separator: one of an empty text has no steps, and that is no error.
 * Errors: steps_encode's; ERR_RANGE when it does not fit the model's context. */
enum err prm_steps(double **p, int *n, const struct model *model, const struct encode *encode,
                   const struct prm_rule *rule, const json_t *prompt,
                   const json_t *solution) MUST_CHECK;

#endif
