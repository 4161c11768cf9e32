/* How it works: a pattern is walked once, part by part, from Ruby's syntax to PCRE2's
 * (translate). What both read alike is copied, what means the same under another name is
 * rewritten, everything else ends the reading with its name and place: a tokenizer that would
 * split otherwise than Hugging Face's must not open. Properties get the characters that Unicode
 * 16 added to Debian's PCRE2 (unicode16.h).
 *
 * Patterns are untrusted: compiling is bounded in length and nesting, matching in steps, heap
 * and stack (regex_work). Where the JIT's stack does not suffice the interpreter goes on, which
 * is slower and has the same result. */

#include "lm/text/regex.h"

#include "base/mem.h"
#include "lm/text/unicode16.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

/* Far above what a text needs, far below what a hostile pattern could take. */
enum {
    MATCH_STEPS = 50000000, /* backtracks of one match */
    HEAP_KIB = 65536,       /* of the interpreter, where there is no JIT */
    STACK_BYTES = 1 << 20   /* of the JIT */
};

struct regex {
    pcre2_code *code;
};

struct regex_work {
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

/* What a backslash makes plain in both dialects. */
#define PUNCTUATION "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

/* The ends of the text, in both dialects; in a class they are letters. */
#define ENDS "Az"

/* A pattern on its way from Ruby's syntax to PCRE2's. */
struct regex_translation {
    const char *in;
    size_t n, at;
    char *out;
    size_t used, room;
    bool in_class;
};

static void put(struct regex_translation *t, const char *text, size_t n)
{
    if (t->room - t->used < n) {
        t->room = 2 * t->room + n + 256;
        t->out = mem_grow(t->out, t->room, 1);
    }
    memcpy(t->out + t->used, text, n);
    t->used += n;
}

static void word(struct regex_translation *t, const char *text)
{
    put(t, text, strlen(text));
}

static bool next_is(const struct regex_translation *t, const char *text)
{
    const size_t n = strlen(text);

    return t->n - t->at >= n && !memcmp(t->in + t->at, text, n);
}

static enum err refuse(const struct regex_translation *t, const char *what)
{
    return err_set(ERR_PARSE, "regex: %s at byte %zu is not supported", what, t->at);
}

/* A property: PCRE2's, and what Unicode 16 has in it beyond Unicode 14. Inside a class, what a
 * negated property has too much stays. */
static void property(struct regex_translation *t, const char *name, size_t n, bool negated)
{
    char since[UNICODE16_BYTES_MAX];
    const size_t more = unicode16_since14(name, n, since, sizeof since);
    /* Outside of a class several ranges need brackets of their own. */
    const bool wrap = more && !t->in_class;

    if (wrap)
        word(t, negated ? "[^" : "[");
    word(t, negated && !wrap ? "\\P{" : "\\p{");
    /* A bare script name means its extensions to PCRE2, the script alone to Oniguruma. */
    word(t, n > 2 ? "sc:" : "");
    put(t, name, n);
    word(t, "}");
    if (wrap || !negated)
        put(t, since, more);
    if (wrap)
        word(t, "]");
}

/* General categories, which both name alike, and Han: of scripts PCRE2 takes the extensions. */
static bool is_category(const char *name, size_t n)
{
    static const char *const known = " L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi "
                                     "Pf Po S Sm Sc Sk So Z Zs Zl Zp Cc Cf Co ";
    char word[8] = " ";

    if (n > 2)
        return n == 3 && !memcmp(name, "Han", 3);
    memcpy(word + 1, name, n);
    word[n + 1] = ' ';
    return strstr(known, word) != NULL;
}

/* \p{..}, \P{..}, \x{..}: up to the closing brace. */
static enum err braced(struct regex_translation *t, char c)
{
    const char *start = t->in + t->at, *end = memchr(start, '}', t->n - t->at);
    const size_t n = end ? (size_t)(end - start) + 1 : 0;

    if (n < 5 || n > 40 || start[2] != '{')
        return refuse(t, "a property or code point without braces");
    if (c == 'x')
        put(t, start, n);
    else if (is_category(start + 3, n - 4))
        property(t, start + 3, n - 4, c == 'P');
    else
        return refuse(t, "a property that is no general category");
    t->at += n;
    return OK;
}

/* A backslash with what follows it; letters that are not in the table mean different things to
 * the two. */
static enum err escape(struct regex_translation *t)
{
    static const struct {
        char letter;
        const char *pcre;
    } table[] = {{'s', "\\p{White_Space}"},
                 {'S', "\\P{White_Space}"},
                 {'n', "\\n"},
                 {'r', "\\r"},
                 {'t', "\\t"},
                 {'f', "\\f"}};
    char c;

