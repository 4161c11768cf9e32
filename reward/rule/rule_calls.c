/* Rule calls: the tool calls that an answer makes against those it should have made
 * (actions.h): the share that is right, or 1 and 0. A call whose JSON cannot be read is a call
 * that was not made: of `credit: exact` nothing is right then. */

#include "base/mem.h"
#include "reward/entry.h"
#include "reward/rule/actions.h"
#include "reward/rule/rule_kind.h"

struct rule_calls {
    int any_order, whole;
};

static enum err read_calls(void **own, const json_t *spec)
{
    static const char *const orders[] = {"true", "false"}, *const credits[] = {"share",
                                                                               "exact"};
    struct rule_calls *c = *own = mem_new(1, sizeof *c);
    const enum err err = entry_word(&c->any_order, spec, "order", orders, 2);

    return err ? err : entry_word(&c->whole, spec, "credit", credits, 2);
}

static float score(const void *own, const struct rule_answer *answer)
{
    const struct rule_calls *c = own;
    size_t broken;
    json_t *made = actions_read(answer->text, &broken);
    const double share = actions_score(made, answer->value, !c->any_order);

    json_decref(made);
    if (c->whole)
        return !broken && share > 1 - 1e-9 ? 1.0f : 0.0f;
    return (float)share;
}

static bool binary(const void *own)
{
    return ((const struct rule_calls *)own)->whole;
}

static bool is_list(const json_t *value)
{
    return json_is_array(value);
}

static const char *const keys[] = {"order", "credit", NULL};
const struct rule_kind rule_calls = {.name = "calls",
                                     .keys = keys,
                                     .column = true,
                                     .read = read_calls,
                                     .score = score,
                                     .binary = binary,
                                     .fits = is_list,
                                     .wrong = "no list of calls",
                                     .with = " with a list of calls"};
