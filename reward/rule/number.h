/* number: the number that an answer gives.
 *
 * Where it stands, the later of the first two if both are there:
 *   1. a line `#### N` (GSM8K, Cobbe et al. 2021, arXiv:2110.14168): N and at most a unit
 *   2. the last \boxed{...} (MATH, Hendrycks et al. 2021, arXiv:2103.03874): its last number;
 *      a box without one gives none
 *   3. else the last number of the text.
 *
 * What a number is:
 *   digits     of any script (3, ３, ٣); .5, 5.; the period behind 5. ends the sentence
 *   sign       - + or U+2212 and its kin, touching the number or its currency: -$5, $-5. Behind
 *              a letter, a digit or a closing bracket it is a dash or an operator: 10-3 gives 3
 *   groups     of three behind one to three: 1,234 1 234 (also no-break and thin spaces,
 *              LaTeX's \, and {,}) 1_234 1'234 1.234.567; Indian 12,34,567
 *   comma      groups of three are thousands (1,234 is 1234); else it is a decimal comma (3,14
 *              and 0,500), as in 1.234,56 and 1 234,56. With several it lists: 1,2,3 gives 3
 *   period     a decimal point where there is one (1.234 is 1.234); 1.2.3 is no number
 *   fraction   3/4, 3 / 4, ½, 3⁄4, \frac{3}{4}, with a whole part 1 1/2, 1½; not by 0, and
 *              a/b/c is a date
 *   powers     1e3, 1.5×10³, 1.5*10^3, \times 10^{3}, 2^5, 10**3
 *   words      5 thousand, million, billion, trillion
 *   units      and currency stay out of it: $5, 5 kg, 5%, 50\% is 50
 *
 * No number: digits behind a letter or as its index (H2O, x_1, m^2), 10:30, what touches a root
 * or π (2√3), infinity. Sums and words (five) are not computed. */

#ifndef REWARD_RULE_NUMBER_H
#define REWARD_RULE_NUMBER_H

#include <stdbool.h>

/* Of UTF-8 text. False: it gives none, *out is as it was. Pure, linear in the text. */
bool number_read(const char *text, double *out);

/* Whole numbers are the same when they are equal, others within tolerance times |wanted|. */
bool number_same(double said, double wanted, double tolerance);

#endif
