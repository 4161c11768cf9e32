/* Rule number: the number that the answer gives is the column's. What a number is, and which of
 * several counts, is number.h's; both sides are read by it, so that a column may hold a whole
 * solution (GSM8K's `answer`). An answer without a number is wrong. So is every answer to a
 * record whose column has none: that is the data's mistake, and `lacks` lets the readers of
 * data say so before anything is scored. */

#include "base/mem.h"
#include "reward/entry.h"
#include "reward/rule/number.h"
#include "reward/rule/rule_kind.h"

struct rule_number {
    double tolerance;
};

static enum err read_number(void **own, const json_t *spec)
{
    struct rule_number *n = *own = mem_new(1, sizeof *n);

    n->tolerance = 1e-6;
    return entry_least(&n->tolerance, spec, "tolerance", 0);
}

/* The column's number: one of JSON, or read like an answer's. */
static bool wanted_number(const json_t *value, double *out)
{
    if (!json_is_number(value))
        return number_read(json_string_value(value), out);
    *out = json_number_value(value);
    return true;
}

static float score(const void *own, const struct rule_answer *answer)
{
    const struct rule_number *n = own;
    double said, wanted;

    if (!number_read(answer->text, &said) || !wanted_number(answer->value, &wanted))
        return 0.0f;
    return number_same(said, wanted, n->tolerance) ? 1.0f : 0.0f;
}

static bool has_number(const json_t *value)
{
    double wanted;

    return wanted_number(value, &wanted);
}

static const char *const keys[] = {"tolerance", NULL};
const struct rule_kind rule_number = {.name = "number",
                                      .keys = keys,
                                      .column = true,
                                      .read = read_number,
                                      .score = score,
                                      .equal = has_number,
                                      .lacks = "no number"};
