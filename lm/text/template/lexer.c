/* How it works: one pass over the source, whose line breaks were made "\n" first. Outside of
 * tags the next "{%", "{{" or "{#" is looked for, and what stands before it is data, cut by the
 * rules for blanks; inside, tokens are taken by their first character. A tag's end counts only
 * outside of all brackets.
 * The rules for blanks look at the text that the pattern matched last, not at the line: a block
 * that ate its line break counts as the beginning of a line. */
#include "lm/text/template/lexer.h"

#include "lm/text/template/letters.h"
#include "lm/text/template/limits.h"
#include "lm/text/template/literal.h"

#include <string.h>

struct lexer {
    struct pool *pool;
    const char *text;
    size_t n, at;
    bool line_start;               /* what was read last ended in a line break */
    char bracket[JINJA_DEPTH_MAX]; /* the ends that are waited for */
    int brackets;
    size_t counted; /* line breaks up to here are in pool->line */
    struct tokens *out;
};

/* The pool's line becomes that of `at`. */
static void count_lines(struct lexer *lexer, size_t at)
{
    for (; lexer->counted < at; lexer->counted++)
        lexer->pool->line += lexer->text[lexer->counted] == '\n';
}

/* At the end of what there is; the line is counted up to where
 * it begins. */
static struct token *token(struct lexer *lexer, enum token_kind kind, size_t at, size_t n)
{
    struct tokens *out = lexer->out;
    struct token *one;

    if (out->n == out->room) {
        struct token *grown;

        out->room = 2 * out->room + 64;
        grown = pool_take(lexer->pool, out->room * sizeof *grown);
        if (out->n)
            memcpy(grown, out->token, out->n * sizeof *grown);
        out->token = grown;
    }
    count_lines(lexer, at);
    one = &out->token[out->n++];
    *one = (struct token){kind, lexer->pool->line, lexer->text + at, n, value_none()};
    return one;
}

/* Whether `word` stands at `at`, which may be the end. */
static bool here(const struct lexer *lexer, size_t at, const char *word)
{
    const size_t n = strlen(word);

    return lexer->n - at >= n && !memcmp(lexer->text + at, word, n);
}

/* Behind the blanks at `at`. */
static size_t blanks(const struct lexer *lexer, size_t at)
{
    return at + letters_blank_start(lexer->text + at, lexer->n - at);
}

/* Behind an end of tag at `at` that closes with `close`, 0 if there is none. A block's end eats
 * one line break, one with '-' all blanks. */
static size_t tag_end(const struct lexer *lexer, size_t at, const char *close, bool trim)
{
    if (here(lexer, at, "-") && here(lexer, at + 1, close))
        return blanks(lexer, at + 3);
    if (trim && here(lexer, at, "+") && here(lexer, at + 1, close))
        return at + 3;
    if (!here(lexer, at, close))
        return 0;
    return at + 2 + (trim && here(lexer, at + 2, "\n"));
}

/* Data between `at` and `end`, where a tag with the sign `sign` begins. */
static void data(struct lexer *lexer, size_t at, size_t end, char sign, bool print)
{
    size_t stop = end, line = end;

    if (sign == '-') {
        stop = at + letters_blank_end(lexer->text + at, end - at);
    } else if (sign != '+' && !print) {
        while (line > at && lexer->text[line - 1] != '\n')
            line--;
        if ((line > at || lexer->line_start) && blanks(lexer, line) >= end)
            stop = line;
    }
    if (stop > at)
        token(lexer, TOKEN_DATA, at, stop - at);
}

/* Behind "{% raw %}" at `at`, 0 if it is something else. */
static size_t raw_start(const struct lexer *lexer, size_t at)
{
    at += 2;
    at += here(lexer, at, "-") || here(lexer, at, "+");
    at = blanks(lexer, at);
    if (!here(lexer, at, "raw"))
        return 0;
    at = blanks(lexer, at + 3);
    if (here(lexer, at, "-%}"))
        return blanks(lexer, at + 3);
    return here(lexer, at, "%}") ? at + 2 : 0;
}

/* From behind {% raw %} to behind {% endraw %}. */
static void raw(struct lexer *lexer)
{
    const size_t start = lexer->at;

    for (size_t at = start; at < lexer->n; at++) {
        size_t end;
        char sign;

        if (!here(lexer, at, "{%"))
            continue;
        sign = at + 2 < lexer->n ? lexer->text[at + 2] : 0;
        end = blanks(lexer, at + 2 + (sign == '-' || sign == '+'));
        if (!here(lexer, end, "endraw"))
            continue;
        end = tag_end(lexer, blanks(lexer, end + 6), "%}", true);
        if (!end)
            continue;
        data(lexer, start, at, sign, false);
        lexer->at = end;
        return;
    }
    /* At the very end Jinja2 misses nothing. */
    if (start < lexer->n)
        pool_fail(lexer->pool, ERR_PARSE, "missing end of raw directive");
}

/* To behind the comment's end, whose sign and line break are as a block's. */
static void comment(struct lexer *lexer)
{
    for (size_t at = lexer->at; at < lexer->n; at++) {
        const size_t end = tag_end(lexer, at, "#}", true);

        if (end) {
            lexer->at = end;
            return;
        }
    }
    if (lexer->at < lexer->n)
        pool_fail(lexer->pool, ERR_PARSE, "missing end of comment tag");
}

