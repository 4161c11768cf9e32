#define PCRE2_CODE_UNIT_WIDTH 8
#include "reward/rule/rule.h"

#include "base/mem.h"
#include "reward/rule/actions.h"
#include "reward/rule/number.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { RULE_REGEX, RULE_LENGTH, RULE_EXACT, RULE_NUMBER, RULE_CALLS };
enum unit { UNIT_TOKENS, UNIT_WORDS, UNIT_CHARACTERS };

struct rule {
    enum kind kind;
    char *column;
    pcre2_code *pattern;
    pcre2_match_context *limits;
    enum unit unit;
    double min, max, target; /* NAN: not given */
    double tolerance;
    bool order, whole; /* RULE_CALLS */
};

const char *const rule_keys[RULE_KEYS] = {"rule",   "pattern", "column", "min",    "max",
                                          "target", "unit",    "order",  "credit", "tolerance"};

static const char *const kinds[] = {"regex", "length", "exact", "number", "calls"};

/* Which rules a key is for, as bits of 1 << kind. */
static const struct {
    const char *key;
    unsigned kinds;
} belongs[] = {
    {"pattern", 1U << RULE_REGEX},
    {"column", 1U << RULE_EXACT | 1U << RULE_NUMBER | 1U << RULE_CALLS},
    {"min", 1U << RULE_LENGTH},
    {"max", 1U << RULE_LENGTH},
    {"target", 1U << RULE_LENGTH},
    {"unit", 1U << RULE_LENGTH},
    {"order", 1U << RULE_CALLS},
    {"credit", 1U << RULE_CALLS},
    {"tolerance", 1U << RULE_NUMBER},
};

static const char *text_of(const json_t *spec, const char *key)
{
    const char *text = json_string_value(json_object_get(spec, key));

    return text ? text : "";
}

/* Configuration values are strings, whatever they look like. */
static enum err real_of(double *out, const json_t *spec, const char *key, double low)
{
    const json_t *value = json_object_get(spec, key);
    const char *text = text_of(spec, key);
    char *end = NULL;
    double real;

    if (!value)
        return OK;
    real = json_is_number(value) ? json_number_value(value) : strtod(text, &end);
    if (!json_is_number(value) && (end == text || *end))
        real = NAN;
    if (!isfinite(real))
        return err_set(ERR_PARSE, "%s: not a number", key);
    if (real < low)
        return err_set(ERR_RANGE, "%s: %g is less than %g", key, real, low);
    *out = real;
    return OK;
}

static enum err word(int *out, const char *text, const char *const *words, int n,
                     const char *key)
{
    char known[80] = "";
    size_t at = 0;

    for (*out = 0; *out < n; ++*out) {
        if (!strcmp(text, words[*out]))
            return OK;
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", *out ? ", " : "",
                               words[*out]);
    }
    return err_set(ERR_RANGE, "%s '%s': known are %s", key, text, known);
}

/* The word at `key`, the first when there is none. */
static enum err word_at(int *out, const json_t *spec, const char *const *words, int n,
                        const char *key)
{
    const json_t *value = json_object_get(spec, key);
    const char *text = json_is_true(value) ? "true" : json_is_false(value) ? "false" : NULL;

    *out = 0;
    return value ? word(out, text ? text : text_of(spec, key), words, n, key) : OK;
}

static enum err compile(struct rule *rule, const char *pattern)
{
    PCRE2_UCHAR words[160];
    PCRE2_SIZE at;
    int code;

    if (!*pattern)
        return err_set(ERR_PARSE, "rule regex needs `pattern`");
    rule->pattern = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                  PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
    if (!rule->pattern) {
        pcre2_get_error_message(code, words, sizeof words);
        return err_set(ERR_PARSE, "pattern '%.80s': %s at %zu", pattern, (const char *)words,
                       at);
    }
    rule->limits = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(rule->limits, 1000000);
    pcre2_set_depth_limit(rule->limits, 1000);
    return OK;
}

