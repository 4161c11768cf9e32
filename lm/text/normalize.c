/* How it works: a list of steps, each from one text to the next, as tokenizers' normalizers do
 * it. Unicode's forms are utf8proc's, without what is newer than Hugging Face's tables
 * (unicode9.h); the others are written here.
 *
 * A Replace can make a text much longer than it was, and several of them could make any length:
 * each step's result is held against the limit before it is built on. */

#include "lm/text/normalize.h"

#include "base/mem.h"
#include "lm/text/base64.h"
#include "lm/text/charsmap.h"
#include "lm/text/unicode9.h"
#include "lm/text/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { STEPS_MAX = 16, CONTENT_MAX = 256 };

enum normalize_kind { UNICODE, LOWERCASE, ACCENTS, STRIP, PREPEND, REPLACE, CHARSMAP };

struct normalize_step {
    enum normalize_kind kind;
    utf8proc_option_t options; /* UNICODE: of utf8proc_map */
    bool left, right;          /* STRIP */
    char *content;             /* PREPEND, REPLACE */
    size_t n;
    struct regex *regex; /* REPLACE */
    struct charsmap *map;
};

struct normalize {
    struct normalize_step step[STEPS_MAX];
    int steps;
};

/* A text under construction. */
struct normalize_text {
    char *text;
    size_t n, room;
};

/* Grows by doubling, so that a text of n characters costs n, however it comes. A zero stands
 * behind it, but lengths are what counts: texts may hold zero bytes themselves. */
static enum err put(struct normalize_text *to, const char *text, size_t n)
{
    if (n > NORMALIZE_BYTES_MAX - to->n)
        return err_set(ERR_RANGE, "normalizer: more than %d bytes of text",
                       NORMALIZE_BYTES_MAX);
    if (to->room - to->n < n + 1) {
        to->room = 2 * to->room + n + 64;
        to->text = mem_grow(to->text, to->room, 1);
    }
    memcpy(to->text + to->n, text, n);
    to->n += n;
    to->text[to->n] = 0;
    return OK;
}

