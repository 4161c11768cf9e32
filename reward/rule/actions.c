/* Reading goes through the text and tries JSON wherever a brace or bracket opens; a value that
 * is a call, or a list of them, counts, and the scan goes on behind it, so words around and
 * between do not matter. The tries are bounded, since a text of nothing but braces would be
 * parsed from each of them. Scoring is a table of every call against every gold call and an
 * alignment over it: in order a longest common subsequence with weights, else each gold call
 * takes the best call that is left. */

#include "reward/rule/actions.h"

#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* One call in any of its forms, appended; false when it is none. OpenAI's has the call under
 * "function", with arguments as a text of JSON. */
static bool take_call(json_t *out, const json_t *call)
{
    const json_t *function = json_object_get(call, "function");
    json_t *name, *args = NULL, *parsed = NULL;
    static const char *const keys[] = {"args", "arguments", "parameters"};

    if (json_is_object(function))
        call = function;
    name = json_object_get(call, "tool");
    if (!name)
        name = json_object_get(call, "name");
    for (int i = 0; i < 3 && !args; i++)
        args = json_object_get(call, keys[i]);
    if (!json_is_string(name) || json_array_size(out) >= ACTIONS_MAX)
        return false;
    if (json_is_string(args))
        parsed = json_loads(json_string_value(args), JSON_REJECT_DUPLICATES, NULL);
    else
        parsed = args && !json_is_null(args) ? json_incref(args) : json_object();
    if (json_is_object(parsed))
        json_array_append_new(out, json_pack("{s:O,s:O}", "tool", name, "args", parsed));
    json_decref(parsed);
    return parsed != NULL;
}

/* A call, or a list of calls; true when all of it was. */
static bool take_value(json_t *out, const json_t *value)
{
    bool all = json_array_size(value) > 0;
    size_t i;
    json_t *item;

    if (json_is_object(value))
        return take_call(out, value);
    json_array_foreach(value, i, item) all = take_call(out, item) && all;
    return all;
}

json_t *actions_read(const char *text, size_t *broken)
{
    json_t *out = json_array();
    size_t bad = 0, left = strlen(text), tries = 0;

    if (left > ACTIONS_BYTES_MAX)
        left = 0; /* no answer is that long: as if it called nothing */
    while (left && tries < ACTIONS_TRIES) {
        json_error_t why;
        json_t *value = NULL;
        if (*text == '{' || *text == '[') {
            tries++;
            value =
                json_loadb(text, left, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &why);
        }
        if (value) {
            take_value(out, value);
            json_decref(value);
            text += why.position;
            left -= (size_t)why.position;
            continue;
        }
        /* what begins like a call and is none */
        bad += left > 2 && (!strncmp(text, "{\"tool\"", 7) || !strncmp(text, "{\"name\"", 7));
        text++;
        left--;
    }
    if (broken)
        *broken = bad;
    return out;
}

/* 1 and 1.0 are the same argument: models do not know which a schema wants. */
static bool equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return !(json_number_value(a) < json_number_value(b)) &&
               !(json_number_value(a) > json_number_value(b));
    return json_equal(a, b);
}

static bool members_fit(const json_t *value, const json_t *any);

/* Is `value` among the acceptable? An object among them lists its own members' values. NULL: is
 * leaving it out? */
static bool fits(const json_t *value, const json_t *list)
{
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item) if (value ? equal(value, item) || members_fit(value, item)
                                                : json_is_string(item) &&
                                                      !json_string_length(item)) return true;
    return false;
}

/* An object argument: each member acceptable, and none left out that may not be. */
static bool members_fit(const json_t *value, const json_t *any)
{
    const char *name;
    json_t *member;

    if (!json_is_object(value) || !json_is_object(any))
        return false;
    json_object_foreach((json_t *)(uintptr_t)value, name,
                        member) if (!fits(member, json_object_get(any, name))) return false;
    json_object_foreach((json_t *)(uintptr_t)any, name,
                        member) if (!json_object_get(value, name) &&
                                    !fits(NULL, member)) return false;
    return true;
}

/* The share of the arguments that is right, of those that either side has; the name alone is
 * half. */
static double one_score(const json_t *made, const json_t *gold)
{
    const json_t *args = json_object_get(made, "args"), *any = json_object_get(gold, "any");
    const json_t *want = any ? any : json_object_get(gold, "args");
    const char *name;
    json_t *value;
    double right = 0, all = 0;

    if (!json_equal(json_object_get(made, "tool"), json_object_get(gold, "tool")))
        return 0;
    json_object_foreach((json_t *)(uintptr_t)want, name, value)
    {
        const json_t *given = json_object_get(args, name);
        if (!given && any && fits(NULL, value))
            continue; /* may be left out, and is */
        all++;
        right += given && (any ? fits(given, value) : equal(given, value));
    }
    json_object_foreach((json_t *)(uintptr_t)args, name, value) all +=
        !json_object_get(want, name);
    return all > 0 ? .5 + .5 * right / all : 1;
}

/* best[i][k]: of the first i calls and the first k gold ones. */
static double in_order(const double *score, size_t m, size_t g)
{
    double *best = mem_new((m + 1) * (g + 1), sizeof *best), out;

    for (size_t i = 1; i <= m; i++)
        for (size_t k = 1; k <= g; k++) {
            const double with = best[(i - 1) * (g + 1) + k - 1] + score[(i - 1) * g + k - 1];
            const double up = best[(i - 1) * (g + 1) + k], left = best[i * (g + 1) + k - 1];
            const double rest = up > left ? up : left;
            best[i * (g + 1) + k] = with > rest ? with : rest;
        }
    out = best[m * (g + 1) + g];
    free(best);
    return out;
}

/* Greedy: gold calls in their order take the best call that no other has taken. */
static double any_order(const double *score, size_t m, size_t g)
{
    bool *used = mem_new(m + 1, sizeof *used);
    double sum = 0;

    for (size_t k = 0; k < g; k++) {
        size_t best = m;
        for (size_t i = 0; i < m; i++)
            if (!used[i] && score[i * g + k] > (best < m ? score[best * g + k] : 0))
                best = i;
        if (best < m) {
            used[best] = true;
            sum += score[best * g + k];
        }
    }
    free(used);
    return sum;
}

double actions_score(const json_t *made, const json_t *gold, bool order)
{
    const size_t m = json_array_size(made), n = json_array_size(gold);
    const size_t g = n < ACTIONS_MAX ? n : ACTIONS_MAX;
    double *score = mem_new(m * g + 1, sizeof *score), sum;

    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k < g; k++)
            score[i * g + k] = one_score(json_array_get(made, i), json_array_get(gold, k));
    sum = order ? in_order(score, m, g) : any_order(score, m, g);
    free(score);
    if (!m && !n)
        return 1;
    return sum / (double)(m > n ? m : n);
}
