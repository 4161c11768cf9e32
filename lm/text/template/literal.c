/* How it works: Jinja2's regular expressions for numbers by hand, and Python's "unicode-escape"
 * for strings, with its oddity that a backslash before a character beyond ASCII becomes the
 * characters of that one's escape.
 * A number of more than 64 bits is an error here, never another number. */
#include "lm/text/template/literal.h"

#include "lm/text/template/letters.h"
#include "lm/text/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DIGITS_MAX = 400 };

/* -1: it is no digit of this base. */
static int digit(char c, int base)
{
    int d = 99;

    if (c >= '0' && c <= '9')
        d = c - '0';
    else if ((c | 32) >= 'a' && (c | 32) <= 'z')
        d = (c | 32) - 'a' + 10;
    return d < base ? d : -1;
}

/* Digits with single '_' between them from `at` on; returns behind the last one, `at` if there
 * is none. */
static size_t run_of(const char *text, size_t n, size_t at, int base, bool lead)
{
    size_t end = at;

    while (at < n) {
        if (text[at] == '_' && at + 1 < n && (end == at && (lead || end)) &&
            digit(text[at + 1], base) >= 0)
            at++;
        else if (digit(text[at], base) < 0)
            break;
        at++;
        end = at;
    }
    return end;
}

/* The digits without '_', in a buffer; NULL: too many. */
static char *plain(char out[DIGITS_MAX], const char *text, size_t n)
{
    size_t m = 0;

    for (size_t i = 0; i < n; i++)
        if (text[i] != '_') {
            if (m == DIGITS_MAX - 1)
                return NULL;
            out[m++] = text[i];
        }
    out[m] = 0;
    return out;
}

/* Behind a float at `at`, `at` itself if it is none. */
static size_t float_end(const char *text, size_t n, size_t at)
{
    size_t end = run_of(text, n, at, 10, false), power;
    const size_t whole = end;

    if (end == at || (at && text[at - 1] == '.'))
        return at;
    if (end + 1 < n && text[end] == '.' && digit(text[end + 1], 10) >= 0)
        end = run_of(text, n, end + 1, 10, false);
    if (end < n && (text[end] | 32) == 'e') {
        power = end + 1;
        if (power < n && (text[power] == '+' || text[power] == '-'))
            power++;
        if (power < n && digit(text[power], 10) >= 0)
            return run_of(text, n, power, 10, false);
    }
    return end > whole ? end : at;
}

static int64_t whole(struct pool *pool, const char *text, size_t n, int base)
{
    char digits[DIGITS_MAX];
    long long number = 0;

    errno = 0;
    if (plain(digits, text, n))
        number = strtoll(digits, NULL, base);
    else
        errno = ERANGE;
    if (errno)
        pool_fail(pool, ERR_RANGE, "an integer of more than 64 bits");
    return number;
}

size_t literal_number(struct pool *pool, const char *text, size_t n, size_t at,
                      struct value *out)
{
    char digits[DIGITS_MAX];
    size_t end = float_end(text, n, at);
    const char mark = at + 1 < n ? (char)(text[at + 1] | 32) : 0;
    const int base = mark == 'b' ? 2 : mark == 'o' ? 8 : mark == 'x' ? 16 : 10;

    if (at == n || text[at] < '0' || text[at] > '9')
        return 0;
    if (end > at) {
        if (!plain(digits, text + at, end - at))
            pool_fail(pool, ERR_RANGE, "a number of more than %d digits", DIGITS_MAX);
        *out = value_float(strtod(digits, NULL));
        return end - at;
    }
    if (text[at] == '0' && base != 10 && run_of(text, n, at + 2, base, true) > at + 2) {
        end = run_of(text, n, at + 2, base, true);
        *out = value_int(whole(pool, text + at + 2, end - at - 2, base));
        return end - at;
    }
    /* "0" goes on with zeros alone. */
    end = run_of(text, n, at, text[at] == '0' ? 1 : 10, false);
    *out = value_int(whole(pool, text + at, end - at, 10));
    return end - at;
}

/* \xhh, \uhhhh, \Uhhhhhhhh and octal ones at text[at] behind the backslash; returns behind. */
static size_t numbered(struct pool *pool, struct text_writer *writer, const char *text,
                       size_t n, size_t at)
{
    const char c = text[at];
    const int base = c == 'x' || c == 'u' || c == 'U' ? 16 : 8;
    const size_t want = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 3;
    uint32_t cp = 0;
    size_t got = 0;
    char bytes[4];

    at += base == 16;
    while (got < want && at < n && digit(text[at], base) >= 0) {
        cp = cp * (uint32_t)base + (uint32_t)digit(text[at++], base);
        got++;
    }
    if (base == 16 && got < want)
        pool_fail(pool, ERR_PARSE, "truncated \\%c escape", c);
    if (cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
        pool_fail(pool, ERR_PARSE, "the escape \\%c%0*x is no character", c, (int)want, cp);
    value_write(pool, writer, bytes, utf8_put(bytes, cp));
    return at;
}

/* What stands behind a backslash at text[at]; returns behind it. */
static size_t escape(struct pool *pool, struct text_writer *writer, const char *text, size_t n,
                     size_t at)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char *simple = text[at] ? strchr(from, text[at]) : NULL;
    char words[16];
    uint32_t cp;
    size_t bytes;

    if (simple) {
        value_write(pool, writer, &to[simple - from], 1);
        return at + 1;
    }
    if (text[at] == '\n')
        return at + 1;
    if (text[at] == 'N')
        pool_fail(pool, ERR_RANGE, "\\N escapes (names of characters) are not done here");
    if (digit(text[at], 8) >= 0 || strchr("xuU", text[at]))
        return numbered(pool, writer, text, n, at);
    (void)utf8_next(text + at, n - at, &cp, &bytes);
    if (cp < 0x80)
        snprintf(words, sizeof words, "\\%c", (char)cp);
    else
        snprintf(words, sizeof words,
                 cp < 0x100     ? "\\x%02x"
                 : cp < 0x10000 ? "\\u%04x"
                                : "\\U%08x",
                 cp);
    value_write(pool, writer, words, strlen(words));
    return at + bytes;
}