/* A key that no rule knows, or that goes with another one, would count for nothing. */
static enum err known_keys(enum kind kind, const json_t *spec)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)spec, key, value)
    {
        bool known = !strcmp(key, "rule") || !strcmp(key, "name");
        for (size_t i = 0; i < sizeof belongs / sizeof *belongs && !known; i++) {
            known = !strcmp(key, belongs[i].key);
            if (known && !(belongs[i].kinds >> kind & 1))
                return err_set(ERR_PARSE, "%s: is not for rule %s", key, kinds[kind]);
        }
        if (!known)
            return err_set(ERR_PARSE, "'%s': no such key of a rule", key);
    }
    return OK;
}

static enum err read_length(struct rule *rule, const json_t *spec)
{
    static const char *const units[] = {"tokens", "words", "characters"};
    int unit;
    enum err err = word_at(&unit, spec, units, 3, "unit");

    rule->min = rule->max = rule->target = NAN;
    rule->unit = (enum unit)unit;
    if (!err)
        err = real_of(&rule->min, spec, "min", 0);
    if (!err)
        err = real_of(&rule->max, spec, "max", 0);
    if (!err)
        err = real_of(&rule->target, spec, "target", 1);
    if (err)
        return err;
    if (isnan(rule->target) && isnan(rule->min) && isnan(rule->max))
        return err_set(ERR_PARSE, "rule length needs `target`, or `min` and `max`");
    if (!isnan(rule->target) && !(isnan(rule->min) && isnan(rule->max)))
        return err_set(ERR_PARSE, "rule length takes `target`, or `min` and `max`, not both");
    if (rule->min > rule->max)
        return err_set(ERR_RANGE, "min: %g is more than max, %g", rule->min, rule->max);
    return OK;
}

static enum err read_spec(struct rule *rule, const json_t *spec)
{
    static const char *const orders[] = {"true", "false"}, *const credits[] = {"share",
                                                                               "exact"};
    int kind = 0, order = 0, credit = 0;
    enum err err = word(&kind, text_of(spec, "rule"), kinds, 5, "rule");

    rule->kind = (enum kind)kind;
    rule->column = mem_text(text_of(spec, "column"));
    rule->tolerance = 1e-6;
    if (!err)
        err = known_keys(rule->kind, spec);
    if (!err)
        err = real_of(&rule->tolerance, spec, "tolerance", 0);
    if (!err)
        err = word_at(&order, spec, orders, 2, "order");
    if (!err)
        err = word_at(&credit, spec, credits, 2, "credit");
    if (err)
        return err;
    rule->order = !order;
    rule->whole = credit;
    if (rule->kind == RULE_REGEX)
        return compile(rule, text_of(spec, "pattern"));
    if (rule->kind == RULE_LENGTH)
        return read_length(rule, spec);
    if (!*rule->column)
        return err_set(ERR_PARSE,
                       "rule %s needs `column`: the record's column that it compares",
                       kinds[kind]);
    return OK;
}

enum err rule_new(struct rule **out, const char *spec)
{
    json_t *tree = json_loads(spec, 0, NULL);
    enum err err;

    *out = NULL;
    if (!json_is_object(tree)) {
        json_decref(tree);
        return err_set(ERR_PARSE, "a rule is a JSON object");
    }
    *out = mem_new(1, sizeof **out);
    err = read_spec(*out, tree);
    json_decref(tree);
    if (err) {
        rule_free(*out);
        *out = NULL;
    }
    return err;
}

void rule_free(struct rule *rule)
{
    if (!rule)
        return;
    free(rule->column);
    pcre2_code_free(rule->pattern);
    pcre2_match_context_free(rule->limits);
    free(rule);
}

bool rule_binary(const struct rule *rule)
{
    return !(rule->kind == RULE_LENGTH && !isnan(rule->target)) &&
           !(rule->kind == RULE_CALLS && !rule->whole);
}

