/* Character by character through tables of ranges, LaTeX commands through a table of words; the
 * output is at most four bytes for one of the input. Scripts' digits stand in Unicode in tens,
 * so a script is its zero. What is in no table becomes NUMERAL_OTHER, which parts numbers and
 * is part of none: a character that nobody thought of can spoil a number and cannot make one.
 */

#include "reward/rule/numeral.h"

#include "base/mem.h"
#include "lm/text/utf8.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Zeros of decimal digits (Unicode 14, category Nd) that people and models write. */
static const uint32_t zero[] = {
    0x0660, 0x06F0, 0x07C0,  0x0966,  0x09E6,  0x0A66,  0x0AE6,  0x0B66,
    0x0BE6, 0x0C66, 0x0CE6,  0x0D66,  0x0E50,  0x0ED0,  0x0F20,  0x1040,
    0x17E0, 0x1810, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0xFF10,
};

static const struct {
    uint32_t from, to;
    char as;
} range[] = {
    {0x00A0, 0x00A0, NUMERAL_THIN}, {0x2006, 0x2009, NUMERAL_THIN},
    {0x202F, 0x202F, NUMERAL_THIN}, {0x2212, 0x2212, '-'},
    {0x2010, 0x2013, '-'},          {0xFE63, 0xFE63, '-'},
    {0xFF0D, 0xFF0D, '-'},          {0xFF0B, 0xFF0B, '+'},
    {0x066B, 0x066B, '.'},          {0xFF0E, 0xFF0E, '.'},
    {0x066C, 0x066C, ','},          {0xFF0C, 0xFF0C, ','},
    {0x2019, 0x2019, '\''},         {0x02BC, 0x02BC, '\''},
    {0x00D7, 0x00D7, '*'},          {0x00B7, 0x00B7, '*'},
    {0x22C5, 0x22C5, '*'},          {0x2044, 0x2044, '/'},
    {0x2215, 0x2215, '/'},          {0xFF0F, 0xFF0F, '/'},
    {0xFF05, 0xFF05, '%'},          {0x066A, 0x066A, '%'},
    {0xFF1A, 0xFF1A, ':'},          {0x00A2, 0x00A5, '$'},
    {0x20A0, 0x20CF, '$'},          {0xFF04, 0xFF04, '$'},
    {0x221A, 0x221A, NUMERAL_ROOT}, {0x03C0, 0x03C0, NUMERAL_ROOT},
    {0x2000, 0x2005, ' '},          {0x200A, 0x200A, ' '},
    {0x205F, 0x205F, ' '},          {0x3000, 0x3000, ' '},
};

static const uint32_t unseen[][2] = {
    {0x00AD, 0x00AD}, {0x200B, 0x200F}, {0x202A, 0x202E}, {0x2060, 0x2069}, {0xFEFF, 0xFEFF}};

static const struct {
    uint32_t cp;
    const char *as; /* above, below */
} vulgar[] = {{0xBC, "14"},   {0xBD, "12"},   {0xBE, "34"},   {0x2150, "17"}, {0x2151, "19"},
              {0x2153, "13"}, {0x2154, "23"}, {0x2155, "15"}, {0x2156, "25"}, {0x2157, "35"},
              {0x2158, "45"}, {0x2159, "16"}, {0x215A, "56"}, {0x215B, "18"}, {0x215C, "38"},
              {0x215D, "58"}, {0x215E, "78"}};

static const struct {
    const char *name;
    char as; /* 0: nothing */
} command[] = {{"times", '*'},
               {"cdot", '*'},
               {"frac", NUMERAL_FRAC},
               {"dfrac", NUMERAL_FRAC},
               {"tfrac", NUMERAL_FRAC},
               {"cfrac", NUMERAL_FRAC},
               {"sqrt", NUMERAL_ROOT},
               {"pi", NUMERAL_ROOT},
               {"left", 0},
               {"right", 0},
               {"pounds", '$'},
               {"euro", '$'},
               {"textdollar", '$'},
               {"percent", '%'}};

struct numeral_out {
    char *text;
    size_t n;
    bool raised; /* within superscripts */
};

static void put(struct numeral_out *out, int c)
{
    out->text[out->n++] = (char)c;
    out->raised = false;
}

static char last(const struct numeral_out *out)
{
    return out->n ? out->text[out->n - 1] : ' ';
}

