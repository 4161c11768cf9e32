/* A number is read as long as it gets: digits with their groups, decimals and exponent; a
 * power; times a power of ten; a fraction; a word like million. Digits are copied without what
 * parts them and read by strtod. What looks like a number and is none (1.2.3, 10:30, 2^n) is
 * passed over whole: its pieces are no numbers either.
 *
 * Each function below reads one layer and calls the one beneath it: mixed (1 1/2, 3/4) over
 * scientific (1.5*10^3) over powered (2^5) over plain (1,234.5), in that order of binding. They
 * return where they stopped even when they found nothing. */

#include "reward/rule/notation.h"

#include "reward/rule/numeral.h"

#include <ctype.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 400, POWER_MAX = 400 }; /* beyond a double's range: longer ones are none */

static bool digit(const char *p)
{
    return isdigit((unsigned char)*p);
}

static bool letter(const char *p)
{
    return isalpha((unsigned char)*p);
}

static const char *run(const char *p)
{
    while (digit(p))
        p++;
    return p;
}

const char *notation_blank(const char *p)
{
    while (*p == ' ' || *p == NUMERAL_THIN)
        p++;
    return p;
}

/* ---- digits, groups, decimals */

/* Behind groups of three that `sep` parts, or NULL. No group begins with 0: 0,500 is a half. */
static const char *groups(const char *p, char sep)
{
    const char *q = run(p);
    int n = 0;

    if (*p == '0' || q - p < 1 || q - p > 3)
        return NULL;
    while (*q == sep && run(q + 1) == q + 4) {
        q += 4;
        n++;
    }
    if (sep != ' ' && sep != NUMERAL_THIN && *q == sep && digit(q + 1))
        return NULL; /* 1,234,5: a list, or nothing */
    if (sep == '.' && n == 1 && !(*q == ',' && digit(q + 1)))
        return NULL; /* 1.234 has a decimal point */
    return n ? q : NULL;
}

/* 12,34,567 */
static const char *groups_of_two(const char *p)
{
    const char *q = run(p);
    int n = 0;

    if (*p == '0' || q - p < 1 || q - p > 2)
        return NULL;
    for (; *q == ',' && run(q + 1) == q + 3; n++)
        q += 3;
    return n && *q == ',' && run(q + 1) == q + 4 ? q + 4 : NULL;
}

/* Behind the integer part; *sep: what parts its groups, 0 nothing. */
static const char *integer(const char *p, bool listed, char *sep)
{
    static const char seps[] = {',', '.', NUMERAL_THIN, ' ', '_', '\''};

    for (size_t i = listed; i < sizeof seps; i++) {
        const char *const end = groups(p, seps[i]);
        *sep = seps[i];
        if (end)
            return end;
    }
    *sep = ',';
    if (!listed && groups_of_two(p))
        return groups_of_two(p);
    *sep = 0;
    return run(p);
}

struct notation_digits {
    char text[DIGITS + 1];
    size_t n;
    bool bad; /* too long, or no number */
};

static void put(struct notation_digits *d, const char *from, const char *to)
{
    for (; from < to; from++) {
        if (!isalnum((unsigned char)*from) && !strchr(".+-", *from))
            continue;
        d->bad |= d->n == DIGITS;
        if (!d->bad)
            d->text[d->n++] = *from;
    }
}

/* A decimal point or comma at q, and digits behind it. */
static bool decimals(const char *q, char sep, bool listed)
{
    if (*q == '.')
        return sep != '.' && digit(q + 1);
    if (*q != ',' || sep == ',' || listed || !digit(q + 1))
        return false;
    q = run(q + 1);
    return !(*q == ',' && digit(q + 1)); /* a list */
}

/* Past the e-3 of 1e-3. */
static const char *past_e(const char *q)
{
    const char *e = q + 1;

    if (*q != 'e' && *q != 'E')
        return q;
    e += *e == '-' || *e == '+';
    return digit(e) && !letter(run(e)) ? run(e) : q;
}

/* Digits that another `c` parts: passed over. Were there any? */
static bool more(const char **q, char c)
{
    const char *const from = *q;

    while (**q == c && digit(*q + 1))
        *q = run(*q + 1);
    return *q > from;
}

/* Digits from p on, which is a digit or a point before one. `listed`: behind "1,". The value is
 * strtod's of the digits, so it is the double nearest to what was written. */
static struct notation plain(const char *p, bool listed)
{
    struct notation_digits d = {.n = 0};
    char sep = 0;
    const char *q = digit(p) ? integer(p, listed, &sep) : p, *e;

    for (const char *c = p; c < q; c++)
        if (digit(c))
            put(&d, c, c + 1);
    if (decimals(q, sep, listed)) {
        static const char point[] = ".";
        const char *const end = run(q + 1);
        put(&d, point, point + 1);
        put(&d, q + 1, end);
        q = end;
    }
    d.bad |= more(&q, '.'); /* 1.2.3 */
    e = past_e(q);
    put(&d, q, e);
    d.text[d.n] = 0;
    const double value = strtod(d.text, NULL);
    return (struct notation){e, value, !d.bad && isfinite(value)};
}

/* ---- powers, fractions, words */

