/* Rule length: how long an answer is, in the policy's tokens, in words between blanks or in
 * characters, against a target (a slope, for the methods that need one) or between two bounds
 * (right or wrong). Tokens come from the caller: the rule does not know the tokenizer. */

#include "base/mem.h"
#include "reward/entry.h"
#include "reward/rule/rule_kind.h"

#include <ctype.h>
#include <math.h>

enum { COUNT_TOKENS, COUNT_WORDS, COUNT_CHARACTERS };

struct rule_length {
    int unit;
    double min, max, target; /* NAN: not given */
};

static enum err read_length(void **own, const json_t *spec)
{
    static const char *const units[] = {"tokens", "words", "characters"};
    struct rule_length *l = *own = mem_new(1, sizeof *l);
    enum err err;

    l->min = l->max = l->target = NAN;
    err = entry_word(&l->unit, spec, "unit", units, 3);
    if (!err)
        err = entry_least(&l->min, spec, "min", 0);
    if (!err)
        err = entry_least(&l->max, spec, "max", 0);
    if (!err)
        err = entry_least(&l->target, spec, "target", 1);
    if (err)
        return err;
    if (isnan(l->target) && isnan(l->min) && isnan(l->max))
        return err_set(ERR_PARSE, "rule length needs `target`, or `min` and `max`");
    if (!isnan(l->target) && !(isnan(l->min) && isnan(l->max)))
        return err_set(ERR_PARSE, "rule length takes `target`, or `min` and `max`, not both");
    if (l->min > l->max)
        return err_set(ERR_RANGE, "min: %g is more than max, %g", l->min, l->max);
    return OK;
}

/* Words and characters are counted in one pass over bytes: a word begins behind a blank. */
static double length_of(const struct rule_length *l, const struct rule_answer *answer)
{
    size_t n = 0;

    if (l->unit == COUNT_TOKENS)
        return (double)answer->tokens;
    for (const char *p = answer->text; *p; p++) {
        const bool starts =
            !isspace((unsigned char)*p) && (p == answer->text || isspace((unsigned char)p[-1]));
        n += l->unit == COUNT_WORDS ? starts : (*p & 0xC0) != 0x80; /* UTF-8's first bytes */
    }
    return (double)n;
}

static float score(const void *own, const struct rule_answer *answer)
{
    const struct rule_length *l = own;
    const double n = length_of(l, answer);

    if (l->target > 0)
        return (float)(-fabs(n - l->target) / l->target);
    return (isnan(l->min) || n >= l->min) && (isnan(l->max) || n <= l->max) ? 1.0f : 0.0f;
}

static bool binary(const void *own)
{
    return isnan(((const struct rule_length *)own)->target);
}

static const char *const keys[] = {"min", "max", "target", "unit", NULL};
const struct rule_kind rule_length = {
    .name = "length", .keys = keys, .read = read_length, .score = score, .binary = binary};
