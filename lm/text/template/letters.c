/* How it works: utf8proc says the category and the simple mappings of a character; the few whose
 * mapping is several characters stand in letters_special.inc. The Greek sigma at a word's end
 * has a small letter of its own.
 * Case is decided by the category, which is Python's derivation but for a handful of letters
 * that are in small print. */
#include "lm/text/template/letters.h"

#include "lm/text/utf8.h"

#include <string.h>
#include <utf8proc.h>

static const struct letters_special {
    uint32_t cp;
    const char *upper, *title, *fold;
} special[] = {
#include "lm/text/template/letters_special.inc"
};

enum { SIGMA = 0x3a3, SIGMA_FINAL = 0x3c2 };

static utf8proc_category_t category(uint32_t cp)
{
    return utf8proc_category((utf8proc_int32_t)cp);
}

/* The row of a character whose mapping is several; none is
 * below the sharp s. */
static const struct letters_special *special_of(uint32_t cp)
{
    for (size_t i = 0; cp >= 0xdf && i < sizeof special / sizeof *special; i++)
        if (special[i].cp == cp)
            return &special[i];
    return NULL;
}

/* Python counts the four separators of ASCII among the blanks, White_Space does not. */
bool letters_blank(uint32_t cp)
{
    return utf8_space(cp) || (cp >= 0x1c && cp <= 0x1f);
}

/* Whole characters: a blank of three bytes is one step. */
size_t letters_blank_start(const char *text, size_t n)
{
    size_t at = 0, bytes;
    uint32_t cp;

    while (at < n) {
        (void)utf8_next(text + at, n - at, &cp, &bytes);
        if (!letters_blank(cp))
            break;
        at += bytes;
    }
    return at;
}

/* The character that ends at `end`, and where it begins. */
static size_t before(const char *text, size_t end, uint32_t *cp)
{
    size_t at = end - 1, bytes;

    while (at && ((unsigned char)text[at] & 0xc0) == 0x80)
        at--;
    (void)utf8_next(text + at, end - at, cp, &bytes);
    return at;
}

/* Backwards by whole characters, which UTF-8 allows: a byte
 * says whether it begins one. */
size_t letters_blank_end(const char *text, size_t n)
{
    uint32_t cp;

    while (n) {
        const size_t at = before(text, n, &cp);

        if (!letters_blank(cp))
            break;
        n = at;
    }
    return n;
}

/* str.isalpha's: letters, modifiers among them, but no marks
 * and no numbers. */
static bool alphabetic(uint32_t cp)
{
    const utf8proc_category_t c = category(cp);

    return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}

/* Superscripts and circled digits are digits, but no decimals. */
static bool digit(uint32_t cp)
{
    return category(cp) == UTF8PROC_CATEGORY_ND || cp == 0xb2 || cp == 0xb3 || cp == 0xb9 ||
           cp == 0x2070 || (cp >= 0x2074 && cp <= 0x2079) || (cp >= 0x2080 && cp <= 0x2089) ||
           (cp >= 0x2460 && cp <= 0x2468) || (cp >= 0x2474 && cp <= 0x247c);
}

/* str.isnumeric's: also fractions, Roman numerals and circled
 * numbers. */
static bool numeric(uint32_t cp)
{
    const utf8proc_category_t c = category(cp);

    return digit(cp) || c == UTF8PROC_CATEGORY_NL || c == UTF8PROC_CATEGORY_NO;
}

/* \w of Python's regular expressions. */
static bool word(uint32_t cp)
{
    return cp == '_' || alphabetic(cp) || numeric(cp);
}

size_t letters_word(const char *text, size_t n)
{
    size_t at = 0, bytes;
    uint32_t cp;

    while (at < n) {
        (void)utf8_next(text + at, n - at, &cp, &bytes);
        if (!word(cp))
            break;
        at += bytes;
    }
    return at;
}

