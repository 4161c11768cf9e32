/* words: how probable each of a few words is as the next thing a model says.
 *
 *   p[i] = P(tokens of word i | text) / sum over the words
 *
 * Text and word are encoded together, so a word that merges with what stands before it is read
 * as the model would see it. The text runs through the model once. */

#ifndef REWARD_JUDGE_WORDS_H
#define REWARD_JUDGE_WORDS_H

#include "base/err.h"

struct encode;
struct model;
struct words;

/* Borrows both. */
enum err words_new(struct words **out, const struct model *model,
                   const struct encode *encode) MUST_CHECK;
void words_free(struct words *words); /* NULL is fine */

/* p [n] out. `gap` stands between text and word. Errors: ERR_RANGE when text and word do not
 * fit the context, or the tokens of one word begin those of another ("1" and "10"). */
enum err words_read(struct words *words, const char *text, const char *gap,
                    const char *const *word, int n, double *p) MUST_CHECK;

#endif