static int raised_of(uint32_t cp)
{
    return cp == 0xB9                     ? '1'
           : cp == 0xB2 || cp == 0xB3     ? (int)(cp - 0xB2) + '2'
           : cp == 0x207B                 ? '-'
           : cp == 0x2070                 ? '0'
           : cp >= 0x2074 && cp <= 0x2079 ? (int)(cp - 0x2074) + '4'
                                          : 0;
}

/* A run of superscripts is one exponent: 10 to the 12th, not 10^1^2. */
static void put_raised(struct numeral_out *out, int c)
{
    const bool within = out->raised;

    if (!within)
        put(out, '^');
    put(out, c);
    out->raised = true;
}

static void put_vulgar(struct numeral_out *out, const char *as)
{
    put(out, NUMERAL_FRAC);
    put(out, '{');
    put(out, as[0]);
    put(out, '}');
    put(out, '{');
    put(out, as[1]);
    put(out, '}');
}

/* A character beyond ASCII. First what is not seen, as it may stand within a number. */
static void wide(struct numeral_out *out, uint32_t cp)
{
    const int raised = raised_of(cp);

    for (size_t i = 0; i < sizeof unseen / sizeof *unseen; i++)
        if (cp >= unseen[i][0] && cp <= unseen[i][1])
            return;
    if (raised) {
        put_raised(out, raised);
        return;
    }
    for (size_t i = 0; i < sizeof zero / sizeof *zero; i++)
        if (cp >= zero[i] && cp < zero[i] + 10) {
            put(out, '0' + (int)(cp - zero[i]));
            return;
        }
    for (size_t i = 0; i < sizeof range / sizeof *range; i++)
        if (cp >= range[i].from && cp <= range[i].to) {
            put(out, range[i].as);
            return;
        }
    for (size_t i = 0; i < sizeof vulgar / sizeof *vulgar; i++)
        if (cp == vulgar[i].cp) {
            put_vulgar(out, vulgar[i].as);
            return;
        }
    put(out, NUMERAL_OTHER);
}

/* LaTeX's `\c`, or `\word`; returns what was read. A command that no table knows stays as it
 * is: \boxed is looked for by name. */
static size_t escape(struct numeral_out *out, const char *p)
{
    size_t n = 1;

    while (isalpha((unsigned char)p[n]))
        n++;
    if (n == 1) {
        if (!p[1])
            put(out, NUMERAL_OTHER);
        else if (strchr("$%_", p[1]))
            put(out, p[1]);
        else if (strchr(",;:", p[1]))
            put(out, NUMERAL_THIN);
        else if (p[1] != '!')
            put(out, strchr(" \\\n", p[1]) ? ' ' : NUMERAL_OTHER);
        return p[1] && !((unsigned char)p[1] & 0x80) ? 2 : 1;
    }
    for (size_t i = 0; i < sizeof command / sizeof *command; i++)
        if (strlen(command[i].name) == n - 1 && !strncmp(command[i].name, p + 1, n - 1)) {
            if (command[i].as)
                put(out, command[i].as);
            return n;
        }
    for (size_t i = 0; i < n; i++)
        put(out, p[i]);
    return n;
}

/* An ASCII character, or what it begins; returns what was read. */
static size_t narrow(struct numeral_out *out, const char *p)
{
    if (*p == '\\')
        return escape(out, p);
    if (!strncmp(p, "{,}", 3)) {
        put(out, ',');
        return 3;
    }
    if (!strncmp(p, "**", 2)) { /* a power, or Markdown's bold */
        const bool power =
            isdigit((unsigned char)last(out)) && (isdigit((unsigned char)p[2]) || p[2] == '-');
        put(out, power ? '^' : NUMERAL_OTHER);
        return 2;
    }
    put(out, (unsigned char)*p < ' ' && !isspace((unsigned char)*p) ? NUMERAL_OTHER : *p);
    return 1;
}

char *numeral_text(const char *text)
{
    const size_t n = strlen(text);
    struct numeral_out out = {mem_new(4 * n + 8, 1), 0, false};

    for (size_t at = 0; at < n;) {
        uint32_t cp;
        size_t bytes;
        if (!((unsigned char)text[at] & 0x80)) {
            at += narrow(&out, text + at);
            continue;
        }
        if (utf8_next(text + at, n - at, &cp, &bytes))
            wide(&out, cp);
        else
            put(&out, NUMERAL_OTHER);
        at += bytes;
    }
    out.text[out.n] = 0;
    return out.text;
}