    if (t->at + 1 >= t->n)
        return refuse(t, "a lone backslash");
    c = t->in[t->at + 1];
    if (c == 'p' || c == 'P' || c == 'x')
        return braced(t, c);
    if (c == 'd' || c == 'D') {
        property(t, "Nd", 2, c == 'D');
        t->at += 2;
        return OK;
    }
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].letter == c) {
            put(t, table[i].pcre, strlen(table[i].pcre));
            t->at += 2;
            return OK;
        }
    /* Letters and digits: back references, \b, \h and others whose meaning differs or is not
     * known. */
    if (!c || !strchr(t->in_class ? PUNCTUATION : PUNCTUATION ENDS, c))
        return err_set(ERR_PARSE, "regex: \\%c at byte %zu is not supported",
                       c > ' ' && c < 0x7f ? c : '?', t->at);
    put(t, t->in + t->at, 2);
    t->at += 2;
    return OK;
}

/* A class, up to its bracket. Ruby lets classes nest and intersect, PCRE2 does not. */
static enum err bracket(struct regex_translation *t)
{
    const size_t open = t->at;
    enum err err = OK;

    put(t, "[", 1);
    t->in_class = true;
    t->at++;
    if (next_is(t, "^")) {
        put(t, "^", 1);
        t->at++;
    }
    if (next_is(t, "]"))
        return refuse(t, "an empty class");
    while (!err && t->at < t->n && t->in[t->at] != ']') {
        if (t->in[t->at] == '[')
            return refuse(t, "a class in a class");
        if (next_is(t, "&&"))
            return refuse(t, "an intersection of classes");
        if (t->in[t->at] == '\\')
            err = escape(t);
        else
            put(t, t->in + t->at++, 1);
    }
    if (!err && t->at >= t->n) {
        /* The words are to say where the class began, not where the pattern ends. */
        t->at = open;
        return refuse(t, "a class without an end");
    }
    put(t, "]", 1);
    t->in_class = false;
    t->at++;
    return err;
}

/* An opening parenthesis with what belongs to it. */
static enum err group(struct regex_translation *t)
{
    static const char *const known[] = {
        "(?:", "(?i:", "(?i)", "(?=", "(?!", "(?<=", "(?<!", "(?>"};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (next_is(t, known[i])) {
            put(t, known[i], strlen(known[i]));
            t->at += strlen(known[i]);
            return OK;
        }
    if (next_is(t, "(?") || next_is(t, "(*"))
        return refuse(t, "this kind of group");
    put(t, "(", 1);
    t->at++;
    return OK;
}

/* {n}, {n,} or {n,m}; Ruby reads {,m}, {n}? and {n,m}+ otherwise than PCRE2. */
static enum err repeat(struct regex_translation *t)
{
    size_t i = t->at + 1, digits = 0, commas = 0;

    for (; i < t->n && ((t->in[i] >= '0' && t->in[i] <= '9') || t->in[i] == ','); i++) {
        if (t->in[i] == ',' && (!digits || commas++))
            return refuse(t, "this repetition");
        digits += t->in[i] != ',';
    }
    if (!digits || i >= t->n || t->in[i] != '}')
        return refuse(t, "a brace that is no repetition");
    i++;
    if (i < t->n && (t->in[i] == '+' || (t->in[i] == '?' && !commas)))
        return refuse(t, "a repetition of a repetition");
    put(t, t->in + t->at, i - t->at);
    t->at = i;
    return OK;
}

/* From left to right; every function below here moves `at` past what it has read. */
static enum err translate(struct regex_translation *t)
{
    enum err err = OK;

    while (!err && t->at < t->n) {
        switch (t->in[t->at]) {
        case '\\':
            err = escape(t);
            break;
        case '[':
            err = bracket(t);
            break;
        case '(':
            err = group(t);
            break;
        case '{':
            err = repeat(t);
            break;
        case 0:
            err = refuse(t, "a zero byte");
            break;
        default:
            put(t, t->in + t->at++, 1);
        }
    }
    return err;
}