/* Keeps count of what is open, for a tag cannot end inside of it. */
static void bracket(struct lexer *lexer, char c)
{
    static const char from[] = "([{", to[] = ")]}";
    const char *open = strchr(from, c);

    if (open) {
        if (lexer->brackets == JINJA_DEPTH_MAX)
            pool_fail(lexer->pool, ERR_RANGE, "brackets nested deeper than %d",
                      JINJA_DEPTH_MAX);
        lexer->bracket[lexer->brackets++] = to[open - from];
    } else if (strchr(to, c)) {
        if (!lexer->brackets)
            pool_fail(lexer->pool, ERR_PARSE, "unexpected '%c'", c);
        if (lexer->bracket[--lexer->brackets] != c)
            pool_fail(lexer->pool, ERR_PARSE, "unexpected '%c', expected '%c'", c,
                      lexer->bracket[lexer->brackets]);
    }
}

/* The longer operators first: "//" is no two divisions. */
static void sign(struct lexer *lexer)
{
    static const char *const two[] = {"//", "**", "==", "!=", ">=", "<="};
    const char c = lexer->text[lexer->at];
    size_t n = 1;

    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (here(lexer, lexer->at, two[i]))
            n = 2;
    if (n == 1 && (!c || !strchr("+-/*%~[](){}><=.:|,;", c)))
        pool_fail(lexer->pool, ERR_PARSE, "unexpected character");
    if (n == 1)
        bracket(lexer, c);
    token(lexer, TOKEN_SIGN, lexer->at, n);
    lexer->at += n;
}

/* The next token inside of a tag. */
static void inside(struct lexer *lexer)
{
    const char c = lexer->text[lexer->at];
    const size_t at = lexer->at;
    struct value value;
    size_t n;

    count_lines(lexer, at);
    n = literal_number(lexer->pool, lexer->text, lexer->n, at, &value);
    if (n) {
        token(lexer, TOKEN_NUMBER, at, n)->value = value;
        lexer->at += n;
        return;
    }
    n = letters_word(lexer->text + at, lexer->n - at);
    if (n) {
        if (!letters_name(lexer->text + at, n))
            pool_fail(lexer->pool, ERR_PARSE, "invalid character in identifier");
        token(lexer, TOKEN_NAME, at, n);
        lexer->at += n;
        return;
    }
    if (c == '\'' || c == '"') {
        n = literal_string(lexer->pool, lexer->text + at, lexer->n - at, &value);
        token(lexer, TOKEN_STRING, at, n)->value = value;
        lexer->at += n;
        return;
    }
    sign(lexer);
}

/* From behind "{{" or "{%" to behind its end. */
static void tag(struct lexer *lexer, bool print)
{
    const char *close = print ? "}}" : "%}";

    lexer->brackets = 0;
    for (;;) {
        size_t end;

        end = lexer->brackets ? 0 : tag_end(lexer, lexer->at, close, !print);
        if (end) {
            token(lexer, print ? TOKEN_PRINT_END : TOKEN_BLOCK_END, lexer->at, 2);
            lexer->at = end;
            return;
        }
        if (blanks(lexer, lexer->at) > lexer->at)
            lexer->at = blanks(lexer, lexer->at);
        else if (lexer->at < lexer->n)
            inside(lexer);
        else
            return; /* the parser misses the end, and says of what */
    }
}

/* One stretch of data and the tag behind it. */
static void outside(struct lexer *lexer)
{
    const size_t start = lexer->at;
    size_t at = start;
    bool print, mark;
    char blank;

    while (at < lexer->n && !here(lexer, at, "{%") && !here(lexer, at, "{{") &&
           !here(lexer, at, "{#"))
        at++;
    if (at == lexer->n) {
        if (at > start)
            token(lexer, TOKEN_DATA, start, at - start);
        lexer->at = at;
        return;
    }
    print = lexer->text[at + 1] == '{';
    mark = lexer->text[at + 1] == '#';
    blank = at + 2 < lexer->n ? lexer->text[at + 2] : 0;
    data(lexer, start, at, blank, print);
    lexer->at = at + 2 + (blank == '-' || blank == '+');
    if (mark) {
        comment(lexer);
    } else if (!print && raw_start(lexer, at)) {
        lexer->at = raw_start(lexer, at);
        lexer->line_start = lexer->text[lexer->at - 1] == '\n';
        raw(lexer);
    } else {
        token(lexer, print ? TOKEN_PRINT : TOKEN_BLOCK, at, 2);
        tag(lexer, print);
    }
    lexer->line_start = lexer->at && lexer->text[lexer->at - 1] == '\n';
}

/* Line breaks become "\n", and one at the end goes. */
static void normalise(struct lexer *lexer, const char *source, size_t n)
{
    char *text = pool_take(lexer->pool, n + 1);
    size_t m = 0;

    for (size_t i = 0; i < n; i++)
        if (source[i] != '\r')
            text[m++] = source[i];
        else if (i + 1 == n || source[i + 1] != '\n')
            text[m++] = '\n';
    if (m && text[m - 1] == '\n')
        m--;
    lexer->text = text;
    lexer->n = m;
}

void lexer_read(struct pool *pool, const char *source, size_t n, struct tokens *out)
{
    struct lexer lexer = {.pool = pool, .line_start = true, .out = out};

    memset(out, 0, sizeof *out);
    pool->line = 1;
    normalise(&lexer, source, n);
    while (lexer.at < lexer.n)
        outside(&lexer);
    token(&lexer, TOKEN_END, lexer.n, 0);
}
