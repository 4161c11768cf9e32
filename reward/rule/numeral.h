/* numeral: a text in the small alphabet that number.c reads.
 *
 * ASCII, in which digits of any script, minus signs, times, slashes, points and commas stand as
 * their ASCII kin, currencies as $, superscripts as ^ and digits, 10**3 as 10^3, vulgar
 * fractions as NUMERAL_FRAC{1}{2}; LaTeX's \times, \cdot, \frac, \sqrt, \pi, {,} and spaces as
 * what they mean. What has no width is left out. */

#ifndef REWARD_RULE_NUMERAL_H
#define REWARD_RULE_NUMERAL_H

enum {
    NUMERAL_THIN = 1,  /* a space that does not break: between groups */
    NUMERAL_FRAC = 2,  /* two arguments follow */
    NUMERAL_ROOT = 3,  /* a root or pi */
    NUMERAL_OTHER = 4, /* any other character */
};

/* free() it. */
char *numeral_text(const char *text);

#endif