/* By multiplication: pow's last bits differ between machines. */
static double raised(double base, int n)
{
    double value = 1;

    for (int i = 0; i < abs(n); i++)
        value *= base;
    return n < 0 ? 1 / value : value;
}

/* Past ^2, ^-2, ^{-2}; *n: its number. NULL: it is none. */
static const char *exponent(const char *p, int *n)
{
    const bool brace = *++p == '{';
    bool minus;

    p += brace;
    minus = *p == '-';
    p += minus;
    if (!digit(p) || run(p) - p > 3)
        return NULL;
    *n = (int)strtol(p, NULL, 10) * (minus ? -1 : 1);
    p = run(p);
    if (abs(*n) > POWER_MAX || (brace && *p != '}'))
        return NULL;
    return p + brace;
}

const char *notation_past_brace(const char *p)
{
    if (*p != '{')
        return p;
    p += strcspn(p, "}");
    return *p ? p + 1 : p;
}

/* Behind a foreign exponent or index. */
const char *notation_past_script(const char *p)
{
    p++;
    if (*p == '{')
        return notation_past_brace(p);
    p += *p == '-' || *p == '+';
    while (isalnum((unsigned char)*p))
        p++;
    return p;
}

static struct notation powered(const char *p, bool listed)
{
    struct notation x = plain(p, listed);
    const char *end;
    int n = 0;

    if (*x.end != '^')
        return x;
    end = exponent(x.end, &n);
    x.ok = x.ok && end;
    x.value = raised(x.value, n);
    x.end = end ? end : notation_past_script(x.end);
    x.ok = x.ok && isfinite(x.value);
    return x;
}

/* x times 10^n. */
static struct notation scientific(const char *p, bool listed)
{
    struct notation x = powered(p, listed);
    const char *q = notation_blank(x.end);

    if (*q != '*' && *q != 'x' && *q != 'X')
        return x;
    q = notation_blank(q + 1);
    if (strncmp(q, "10^", 3) != 0)
        return x;
    const struct notation ten = powered(q, false);
    return (struct notation){ten.end, x.value * ten.value,
                             x.ok && ten.ok && isfinite(x.value * ten.value)};
}

/* {3} or 3, of a fraction. */
static struct notation argument(const char *p)
{
    struct notation x = {p, 0, false};

    p = notation_blank(p);
    if (digit(p))
        return (struct notation){p + 1, *p - '0', true};
    if (*p != '{')
        return x;
    p = notation_blank(p + 1);
    const bool minus = *p == '-';
    p += minus;
    if (!digit(p) && !(*p == '.' && digit(p + 1)))
        return x;
    x = scientific(p, false);
    x.value = minus ? -x.value : x.value;
    x.end = notation_blank(x.end);
    x.ok = x.ok && *x.end == '}';
    x.end += *x.end == '}';
    return x;
}

static struct notation ratio(struct notation above, struct notation below)
{
    const double value = above.value / below.value;

    return (struct notation){below.end, value, above.ok && below.ok && isfinite(value)};
}

static struct notation fraction(const char *p)
{
    struct notation above = argument(p + 1);

    if (!above.ok) /* and what is below it is passed over, too */
        above.end = notation_past_brace(notation_past_brace(p + 1));
    return above.ok ? ratio(above, argument(above.end)) : above;
}

/* What is left of 1 1/2 and 1\frac12 behind the 1. "3 4/2" is no mixed number: its fraction
 * would be above 1. */
static bool part(const char *p, struct notation *out)
{
    const char *const q = notation_blank(p);

    if (*q == NUMERAL_FRAC) {
        *out = fraction(q);
        return true;
    }
    if (q == p || !digit(q) || *run(q) != '/' || !digit(run(q) + 1))
        return false;
    const struct notation above = plain(q, false), below = plain(above.end + 1, false);
    *out = ratio(above, below);
    return out->ok && above.value < below.value && *below.end != '/';
}

static struct notation with_words(struct notation x)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"thousand", 1e3}, {"million", 1e6}, {"billion", 1e9}, {"trillion", 1e12}};
    const char *const q = *x.end == '-' ? x.end + 1 : notation_blank(x.end);

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const size_t n = strlen(words[i].word);
        if (!strncmp(q, words[i].word, n) && !letter(q + n)) {
            x.value *= words[i].value;
            x.end = q + n;
        }
    }
    return x;
}

/* A whole part or a numerator, and what follows it. */
static struct notation mixed(const char *p, bool listed)
{
    struct notation x = scientific(p, listed), rest;
    const char *const q = notation_blank(x.end);

    if (x.ok && x.value == trunc(x.value) && part(x.end, &rest))
        return (struct notation){rest.end, x.value + rest.value, rest.ok};
    if (*q != '/' || !digit(notation_blank(q + 1)))
        return x;
    return ratio(x, scientific(notation_blank(q + 1), false));
}

struct notation notation_read(const char *p, bool listed)
{
    struct notation x = *p == NUMERAL_FRAC ? fraction(p) : mixed(p, listed);

    if (more(&x.end, '/') || more(&x.end, ':') || /* 3/4/2020, 10:30, 2 pi */
        *notation_blank(x.end) == NUMERAL_ROOT)
        x.ok = false;
    return with_words(x);
}