static const struct {
    const char *type;
    enum normalize_kind kind;
    utf8proc_option_t options;
} plain[] = {
    /* STABLE: Unicode's promise that a text in NFC stays so in later versions. */
    {"NFC", UNICODE, UTF8PROC_STABLE | UTF8PROC_COMPOSE},
    {"NFD", UNICODE, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE},
    {"NFKC", UNICODE, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
    {"NFKD", UNICODE, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT},
    {"Lowercase", LOWERCASE, 0},
    {"StripAccents", ACCENTS, 0},
};

static enum err content_of(struct normalize_step *step, const json_t *content, const char *what)
{
    const char *text = json_string_value(content);

    step->n = json_string_length(content);
    if (!text || step->n > CONTENT_MAX)
        return err_set(ERR_PARSE, "normalizer: %s: no text, or one over %d bytes", what,
                       CONTENT_MAX);
    step->content = mem_new(step->n + 1, 1);
    memcpy(step->content, text, step->n);
    return OK;
}

/* A pattern is a regular expression or a plain text; an empty text would match between all
 * characters, which no tokenizer means. */
static enum err replace_of(struct normalize_step *step, const json_t *part)
{
    const json_t *pattern = json_object_get(part, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex");
    const json_t *string = json_object_get(pattern, "String");
    enum err err = content_of(step, json_object_get(part, "content"), "Replace");

    step->kind = REPLACE;
    if (err)
        return err;
    if (json_is_string(regex))
        err = regex_new(&step->regex, json_string_value(regex), json_string_length(regex));
    else if (json_string_length(string))
        err =
            regex_literal(&step->regex, json_string_value(string), json_string_length(string));
    else
        err = err_set(ERR_PARSE, "no pattern");
    return err ? err_add("normalizer: Replace") : OK;
}

/* Base64 of bytes that SentencePiece's trainer has made: they are checked where they are read. */
static enum err charsmap_of(struct normalize_step *step, const json_t *part)
{
    const json_t *value = json_object_get(part, "precompiled_charsmap");
    unsigned char *bytes = NULL;
    size_t n = 0;
    enum err err;

    step->kind = CHARSMAP;
    if (!json_string_length(value)) /* none: nothing changes */
        return OK;
    err = base64_read(&bytes, &n, json_string_value(value), json_string_length(value));
    if (!err)
        err = charsmap_new(&step->map, (const char *)bytes, n);
    free(bytes);
    return err ? err_add("normalizer: Precompiled") : OK;
}

/* One part of the list. A kind that is not known is refused by name and not passed over: without
 * it every id behind the first difference would be another, and nothing would say so. */
static enum err step_of(struct normalize_step *step, const json_t *part, const char *type)
{
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (!strcmp(type, plain[i].type)) {
            step->kind = plain[i].kind;
            step->options = plain[i].options;
            return OK;
        }
    if (!strcmp(type, "Strip")) {
        step->kind = STRIP;
        step->left = json_is_true(json_object_get(part, "strip_left"));
        step->right = json_is_true(json_object_get(part, "strip_right"));
        return OK;
    }
    if (!strcmp(type, "Prepend")) {
        step->kind = PREPEND;
        return content_of(step, json_object_get(part, "prepend"), "Prepend");
    }
    if (!strcmp(type, "Replace"))
        return replace_of(step, part);
    if (!strcmp(type, "Precompiled"))
        return charsmap_of(step, part);
    return err_set(ERR_PARSE,
                   "normalizer: %.64s is not supported (NFC, NFD, NFKC, NFKD, Lowercase, "
                   "StripAccents, Strip, Prepend, Replace, Precompiled and Sequence are)",
                   *type ? type : "what has no type");
}

/* Sequences within sequences become one list: their order is all that they say. */
static enum err steps_of(struct normalize *normalize, const json_t *part, int depth)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    const json_t *list = json_object_get(part, "normalizers");
    enum err err = OK;
    size_t i;
    json_t *item;

    if (!part || json_is_null(part))
        return OK;
    if (type && !strcmp(type, "Sequence")) {
        if (depth > 4)
            return err_set(ERR_PARSE, "normalizer: Sequence: too deep");
        json_array_foreach(list, i, item)
        {
            err = steps_of(normalize, item, depth + 1);
            if (err)
                return err;
        }
        return OK;
    }
    if (normalize->steps == STEPS_MAX)
        return err_set(ERR_RANGE, "normalizer: more than %d parts", STEPS_MAX);
    return step_of(&normalize->step[normalize->steps++], part, type ? type : "");
}

enum err normalize_new(struct normalize **out, const json_t *normalizer)
{
    struct normalize *normalize = mem_new(1, sizeof *normalize);
    const enum err err = steps_of(normalize, normalizer, 0);

    *out = NULL;
    if (err) {
        normalize_free(normalize);
        return err;
    }
    *out = normalize;
    return OK;
}

void normalize_free(struct normalize *normalize)
{
    if (!normalize)
        return;
    for (int i = 0; i < normalize->steps; i++) {
        free(normalize->step[i].content);
        regex_free(normalize->step[i].regex);
        charsmap_free(normalize->step[i].map);
    }
    free(normalize);
}

bool normalize_any(const struct normalize *normalize)
{
    return normalize->steps > 0;
}

/* A stretch of text in one of Unicode's forms. */
static enum err form(const struct normalize_step *step, const char *text, size_t n,
                     struct normalize_text *to)
{
    utf8proc_uint8_t *made = NULL;
    utf8proc_ssize_t got;
    enum err err;

    if (!n)
        return OK;
    got =
        utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)n, &made, step->options);
    if (got < 0)
        return err_set(ERR_RANGE, "normalizer: %s", utf8proc_errmsg(got));
    err = put(to, (const char *)made, (size_t)got);
    free(made);
    return err;
}

/* A character that Hugging Face's tables do not know ends a stretch and stays as it is. */
static enum err unicode(const struct normalize_step *step, const char *text, size_t n,
                        struct normalize_text *to)
{
    size_t from = 0, bytes;
    uint32_t cp;
    enum err err = OK;

