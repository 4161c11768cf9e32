#define PCRE2_CODE_UNIT_WIDTH 8
#include "judge/rule.h"

#include "base/mem.h"
#include "judge/actions.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { RULE_REGEX, RULE_LENGTH, RULE_EXACT, RULE_NUMBER, RULE_CALLS };
enum unit { UNIT_CHARACTERS, UNIT_WORDS, UNIT_TOKENS };

struct rule {
    enum kind kind;
    char *column;
    pcre2_code *pattern;
    pcre2_match_context *limits;
    enum unit unit;
    double min, max, target; /* NAN: not given */
    bool order, whole;       /* RULE_CALLS */
};

/* Configuration values are strings, whatever they look like. */
static double real_of(const json_t *spec, const char *key)
{
    const json_t *value = json_object_get(spec, key);
    char *end = NULL;
    double real;

    if (json_is_number(value))
        return json_number_value(value);
    if (!json_is_string(value))
        return NAN;
    real = strtod(json_string_value(value), &end);
    return end == json_string_value(value) || *end ? NAN : real;
}

static const char *text_of(const json_t *spec, const char *key)
{
    const char *text = json_string_value(json_object_get(spec, key));

    return text ? text : "";
}

static enum err word(int *out, const char *text, const char *const *words, int n,
                     const char *key)
{
    for (*out = 0; *out < n; ++*out)
        if (!strcmp(text, words[*out]))
            return OK;
    return err_set(ERR_RANGE, "%s '%s': known are %s, %s, %s%s%s%s%s", key, text, words[0],
                   words[1], words[2], n > 3 ? ", " : "", n > 3 ? words[3] : "",
                   n > 4 ? ", " : "", n > 4 ? words[4] : "");
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

static enum err read_spec(struct rule *rule, const json_t *spec)
{
    static const char *const kinds[] = {"regex", "length", "exact", "number", "calls"};
    static const char *const units[] = {"characters", "words", "tokens"};
    int kind = 0, unit = 0;
    const char *said = text_of(spec, "unit");
    enum err err = word(&kind, text_of(spec, "rule"), kinds, 5, "rule");

    if (!err)
        err = word(&unit, *said ? said : "tokens", units, 3, "unit");
    if (err)
        return err;
    rule->kind = (enum kind)kind;
    rule->unit = (enum unit)unit;
    rule->column = mem_text(text_of(spec, "column"));
    rule->min = real_of(spec, "min");
    rule->max = real_of(spec, "max");
    rule->target = real_of(spec, "target");
    rule->order = strcmp(text_of(spec, "order"), "false") != 0;
    rule->whole = !strcmp(text_of(spec, "credit"), "exact");
    if (rule->kind == RULE_REGEX)
        return compile(rule, text_of(spec, "pattern"));
    if (rule->kind == RULE_LENGTH && !(rule->target > 0) && isnan(rule->min) &&
        isnan(rule->max))
        return err_set(ERR_PARSE, "rule length needs `target`, or `min` and `max`");
    if (rule->kind >= RULE_EXACT && !*rule->column)
        return err_set(ERR_PARSE, "rule %s needs `column`", kinds[kind]);
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

/* The number that starts at `p`, thousands separated by commas; NULL if none does. */
static const char *read_number(const char *p, double *out)
{
    char digits[64];
    size_t n = 0;
    bool point = false;

    if (*p == '-')
        digits[n++] = *p++;
    if (!isdigit((unsigned char)*p))
        return NULL;
    for (; n < sizeof digits - 1; p++) {
        if (isdigit((unsigned char)*p)) {
            digits[n++] = *p;
        } else if (*p == '.' && !point && isdigit((unsigned char)p[1])) {
            point = true;
            digits[n++] = *p;
        } else if (*p != ',' || point || !isdigit((unsigned char)p[1])) {
            break;
        }
    }
    digits[n] = 0;
    *out = strtod(digits, NULL);
    return p;
}

static bool last_number(const char *text, double *out)
{
    bool found = false;

    for (const char *p = text; *p;) {
        const bool sign = *p == '-' && p > text && isalnum((unsigned char)p[-1]); /* 3-4 */
        const char *end = sign ? NULL : read_number(p, out);
        found |= end != NULL;
        p = end ? end : p + 1;
    }
    return found;
}

static float number_score(const char *text, const char *column)
{
    double said, wanted;

    if (!last_number(text, &said) || !last_number(column, &wanted))
        return 0.0f;
    return fabs(said - wanted) <= 1e-6 * fmax(1.0, fabs(wanted)) ? 1.0f : 0.0f;
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

    if (rule->kind == RULE_CALLS && json_is_array(value)) {
        *score = calls_score(rule, text, value);
        json_decref(columns);
        return OK;
    }
    if (json_is_number(value)) {
        snprintf(number, sizeof number, "%.15g", json_number_value(value));
        column = number;
    }
    if (!column || rule->kind == RULE_CALLS)
        err = err_set(ERR_RANGE, "the record has no column '%s'%s", rule->column,
                      rule->kind == RULE_CALLS ? " with a list of calls" : "");
    else if (rule->kind == RULE_EXACT)
        *score = same_trimmed(text, column) ? 1.0f : 0.0f;
    else
        *score = number_score(text, column);
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
