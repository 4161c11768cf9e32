/* How it works: the tokens lie sorted by text, so those that share the bytes read so far are a
 * range of them; at a place in the text the range is narrowed byte by byte, and the last token
 * that ended on the way is the longest match. A bit for each first byte lets almost every place
 * be passed without a search. added_put collects, added_ready sorts; from then on a set is only
 * read, by any number of threads.
 *
 * added_split is called twice a text: before the normalizer and, on the parts in between, after
 * it (tokenizer_encode.c). What a match does not count for is Hugging Face's rule, not ours:
 * the search goes on behind it, so a shorter token inside it is not found. */

#include "lm/text/added.h"

#include "base/mem.h"
#include "lm/text/utf8.h"

#include <stdlib.h>
#include <string.h>

/* Unicode's \w (UTS #18 annex C), which Rust's regex follows. */
#define WORD "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200c}\\x{200d}]"

static void free_token(struct added_token *token)
{
    free(token->text);
    free(token->content);
}

void added_fini(struct added *added)
{
    for (size_t i = 0; i < added->count; i++)
        free_token(&added->token[i]);
    free(added->token);
    regex_free(added->word);
    memset(added, 0, sizeof *added);
}

/* The room is doubled at powers of two, told by the count alone. */
enum err added_put(struct added *added, struct added_token token)
{
    if (!token.n || token.n > ADDED_BYTES_MAX || added->count >= ADDED_MAX) {
        const size_t n = token.n;

        free_token(&token);
        return err_set(ERR_RANGE, "added token %d: %zu bytes, not in [1, %d], or too many",
                       token.id, n, ADDED_BYTES_MAX);
    }
    if (!(added->count & (added->count + 1)))
        added->token = mem_grow(added->token, 2 * added->count + 2, sizeof *added->token);
    added->token[added->count++] = token;
    return OK;
}

/* By bytes, a beginning before what it begins: `longest` narrows the list by this order. */
static int by_text(const void *a, const void *b)
{
    const struct added_token *x = a, *y = b;
    const int order = memcmp(x->text, y->text, x->n < y->n ? x->n : y->n);

    return order ? order : (x->n > y->n) - (x->n < y->n);
}

enum err added_ready(struct added *added)
{
    if (added->count)
        qsort(added->token, added->count, sizeof *added->token, by_text);
    for (size_t i = 0; i < added->count; i++) {
        const struct added_token *token = &added->token[i];
        const unsigned char c = (unsigned char)token->text[0];

        if (i && !by_text(token - 1, token))
            return err_set(ERR_PARSE, "added token \"%.64s\": given twice", token->text);
        added->first[c / 8] |= (uint8_t)(1u << c % 8);
        /* Few sets need it, and it is a large class to compile. */
        if (token->single_word && !added->word) {
            const enum err err = regex_own(&added->word, WORD);

            if (err)
                return err;
        }
    }
    return OK;
}

/* The byte of the token's text at `depth`, -1 past its end: shorter texts sort first. */
static int byte_at(const struct added_token *token, size_t depth)
{
    return depth < token->n ? (unsigned char)token->text[depth] : -1;
}

/* The longest token that text[0..n) starts with, or NULL: the sorted tokens are narrowed to
 * those that share the bytes read so far. */
static const struct added_token *longest(const struct added *added, const char *text, size_t n)
{
    const struct added_token *best = NULL;
    size_t low = 0, high = added->count;

    for (size_t depth = 0; low < high; depth++) {
        size_t a, b;
        int c;

        /* The shortest of the range stands first: one that ends here is the longest so far. */
        if (added->token[low].n == depth)
            best = &added->token[low];
        if (depth == n)
            break;
        c = (unsigned char)text[depth];
        for (a = low, b = high; a < b;) { /* first with byte >= c */
            const size_t mid = a + (b - a) / 2;

            if (byte_at(&added->token[mid], depth) < c)
                a = mid + 1;
            else
                b = mid;
        }
        low = a;
        for (b = high; a < b;) { /* first with byte > c */
            const size_t mid = a + (b - a) / 2;

            if (byte_at(&added->token[mid], depth) <= c)
                a = mid + 1;
            else
                b = mid;
        }
        high = a;
    }
    return best;
}

/* Where the character that ends at `at` starts. */
static size_t back(const char *text, size_t at)
{
    do
        at--;
    while (at && ((unsigned char)text[at] & 0xc0) == 0x80);
    return at;
}

/* Is the character at text[from..to) one of a word? */
static enum err is_word(const struct added *added, struct regex_work *work, const char *text,
                        size_t from, size_t to, bool *yes)
{
    size_t start, end;

    *yes = false;
    return from < to
               ? regex_find(added->word, work, text + from, to - from, 0, &start, &end, yes)
               : OK;
}

/* Does a single_word match at text[start..end) stand alone? */
static enum err stands_alone(const struct added *added, struct regex_work *work,
                             const char *text, size_t n, size_t start, size_t end, bool *yes)
{
    bool before = false, after = false;
    uint32_t cp;
    size_t bytes = 0;
    enum err err = OK;

    if (start)
        err = is_word(added, work, text, back(text, start), start, &before);
    if (!err && end < n) {
        (void)utf8_next(text + end, n - end, &cp, &bytes);
        err = is_word(added, work, text, end, end + bytes, &after);
    }
    *yes = !before && !after;
    return err;
}

static bool space_at(const char *text, size_t from, size_t n, size_t *bytes)
{
    uint32_t cp;

    return from < n && utf8_next(text + from, n - from, &cp, bytes) && utf8_space(cp);
}

/* The white space that lstrip and rstrip swallow; `done` is where the part before ends. */
static void strip(const struct added_token *token, const char *text, size_t n, size_t done,
                  size_t *start, size_t *end)
{
    size_t bytes;

    while (token->lstrip && *start > done && space_at(text, back(text, *start), *start, &bytes))
        *start = back(text, *start);
    while (token->rstrip && space_at(text, *end, n, &bytes))
        *end += bytes;
}

/* The next match at or after *at that counts; NULL at the end. *at moves past it. */
/* What does not count is stepped over whole, so *at moves past it either way. */
static enum err next(const struct added *added, struct regex_work *work, bool special,
                     const char *text, size_t n, size_t *at, const struct added_token **out)
{
    enum err err = OK;

    *out = NULL;
    while (!err && *at < n) {
        const unsigned char c = (unsigned char)text[*at];
        const struct added_token *token = NULL;
        bool counts = true;

        if (added->first[c / 8] >> c % 8 & 1)
            token = longest(added, text + *at, n - *at);
        if (!token) {
            ++*at;
            continue;
        }
        *at += token->n;
        if (token->special && !special)
            continue;
        if (token->single_word)
            err = stands_alone(added, work, text, n, *at - token->n, *at, &counts);
        if (!err && counts) {
            *out = token;
            break;
        }
    }
    return err;
}

enum err added_split(const struct added *added, struct regex_work *work, bool special,
                     const char *text, size_t n, added_emit *emit, void *context)
{
    const struct added_token *token;
    size_t done = 0, at = 0;
    enum err err = OK;

    while (!err) {
        size_t start, end;

        err = next(added, work, special, text, n, &at, &token);
        if (err || !token)
            break;
        start = at - token->n;
        end = at;
        strip(token, text, n, done, &start, &end);
        if (start > done)
            err = emit(context, -1, text + done, start - done);
        if (!err)
            err = emit(context, token->id, NULL, 0);
        /* Behind what was stripped as well: that belongs to no part. */
        done = end;
    }
    if (!err && done < n)
        err = emit(context, -1, text + done, n - done);
    return err;
}