    for (size_t i = 0; i < n && !err; i += bytes) {
        (void)utf8_next(text + i, n - i, &cp, &bytes);
        if (cp < 0x7fd || !unicode9_later(cp))
            continue;
        err = form(step, text + from, i - from, to);
        if (!err)
            err = put(to, text + i, bytes);
        from = i + bytes;
    }
    return err ? err : form(step, text + from, n - from, to);
}

/* Character by character, as Rust's small letters are: a sigma at the end of a word is no
 * final one, and only one capital has a small form of two characters. */
static enum err each(const struct normalize_step *step, const char *text, size_t n,
                     struct normalize_text *to)
{
    enum err err = OK;
    uint32_t cp;

    for (size_t i = 0, bytes; i < n && !err; i += bytes) {
        char out[4];

        (void)utf8_next(text + i, n - i, &cp, &bytes);
        if (step->kind == ACCENTS) {
            if (utf8proc_category((utf8proc_int32_t)cp) != UTF8PROC_CATEGORY_MN)
                err = put(to, text + i, bytes);
        } else if (cp == 0x130) {
            err = put(to, "i\xCC\x87", 3);
        } else {
            cp = (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp);
            err = put(to, out, utf8_put(out, cp));
        }
    }
    return err;
}

/* As Rust trims a text: blanks by Unicode's White_Space. From the right a character is
 * found by going back over the bytes that only continue one. */
static enum err strip(const struct normalize_step *step, const char *text, size_t n,
                      struct normalize_text *to)
{
    size_t start = 0, end = n, bytes;
    uint32_t cp;

    while (step->left && start < end && utf8_next(text + start, end - start, &cp, &bytes) &&
           utf8_space(cp))
        start += bytes;
    while (step->right && end > start) {
        size_t at = end - 1;

        while (at > start && ((unsigned char)text[at] & 0xc0) == 0x80)
            at--;
        if (!utf8_next(text + at, end - at, &cp, &bytes) || !utf8_space(cp))
            break;
        end = at;
    }
    return put(to, text + start, end - start);
}

/* Matches in turn; what an empty match stands before is kept. */
static enum err replace(const struct normalize_step *step, struct regex_work *work,
                        const char *text, size_t n, struct normalize_text *to)
{
    size_t from = 0, done = 0, start, end;
    bool found = true;
    enum err err = OK;

    while (!err && from <= n) {
        err = regex_find(step->regex, work, text, n, from, &start, &end, &found);
        if (err || !found)
            break;
        err = put(to, text + done, start - done);
        if (!err)
            err = put(to, step->content, step->n);
        done = from = end;
        if (start == end)
            do
                from++;
            while (from < n && ((unsigned char)text[from] & 0xc0) == 0x80);
    }
    return err ? err : put(to, text + done, n - done);
}

static enum err run_step(const struct normalize_step *step, struct regex_work *work,
                         const char *text, size_t n, struct normalize_text *to)
{
    char *mapped;
    enum err err;

    switch (step->kind) {
    case UNICODE:
        return unicode(step, text, n, to);
    case LOWERCASE:
    case ACCENTS:
        return each(step, text, n, to);
    case STRIP:
        return strip(step, text, n, to);
    case PREPEND:
        err = n ? put(to, step->content, step->n) : OK;
        return err ? err : put(to, text, n);
    case REPLACE:
        return replace(step, work, text, n, to);
    case CHARSMAP:
        break;
    }
    if (!step->map)
        return put(to, text, n);
    err = charsmap_run(step->map, text, n, NORMALIZE_BYTES_MAX, &mapped, &n);
    if (!err) {
        err = put(to, mapped, n);
        free(mapped);
    }
    return err;
}

enum err normalize_run(const struct normalize *normalize, struct regex_work *work,
                       const char *text, size_t n, char **out, size_t *m)
{
    struct normalize_text now = {NULL, 0, 0};
    enum err err = put(&now, text, n);

    for (int i = 0; i < normalize->steps && !err; i++) {
        struct normalize_text next = {NULL, 0, 0};

        err = put(&next, "", 0);
        if (!err)
            err = run_step(&normalize->step[i], work, now.text, now.n, &next);
        free(now.text);
        now = next;
    }
    *out = NULL;
    *m = 0;
    if (err) {
        free(now.text);
        return err;
    }
    *out = now.text;
    *m = now.n;
    return OK;
}