/* options: PCRE2_LITERAL, or what our dialect needs. */
static enum err compile(struct regex **out, const char *pattern, size_t n, uint32_t options)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    int code = 0;
    PCRE2_SIZE at = 0;
    PCRE2_UCHAR words[128];
    pcre2_code *made;

    *out = NULL;
    if (!context)
        return err_set(ERR_NOMEM, "regex: no memory");
    /* Not the library's default, which whoever built it chose. */
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    /* Compiling recurses by parentheses: the pattern must not choose how deep. */
    pcre2_set_parens_nest_limit(context, 50);
    made = pcre2_compile((PCRE2_SPTR)pattern, n, PCRE2_UTF | options, &code, &at, context);
    pcre2_compile_context_free(context);
    if (!made) {
        pcre2_get_error_message(code, words, sizeof words);
        return err_set(ERR_PARSE, "regex: %s", (const char *)words);
    }
    (void)pcre2_jit_compile(made, PCRE2_JIT_COMPLETE); /* without a JIT it is only slower */
    *out = mem_new(1, sizeof **out);
    (*out)->code = made;
    return OK;
}

enum err regex_new(struct regex **out, const char *pattern, size_t n)
{
    struct regex_translation t = {.in = pattern, .n = n};
    enum err err;

    *out = NULL;
    if (n > REGEX_BYTES_MAX)
        return err_set(ERR_RANGE, "regex: %zu bytes, at most %d", n, REGEX_BYTES_MAX);
    t.room = 256;
    t.out = mem_new(t.room, 1);
    err = translate(&t);
    /* MULTILINE: in Ruby $ always ends a line. \C would match half a character. */
    if (!err)
        err = compile(out, t.out, t.used, PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C);
    free(t.out);
    return err;
}

enum err regex_literal(struct regex **out, const char *text, size_t n)
{
    *out = NULL;
    if (!n || n > REGEX_BYTES_MAX)
        return err_set(ERR_RANGE, "pattern: %zu bytes, not in [1, %d]", n, REGEX_BYTES_MAX);
    return compile(out, text, n, PCRE2_LITERAL);
}

enum err regex_own(struct regex **out, const char *pattern)
{
    return compile(out, pattern, strlen(pattern), 0);
}

void regex_free(struct regex *regex)
{
    if (!regex)
        return;
    pcre2_code_free(regex->code);
    free(regex);
}

/* The JIT's stack may be missing (no JIT on this machine), the others may not. */
enum err regex_work_new(struct regex_work **out)
{
    struct regex_work *work = mem_new(1, sizeof *work);

    *out = NULL;
    work->match = pcre2_match_data_create(1, NULL);
    work->context = pcre2_match_context_create(NULL);
    work->stack = pcre2_jit_stack_create(32768, STACK_BYTES, NULL);
    if (!work->match || !work->context) {
        regex_work_free(work);
        return err_set(ERR_NOMEM, "regex: no memory");
    }
    pcre2_set_match_limit(work->context, MATCH_STEPS);
    pcre2_set_heap_limit(work->context, HEAP_KIB);
    if (work->stack)
        pcre2_jit_stack_assign(work->context, NULL, work->stack);
    *out = work;
    return OK;
}

void regex_work_free(struct regex_work *work)
{
    if (!work)
        return;
    pcre2_match_data_free(work->match);
    pcre2_match_context_free(work->context);
    pcre2_jit_stack_free(work->stack);
    free(work);
}

enum err regex_find(const struct regex *regex, struct regex_work *work, const char *text,
                    size_t n, size_t from, size_t *start, size_t *end, bool *found)
{
    const PCRE2_SIZE *span;
    /* The callers' promise (valid UTF-8, regex.h): to check the whole text again at each match
     * would make splitting it quadratic. */
    int rc = pcre2_match(regex->code, (PCRE2_SPTR)text, n, from, PCRE2_NO_UTF_CHECK,
                         work->match, work->context);

    *found = false;
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter keeps its stack on the heap */
        rc = pcre2_match(regex->code, (PCRE2_SPTR)text, n, from,
                         PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, work->match, work->context);
    if (rc == PCRE2_ERROR_NOMATCH)
        return OK;
    if (rc < 0)
        return err_set(ERR_RANGE, "regex: gave up after too many steps (PCRE2 error %d)", rc);
    span = pcre2_get_ovector_pointer(work->match);
    *start = span[0];
    *end = span[1];
    *found = true;
    return OK;
}