static float regex_score(const struct rule *rule, const char *text)
{
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(rule->pattern, NULL);
    const int code =
        pcre2_match(rule->pattern, (PCRE2_SPTR)text, strlen(text), 0, 0, data, rule->limits);

    pcre2_match_data_free(data);
    return code >= 0 ? 1.0f : 0.0f; /* no match, or a pattern that ran away: both are no */
}

static double length_of(const struct rule *rule, const char *text, size_t tokens)
{
    size_t n = 0;

    if (rule->unit == UNIT_TOKENS)
        return (double)tokens;
    for (const char *p = text; *p; p++) {
        const bool starts =
            !isspace((unsigned char)*p) && (p == text || isspace((unsigned char)p[-1]));
        n += rule->unit == UNIT_WORDS ? starts : (*p & 0xC0) != 0x80;
    }
    return (double)n;
}

static float length_score(const struct rule *rule, double n)
{
    if (rule->target > 0)
        return (float)(-fabs(n - rule->target) / rule->target);
    return (isnan(rule->min) || n >= rule->min) && (isnan(rule->max) || n <= rule->max) ? 1.0f
                                                                                        : 0.0f;
}

static bool same_trimmed(const char *a, const char *b)
{
    size_t n, m;

    a += strspn(a, " \t\r\n");
    b += strspn(b, " \t\r\n");
    for (n = strlen(a); n && isspace((unsigned char)a[n - 1]);)
        n--;
    for (m = strlen(b); m && isspace((unsigned char)b[m - 1]);)
        m--;
    return n == m && !memcmp(a, b, n);
}

/* The column's number; a text's is read like an answer's. */
static bool wanted_number(const json_t *value, double *out)
{
    if (!json_is_number(value))
        return number_read(json_string_value(value), out);
    *out = json_number_value(value);
    return true;
}

static float number_score(const struct rule *rule, const char *text, const json_t *value)
{
    double said, wanted;

    if (!number_read(text, &said) || !wanted_number(value, &wanted))
        return 0.0f;
    return number_same(said, wanted, rule->tolerance) ? 1.0f : 0.0f;
}

/* A call that cannot be read is a call that was not made: of the whole, nothing is right. */
static float calls_score(const struct rule *rule, const char *text, const json_t *gold)
{
    size_t broken;
    json_t *made = actions_read(text, &broken);
    const double share = actions_score(made, gold, rule->order);

    json_decref(made);
    if (rule->whole)
        return !broken && share > 1 - 1e-9 ? 1.0f : 0.0f;
    return (float)share;
}

static enum err column_score(const struct rule *rule, const char *text, const char *meta,
                             float *score)
{
    json_t *columns = json_loads(meta && *meta ? meta : "{}", 0, NULL);
    const json_t *value = json_object_get(columns, rule->column);
    char number[64] = "";
    const char *column = json_string_value(value);
    enum err err = OK;

    if (json_is_number(value) && rule->kind == RULE_EXACT) {
        snprintf(number, sizeof number, "%.15g", json_number_value(value));
        column = number;
    }
    if (rule->kind == RULE_CALLS && json_is_array(value))
        *score = calls_score(rule, text, value);
    else if (rule->kind == RULE_NUMBER && (column || json_is_number(value)))
        *score = number_score(rule, text, value);
    else if (rule->kind == RULE_EXACT && column)
        *score = same_trimmed(text, column) ? 1.0f : 0.0f;
    else
        err = err_set(ERR_RANGE, "the record has no column '%s'%s", rule->column,
                      rule->kind == RULE_CALLS ? " with a list of calls" : "");
    json_decref(columns);
    return err;
}

enum err rule_score(const struct rule *rule, const char *text, size_t tokens, const char *meta,
                    float *score)
{
    if (rule->kind == RULE_REGEX)
        *score = regex_score(rule, text);
    else if (rule->kind == RULE_LENGTH)
        *score = length_score(rule, length_of(rule, text, tokens));
    else
        return column_score(rule, text, meta, score);
    return OK;
}
