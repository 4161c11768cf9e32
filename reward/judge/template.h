/* template: what a judge is asked, from a file of plain text with placeholders.
 *
 *     [system]      optional: the system message
 *     ...
 *     [user]        the question; lines before the first heading belong to it
 *     Question: {prompt}
 *     [assistant]   optional: how the judge's answer begins
 *     The better answer is
 *     [verdicts]    the words of a verdict, in order: first wins, second wins, and maybe a tie;
 *     A B           for scores the lowest and the highest whole number
 *
 * {prompt} {a} {b} {rubric} {principle} {critique} are replaced by what is asked about; another
 * {word} of small letters is an error, other braces are text. Names of a model's special tokens
 * within what is put in are broken up, so that an answer cannot speak as the judge. */

#ifndef REWARD_JUDGE_TEMPLATE_H
#define REWARD_JUDGE_TEMPLATE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct encode;
struct template;

enum template_slot {
    TEMPLATE_PROMPT,
    TEMPLATE_A,
    TEMPLATE_B,
    TEMPLATE_RUBRIC,
    TEMPLATE_PRINCIPLE,
    TEMPLATE_CRITIQUE,
    TEMPLATE_SLOTS,
};
enum { TEMPLATE_BYTES_MAX = 32 << 10, TEMPLATE_WORDS_MAX = 21, TEMPLATE_WORD = 32 };

/* `name` stands before the words of an error, with the line. Errors: ERR_PARSE (a placeholder
 * that is none, a verdict twice, no question), ERR_RANGE (too long, too many verdicts);
 * template_file: ERR_IO as well. */
enum err template_read(struct template **out, const char *text, size_t n,
                       const char *name) MUST_CHECK;
enum err template_file(struct template **out, const char *path) MUST_CHECK;
void template_free(struct template *template); /* NULL is fine */

const char *template_text(const struct template *template); /* as it was read */
bool template_has(const struct template *template, enum template_slot slot);
int template_words(const struct template *template); /* words under [verdicts] */
const char *template_word(const struct template *template, int i);
/* What stands between the opening of the answer and a verdict: " " after a word, else "". */
const char *template_gap(const struct template *template);

/* The judge's whole input, up to where its own words begin. slot [TEMPLATE_SLOTS]: texts, NULL
 * for "". A model without a chat template gets the parts as paragraphs. *text is freed with
 * free(). Errors: ERR_STATE (the model's chat template is of no use), encode_text's. */
enum err template_fill(const struct template *template, const char *const *slot,
                       const struct encode *encode, char **text, size_t *n) MUST_CHECK;

#endif
