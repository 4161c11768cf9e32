/* prompt_score: log-probabilities of a prompt's own tokens, in pieces, between which others decode.
 *
 * The same bits as `drover score` gives: temperature 1, whole softmax. */

#ifndef SERVE_PROMPT_SCORE_H
#define SERVE_PROMPT_SCORE_H

#include "lm/gen/generate.h"
#include "lm/model/forward.h"

struct prompt_score;

/* For prompts of up to `length` tokens. Errors: ERR_RANGE, ERR_NOMEM. */
enum err prompt_score_new(struct prompt_score **out, const struct shape *shape,
                          int length) MUST_CHECK;
void prompt_score_free(struct prompt_score *score);

/* The token behind the prompt whose last piece is done, drawn as the generator draws it: the same
 * bits, without a second pass over the prompt. Errors: ERR_RANGE (logits that are not numbers). */
enum err prompt_score_draw(struct prompt_score *score, const struct generate_job *job,
                           int sample, struct generate_token *out,
                           struct sample_top *best) MUST_CHECK;

/* One piece of ids [n] from token *at on, which it moves; all is done when *at is n. Between the
 * pieces of one prompt no other may come. logprob [n] of token i given those before it, 0 of the
 * first; best [n, k] the k likeliest in its place, none of the first.
 * Errors: ERR_RANGE (logits that are not numbers). */
enum err prompt_score_piece(struct prompt_score *score, const struct model *model,
                            const int *ids, int n, int *at, float *logprob,
                            struct sample_top *best, int k) MUST_CHECK;

#endif
