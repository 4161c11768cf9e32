/* Rule exact: the answer is the record's column, white space at both ends aside. A column that
 * is a number is compared as the shortest of its usual spellings, since its record did not say
 * how it would be written. */

#include "reward/rule/rule_kind.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Moves *text behind blanks; how long it is without those at its end. */
static size_t trimmed(const char **text)
{
    size_t n;

    *text += strspn(*text, " \t\r\n");
    for (n = strlen(*text); n && isspace((unsigned char)(*text)[n - 1]);)
        n--;
    return n;
}

static float score(const void *own, const struct rule_answer *answer)
{
    const char *said = answer->text, *wanted = json_string_value(answer->value);
    char number[64];
    size_t n, m;

    (void)own;
    if (!wanted) {
        snprintf(number, sizeof number, "%.15g", json_number_value(answer->value));
        wanted = number;
    }
    n = trimmed(&said);
    m = trimmed(&wanted);
    return n == m && !memcmp(said, wanted, n) ? 1.0f : 0.0f;
}

static const char *const keys[] = {NULL};
const struct rule_kind rule_exact = {
    .name = "exact", .keys = keys, .column = true, .score = score};
