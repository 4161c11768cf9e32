/* word_probs: how probable each of a few words is as the next thing a model says.
 *
 *   p[i] = P(tokens of word i | text) / sum over the words
 *
 * Text and word are encoded together, so a word that merges with what stands before it is read
 * as the model would see it. The text runs through the model once. */

#ifndef REWARD_JUDGE_WORD_PROBS_H
#define REWARD_JUDGE_WORD_PROBS_H

#include "base/err.h"

struct encode;
struct model;
struct word_probs;

/* Borrows both. Errors: ERR_NOMEM. */
enum err word_probs_new(struct word_probs **out, const struct model *model,
                        const struct encode *encode) MUST_CHECK;
void word_probs_free(struct word_probs *words); /* NULL is fine */

/* p [n] out. `gap` stands between text and word. Errors: ERR_RANGE when text and word do not
 * fit the context, or the tokens of one word begin those of another ("1" and "10"); ERR_PARSE
 * (not UTF-8); encode_prompt's; ERR_NOMEM. */
enum err word_probs_read(struct word_probs *words, const char *text, const char *gap,
                         const char *const *word, int n, double *p) MUST_CHECK;

#endif