/* By the categories that XID_Start and XID_Continue are made of. */
bool letters_name(const char *text, size_t n)
{
    uint32_t cp;
    size_t bytes;

    if (!n)
        return false;
    (void)utf8_next(text, n, &cp, &bytes);
    if (cp != '_' && !alphabetic(cp) && category(cp) != UTF8PROC_CATEGORY_NL)
        return false;
    for (size_t at = bytes; at < n; at += bytes) {
        utf8proc_category_t c;

        (void)utf8_next(text + at, n - at, &cp, &bytes);
        c = category(cp);
        if (cp != '_' && !alphabetic(cp) && c != UTF8PROC_CATEGORY_ND &&
            c != UTF8PROC_CATEGORY_NL && c != UTF8PROC_CATEGORY_MN &&
            c != UTF8PROC_CATEGORY_MC && c != UTF8PROC_CATEGORY_PC)
            return false;
    }
    return true;
}

/* What repr shows as it is: no controls, no separators but the
 * blank, nothing that has no character yet. */
bool letters_printable(uint32_t cp)
{
    const utf8proc_category_t c = category(cp);

    return cp == ' ' || (c != UTF8PROC_CATEGORY_CN && c < UTF8PROC_CATEGORY_ZS);
}

/* Ten of them; \r\n is one break, which is the caller's to
 * see. */
bool letters_line_break(uint32_t cp)
{
    return (cp >= 0x0a && cp <= 0x0d) || (cp >= 0x1c && cp <= 0x1e) || cp == 0x85 ||
           cp == 0x2028 || cp == 0x2029;
}

