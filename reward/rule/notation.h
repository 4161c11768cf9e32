/* notation: one number as it is written, in numeral.h's alphabet; number.h says what is one. */

#ifndef REWARD_RULE_NOTATION_H
#define REWARD_RULE_NOTATION_H

#include <stdbool.h>

struct notation {
    const char *end; /* behind it, also where it is no number */
    double value;
    bool ok;
};

/* The number at p, without a sign: p is at a digit, at a point before one, or at NUMERAL_FRAC.
 * listed: it stands behind "1,", so that no comma is its own. */
struct notation notation_read(const char *p, bool listed);

/* Behind spaces; {..}, if one opens at p; the exponent or index that begins at p. */
const char *notation_blank(const char *p);
const char *notation_past_brace(const char *p);
const char *notation_past_script(const char *p);

#endif
