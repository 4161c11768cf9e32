/* The one table of rules, and what all of them share: which keys go with which rule, the column
 * of the record that some compare with, and the errors about both. rule_new runs once a
 * configuration (so that a mistake does not wait for the first answer) and once a ticket in the
 * rewarder; rule_score runs once an answer. A rule itself is a file rule_NAME.c: it reads its
 * own keys into a struct that only it knows. */

#include "reward/rule/rule.h"

#include "base/mem.h"
#include "reward/entry.h"
#include "reward/rule/rule_kind.h"

#include <stdlib.h>
#include <string.h>

extern const struct rule_kind rule_regex, rule_length, rule_exact, rule_number, rule_calls,
    rule_repetition;
static const struct rule_kind *const kinds[] = {&rule_regex,  &rule_length, &rule_exact,
                                                &rule_number, &rule_calls,  &rule_repetition};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct rule {
    const struct rule_kind *kind;
    char *column; /* NULL: it reads none */
    void *own;
};

static bool reads(const struct rule_kind *kind, const char *key)
{
    for (const char *const *own = kind->keys; *own; own++)
        if (!strcmp(*own, key))
            return true;
    return kind->column && !strcmp(key, "column");
}

bool rule_knows(const char *key)
{
    bool known = !strcmp(key, "rule");

    for (int i = 0; i < KINDS && !known; i++)
        known = reads(kinds[i], key);
    return known;
}

/* An entry without `rule` is of another kind; a spec without it is nobody's. */
static enum err find(const struct rule_kind **out, const json_t *spec)
{
    const char *name[KINDS], *text = entry_text(spec, "rule");
    int i;
    enum err err;

    for (int k = 0; k < KINDS; k++)
        name[k] = kinds[k]->name;
    err = entry_find(&i, text ? text : "", "rule", name, KINDS);
    *out = err ? kinds[0] : kinds[i];
    return err;
}

/* A key that no rule knows, or that goes with another one, would count for nothing. */
static enum err known_keys(const struct rule_kind *kind, const json_t *spec)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)spec, key, value)
    {
        if (!strcmp(key, "name") || !strcmp(key, "rule") || reads(kind, key))
            continue;
        return rule_knows(key) ? err_set(ERR_PARSE, "%s: is not for rule %s", key, kind->name)
                               : err_set(ERR_PARSE, "'%s': no such key of a rule", key);
    }
    return OK;
}

static enum err read_column(struct rule *rule, const json_t *spec)
{
    const char *column = entry_text(spec, "column");

    if (!rule->kind->column)
        return OK;
    if (!column || !*column)
        return err_set(ERR_PARSE,
                       "rule %s needs `column`: the record's column that it compares",
                       rule->kind->name);
    rule->column = mem_text(column);
    return OK;
}

enum err rule_new(struct rule **out, const json_t *spec)
{
    struct rule *rule = mem_new(1, sizeof *rule);
    enum err err = find(&rule->kind, spec);

    *out = NULL;
    if (!err)
        err = known_keys(rule->kind, spec);
    if (!err && rule->kind->read)
        err = rule->kind->read(&rule->own, spec);
    if (!err)
        err = read_column(rule, spec);
    if (err)
        rule_free(rule);
    else
        *out = rule;
    return err;
}

enum err rule_parse(struct rule **out, const char *spec)
{
    json_t *tree = json_loads(spec, 0, NULL);
    enum err err;

    *out = NULL;
    err = json_is_object(tree) ? rule_new(out, tree)
                               : err_set(ERR_PARSE, "a rule is a JSON object");
    json_decref(tree);
    return err;
}

void rule_free(struct rule *rule)
{
    if (!rule)
        return;
    if (rule->kind->free && rule->own)
        rule->kind->free(rule->own);
    else
        free(rule->own);
    free(rule->column);
    free(rule);
}

bool rule_binary(const struct rule *rule)
{
    return !rule->kind->binary || rule->kind->binary(rule->own);
}

const char *rule_column(const struct rule *rule)
{
    return rule->column;
}

const char *rule_column_wrong(const struct rule *rule, const json_t *value)
{
    const struct rule_kind *kind = rule->kind;

    if (!rule->column)
        return NULL;
    if (kind->fits ? kind->fits(value) : json_is_string(value) || json_is_number(value))
        return NULL;
    return kind->wrong ? kind->wrong : "neither text nor a number";
}

const char *rule_column_lacks(const struct rule *rule, const json_t *value)
{
    const struct rule_kind *kind = rule->kind;

    return rule->column && kind->equal && !kind->equal(value) ? kind->lacks : NULL;
}

enum err rule_score(const struct rule *rule, const char *text, size_t tokens, const char *meta,
                    float *score)
{
    struct rule_answer answer = {text, tokens, NULL};
    json_t *columns = NULL;
    enum err err = OK;

    if (rule->column) { /* parsed only for who reads one: records may be large */
        columns = json_loads(meta && *meta ? meta : "{}", 0, NULL);
        answer.value = json_object_get(columns, rule->column);
    }
    if (rule_column_wrong(rule, answer.value))
        err = err_set(ERR_RANGE, "the record has no column '%s'%s", rule->column,
                      rule->kind->with ? rule->kind->with : "");
    else
        *score = rule->kind->score(rule->own, &answer);
    json_decref(columns);
    return err;
}