/* From quote to quote; a backslash takes the next character
 * with it, also a quote. */
size_t literal_string(struct pool *pool, const char *text, size_t n, struct value *out)
{
    struct text_writer writer = {.text = NULL};
    size_t at = 1;

    while (at < n && text[at] != text[0]) {
        if (text[at] == '\\' && at + 1 < n) {
            at = escape(pool, &writer, text, n, at + 1);
        } else {
            value_write(pool, &writer, text + at, 1);
            at++;
        }
    }
    if (at >= n)
        pool_fail(pool, ERR_PARSE, "a string without an end");
    *out = value_written(pool, &writer);
    return at + 1;
}

/* Without blanks at both ends. */
static struct string trimmed(const struct string *string)
{
    const size_t start = letters_blank_start(string->text, string->n);

    return (struct string){string->text + start,
                           letters_blank_end(string->text + start, string->n - start)};
}

/* Python reads the digits of every script. */
static void refuse_foreign(struct pool *pool, const struct string *s)
{
    struct string one = {.text = NULL};

    pool_work(pool, s->n);
    for (size_t at = 0; at < s->n; at += one.n) {
        uint32_t cp;

        one.text = s->text + at;
        (void)utf8_next(one.text, s->n - at, &cp, &one.n);
        if (cp >= 0x80 && letters_all(&one, 'e'))
            pool_fail(pool, ERR_RANGE, "a number in digits beyond ASCII is not done here");
    }
}

static bool has_prefix(char mark, int base)
{
    return (base == 16 && mark == 'x') || (base == 8 && mark == 'o') ||
           (base == 2 && mark == 'b');
}

/* A sign, then a prefix where the base has one, then digits,
 * and nothing else. */
bool literal_int(struct pool *pool, const struct string *string, int base, int64_t *out)
{
    const struct string s = trimmed(string);
    const bool minus = s.n && s.text[0] == '-';
    size_t at = s.n && (minus || s.text[0] == '+'), end;
    const char mark = at + 1 < s.n && s.text[at] == '0' ? (char)(s.text[at + 1] | 32) : 0;
    const bool prefix = has_prefix(mark, base);
    int64_t number;

    if (base < 2 || base > 36)
        pool_fail(pool, ERR_PARSE, "int() base must be >= 2 and <= 36");
    refuse_foreign(pool, &s);
    at += prefix ? 2 : 0;
    end = run_of(s.text, s.n, at, base, prefix);
    if (end == at || end != s.n)
        return false;
    number = whole(pool, s.text + at, end - at, base);
    *out = minus ? -number : number;
    return true;
}

/* "inf" and "nan" behind a sign. */
static bool no_number(const struct string *s, size_t sign, double *out)
{
    static const char *const names[] = {"inf", "infinity", "nan"};

    for (size_t i = 0; i < 3; i++)
        if (s->n - sign == strlen(names[i]) &&
            !strncasecmp(s->text + sign, names[i], s->n - sign)) {
            *out = (i < 2 ? (double)INFINITY : (double)NAN) * (s->text[0] == '-' ? -1 : 1);
            return true;
        }
    return false;
}

/* strtod reads hexadecimal ones, too, and '_' stands between digits alone. */
static bool may_be_float(const struct string *s, size_t sign)
{
    for (size_t i = sign; i < s->n; i++) {
        if (!s->text[i] || !strchr("0123456789.eE+-_", s->text[i]))
            return false;
        if (s->text[i] == '_' && (i == sign || i + 1 == s->n || digit(s->text[i - 1], 10) < 0 ||
                                  digit(s->text[i + 1], 10) < 0))
            return false;
    }
    return true;
}

bool literal_float(struct pool *pool, const struct string *string, double *out)
{
    const struct string s = trimmed(string);
    const size_t sign = s.n && (s.text[0] == '-' || s.text[0] == '+');
    char digits[DIGITS_MAX], *end;

    refuse_foreign(pool, &s);
    if (s.n == sign)
        return false;
    if (no_number(&s, sign, out))
        return true;
    if (!may_be_float(&s, sign))
        return false;
    if (!plain(digits, s.text, s.n))
        pool_fail(pool, ERR_RANGE, "a number of more than %d digits", DIGITS_MAX);
    *out = strtod(digits, &end);
    return end != digits && !*end;
}
