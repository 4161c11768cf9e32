/* Rules as rewards. A rule travels as JSON with sorted keys: the same rule, the same scorer. It
 * is made once while the configuration is read, to see whether it can be: a pattern that is
 * none must not wait for the first answer. The rewarder makes it again for each ticket, which
 * costs less than the message did. */

#include "base/mem.h"
#include "reward/batch.h"
#include "reward/entry.h"
#include "reward/reward.h"
#include "reward/reward_kind.h"
#include "reward/rule/rule.h"

#include <stdlib.h>
#include <string.h>

static bool knows(const char *key, bool alone)
{
    (void)alone;
    return rule_knows(key);
}

static const char *name(const json_t *entry)
{
    return entry_text(entry, "rule");
}

/* In a list, what is not the rule's (weight, timeout, ...) was read by others; alone, a rule
 * refuses it. */
static enum err read_rule(struct reward *to, const json_t *entry, bool alone)
{
    json_t *spec = json_object(), *value;
    struct rule *rule = NULL;
    const char *key;
    enum err err;

    json_object_foreach((json_t *)(uintptr_t)entry, key, value)
    {
        if (alone || rule_knows(key))
            json_object_set(spec, key, value);
    }
    err = rule_new(&rule, spec);
    to->spec = json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS);
    if (!err && rule_column(rule))
        to->column = mem_text(rule_column(rule));
    json_decref(spec);
    rule_free(rule);
    return err;
}

static enum err column(const struct reward *reward, const json_t *meta, const char **lacks)
{
    const json_t *value = json_object_get(meta, reward->column);
    const char *wrong = NULL;
    struct rule *rule;
    enum err err = rule_parse(&rule, reward->spec);

    *lacks = NULL;
    if (err)
        return err;
    wrong = rule_column_wrong(rule, value);
    if (!wrong)
        *lacks = rule_column_lacks(rule, value);
    rule_free(rule);
    return wrong ? err_set(ERR_RANGE, "a reward rule reads column '%s': missing, or %s",
                           reward->column, wrong)
                 : OK;
}

static enum err score(struct reward_batch *batch, const struct reward_model *model)
{
    struct rule *rule;
    enum err err = rule_parse(&rule, batch->spec);

    (void)model;
    for (uint32_t i = 0; i < batch->n_item && !err; i++) {
        const struct reward_item *it = &batch->item[i];
        batch->each[i] = 1;
        batch->bad = i;
        err = rule_score(rule, it->text, (size_t)it->n_answer, it->meta, &batch->value[i]);
    }
    batch->n_value = batch->n_item;
    rule_free(rule);
    return err;
}

/* A spec that is none was refused where it was read. */
static bool binary(const char *spec)
{
    struct rule *rule;
    const bool is = !rule_parse(&rule, spec) && rule_binary(rule);

    rule_free(rule);
    return is;
}

const struct reward_kind kind_rule = {.number = SCORER_RULE,
                                      .word = "rule",
                                      .whose = "a rule",
                                      .text = true,
                                      .knows = knows,
                                      .name = name,
                                      .read = read_rule,
                                      .column = column,
                                      .score = score,
                                      .binary = binary};