/* Bytes that begin a character. */
size_t letters_count(const char *text, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* By counting, for there is no index: what does so often
 * counts it as work. */
size_t letters_offset(const char *text, size_t n, size_t i)
{
    size_t at = 0;

    while (at < n && i) {
        at++;
        while (at < n && ((unsigned char)text[at] & 0xc0) == 0x80)
            at++;
        i--;
    }
    return at;
}

/* It has a small letter, and is no title-case digraph, which
 * has one, too. */
static bool upper(uint32_t cp)
{
    return utf8proc_tolower((utf8proc_int32_t)cp) != (utf8proc_int32_t)cp &&
           category(cp) != UTF8PROC_CATEGORY_LT;
}

/* Small letters, and the few others that Unicode calls
 * lowercase: ordinals, modifiers, circled ones. */
static bool lower(uint32_t cp)
{
    return category(cp) == UTF8PROC_CATEGORY_LL || cp == 0xaa || cp == 0xba ||
           (cp >= 0x2b0 && cp <= 0x2b8) || (cp >= 0x24d0 && cp <= 0x24e9) ||
           (cp >= 0x2170 && cp <= 0x217f);
}

/* Letters that have a case, which is what title() counts by. */
static bool cased(uint32_t cp)
{
    return upper(cp) || lower(cp) || category(cp) == UTF8PROC_CATEGORY_LT ||
           category(cp) == UTF8PROC_CATEGORY_LU;
}

/* Marks and apostrophes, which do not end a word. */
static bool ignorable(uint32_t cp)
{
    const utf8proc_category_t c = category(cp);

    return c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_ME ||
           c == UTF8PROC_CATEGORY_CF || c == UTF8PROC_CATEGORY_LM ||
           c == UTF8PROC_CATEGORY_SK || cp == '\'' || cp == '.' || cp == ':' || cp == 0xb7 ||
           cp == 0x2019 || cp == 0x2018;
}

/* Whether the sigma at `at` ends a word: a letter before it, none behind. */
static bool final_sigma(const struct string *s, size_t at)
{
    uint32_t cp = 0;
    size_t i = at, bytes;

    while (i) {
        i = before(s->text, i, &cp);
        if (!ignorable(cp))
            break;
    }
    if (i == at || !cased(cp))
        return false;
    for (i = at + 2; i < s->n; i += bytes) {
        (void)utf8_next(s->text + i, s->n - i, &cp, &bytes);
        if (!ignorable(cp))
            return !cased(cp);
    }
    return true;
}

/* One character in another case: 'u', 'l', 't' or 'f'. */
static void put(struct pool *pool, struct text_writer *writer, const struct string *s,
                size_t at, uint32_t cp, char how)
{
    const struct letters_special *row = how == 'l' ? NULL : special_of(cp);
    const char *several = !row         ? NULL
                          : how == 'u' ? row->upper
                          : how == 't' ? row->title
                                       : row->fold;
    utf8proc_int32_t c = (utf8proc_int32_t)cp;
    char bytes[4];

    if (several) {
        value_write(pool, writer, several, strlen(several));
        return;
    }
    if (how == 'l' && cp == 0x130) {
        value_write(pool, writer, "i\xcc\x87", 3);
        return;
    }
    if (how == 'l' && cp == SIGMA)
        c = final_sigma(s, at) ? SIGMA_FINAL : utf8proc_tolower(c);
    else if (how == 'f')
        c = cp == SIGMA_FINAL ? 0x3c3 : utf8proc_tolower(c);
    else
        c = how == 'u'   ? utf8proc_toupper(c)
            : how == 't' ? utf8proc_totitle(c)
                         : utf8proc_tolower(c);
    value_write(pool, writer, bytes, utf8_put(bytes, (uint32_t)c));
}

/* Character by character; inside of a word or not is all that
 * title() has to remember. */
struct value letters_case(struct pool *pool, const struct string *string, char how)
{
    struct text_writer writer = {.text = NULL};
    bool inside = false;
    size_t bytes;

    pool_work(pool, 8 * string->n);
    for (size_t at = 0; at < string->n; at += bytes) {
        char one = how;
        uint32_t cp;

        (void)utf8_next(string->text + at, string->n - at, &cp, &bytes);
        if (how == 't')
            one = inside ? 'l' : 't';
        else if (how == 'c')
            one = at ? 'l' : 't';
        else if (how == 's')
            one = upper(cp) ? 'l' : lower(cp) ? 'u' : 'l';
        inside = cased(cp);
        put(pool, &writer, string, at, cp, one);
    }
    return value_written(pool, &writer);
}

/* One character's answer; the whole text's is that all of them say yes. */
static bool one(uint32_t cp, char what)
{
    switch (what) {
    case 'a':
        return alphabetic(cp);
    case 'd':
        return digit(cp);
    case 'e':
        return category(cp) == UTF8PROC_CATEGORY_ND;
    case 'n':
        return numeric(cp);
    case 'w':
        return alphabetic(cp) || numeric(cp);
    case 's':
        return letters_blank(cp);
    case 'i':
        return cp < 0x80;
    default:
        return letters_printable(cp);
    }
}

/* Some letter has a case, and all of them this one; titles: capitals begin words alone. */
static bool all_cased(const struct string *string, char what)
{
    bool some = false, inside = false;
    size_t bytes;

    for (size_t at = 0; at < string->n; at += bytes) {
        bool big;
        uint32_t cp;

        (void)utf8_next(string->text + at, string->n - at, &cp, &bytes);
        if (!cased(cp)) {
            inside = false;
            continue;
        }
        big = upper(cp) || category(cp) == UTF8PROC_CATEGORY_LT;
        if (what == 't' ? big == inside : big != (what == 'u'))
            return false;
        some = inside = true;
    }
    return some;
}

/* The empty text has no letter: only the questions that ask
 * for none of something say yes to it. */
bool letters_all(const struct string *string, char what)
{
    size_t bytes;

    if (strchr("ult", what))
        return all_cased(string, what);
    if (what == 'k')
        return letters_name(string->text, string->n);
    for (size_t at = 0; at < string->n; at += bytes) {
        uint32_t cp;

        (void)utf8_next(string->text + at, string->n - at, &cp, &bytes);
        if (!one(cp, what))
            return false;
    }
    return string->n || what == 'i' || what == 'p';
}
