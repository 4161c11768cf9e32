/* verdict: a judge's own words as a verdict, or as none.
 *
 * Strict: blanks around it aside, a line is a verdict if it is one of the allowed words and
 * nothing else, or a JSON object with such a word (or number) under "verdict" (for scores also
 * "score"). The first such line counts; anything else is no verdict, never a guess. At most
 * VERDICT_LINES lines of VERDICT_BYTES bytes are looked at. */

#ifndef REWARD_JUDGE_VERDICT_H
#define REWARD_JUDGE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

enum { VERDICT_LINES = 64, VERDICT_BYTES = 4096 };

/* Index of the word, -1 if there is none. text need not end in zero. */
int verdict_word(const char *text, size_t n, const char *const *word, int n_word);

/* A decimal number from low to high: digits, maybe with a sign, a point and more digits. */
bool verdict_score(double *out, const char *text, size_t n, double low, double high);

#endif
