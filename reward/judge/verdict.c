/* A scan over lines that stops at the first that is a verdict. Three readers try each: a word,
 * a number, an object; which of them can succeed follows from what is allowed (words, or a
 * scale). None looks inside a sentence: "A is better than B" names both, and a reader that
 * guesses would reward whoever teaches the judge to ramble. */

#include "reward/judge/verdict.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct verdict_allowed {
    const char *const *word;
    int n_word, found;
    double low, high, score;
};

static bool is_word(struct verdict_allowed *allowed, const char *text, size_t n)
{
    for (int i = 0; i < allowed->n_word; i++)
        if (strlen(allowed->word[i]) == n && !memcmp(allowed->word[i], text, n)) {
            allowed->found = i;
            return true;
        }
    return false;
}

static bool within(struct verdict_allowed *allowed, double value)
{
    allowed->score = value;
    return value >= allowed->low && value <= allowed->high;
}

/* Digits, maybe with a sign, a point and more digits: what verdict.h allows, and no more. */
static bool is_number(struct verdict_allowed *allowed, const char *text, size_t n)
{
    char copy[32];
    size_t at = 0, digits = 0;

    if (allowed->word || !n || n >= sizeof copy)
        return false;
    memcpy(copy, text,
           n); /* strtod wants an end, and reads more (inf, 0x1p3) than a score may be */
    copy[n] = 0;
    at += copy[0] == '-' || copy[0] == '+';
    digits = strspn(copy + at, "0123456789");
    at += digits;
    if (digits && copy[at] == '.' && strspn(copy + at + 1, "0123456789"))
        at += 1 + strspn(copy + at + 1, "0123456789");
    return digits && at == n && within(allowed, strtod(copy, NULL));
}

static bool is_value(struct verdict_allowed *allowed, const json_t *value)
{
    if (json_is_string(value) && allowed->word)
        return is_word(allowed, json_string_value(value), json_string_length(value));
    return json_is_number(value) && !allowed->word && within(allowed, json_number_value(value));
}

/* Models that were asked for JSON give it, with other members around. */
static bool is_object(struct verdict_allowed *allowed, const char *text, size_t n)
{
    json_t *object;
    bool is;

    if (*text != '{')
        return false;
    /* A key twice would leave it to the parser which verdict counts. */
    object = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
    is = is_value(allowed, json_object_get(object, "verdict")) ||
         is_value(allowed, json_object_get(object, "score"));
    json_decref(object);
    return is;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool scan(struct verdict_allowed *allowed, const char *text, size_t n)
{
    for (int line = 0; line < VERDICT_LINES && n; line++) {
        const char *stop = memchr(text, '\n', n), *from = text;
        const size_t all = stop ? (size_t)(stop - text) : n;
        const char *end = text + all;

        while (from < end && blank(*from))
            from++;
        while (end > from && blank(end[-1]))
            end--;
        if (end > from && end - from <= VERDICT_BYTES) {
            const size_t m = (size_t)(end - from);
            if (is_word(allowed, from, m) || is_number(allowed, from, m) ||
                is_object(allowed, from, m))
                return true;
        }
        text += all + (stop != NULL);
        n -= all + (stop != NULL);
    }
    return false;
}

int verdict_word(const char *text, size_t n, const char *const *word, int n_word)
{
    struct verdict_allowed allowed = {.word = word, .n_word = n_word};

    return scan(&allowed, text, n) ? allowed.found : -1;
}

bool verdict_score(double *out, const char *text, size_t n, double low, double high)
{
    struct verdict_allowed allowed = {.low = low, .high = high};
    const bool found = scan(&allowed, text, n);

    *out = found ? allowed.score : 0;
    return found;
}
