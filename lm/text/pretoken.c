/* How it works: a list of steps, each of which cuts every piece that the one before handed down
 * (descend -> cut -> part -> release -> descend). A step sees its matches and what lies between
 * them alternately; its behavior says which of two neighbours join, so one part is held back
 * until the next is known. ByteLevel must be last: the pieces are then bytes for BPE. Without it
 * they are the text itself, for SentencePiece's kinds, whose step is Metaspace: a mark for each
 * blank.
 *
 * The regular expressions are the ones in tokenizer.json; the names in GGUF's
 * tokenizer.ggml.pre stand for some of them (pretoken_names.c). */

#include "lm/text/pretoken.h"

#include "base/mem.h"
#include "lm/text/pretoken_names.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 16 };

enum behavior { ISOLATED, REMOVED, CONTIGUOUS, WITH_PREVIOUS, WITH_NEXT };

/* When Metaspace puts a mark before a piece that begins with none. */
enum prepend { PREPEND_NEVER, PREPEND_FIRST, PREPEND_ALWAYS };

struct pretoken_step {
    struct regex *regex; /* NULL: passes the text on whole */
    enum behavior behavior;
    bool invert, prefix; /* prefix: a space before a piece that has none */
    char mark[5];        /* Metaspace's; "" in other steps */
    enum prepend prepend;
};

struct pretoken {
    struct pretoken_step step[STEPS_MAX];
    int steps;
    bool bytes; /* ByteLevel is its last */
};

/* Rust's char::is_numeric (Unicode 17) is \p{N} of Unicode 14, which Debian's PCRE2 has, and
 * what came since. */
#define NUMERIC \
    "[\\p{N}\\x{10d40}-\\x{10d49}\\x{116d0}-\\x{116e3}\\x{11bf0}-\\x{11bf9}\\x{11de0}-\\x{" \
    "11de9}" \
    "\\x{11f50}-\\x{11f59}\\x{16130}-\\x{16139}\\x{16d70}-\\x{16d79}\\x{16ff4}-\\x{16ff6}" \
    "\\x{1ccf0}-\\x{1ccf9}\\x{1d2c0}-\\x{1d2d3}\\x{1e4f0}-\\x{1e4f9}\\x{1e5f1}-\\x{1e5fa}]"

static bool flag(const json_t *object, const char *key, bool fallback)
{
    const json_t *value = json_object_get(object, key);

    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

/* Hugging Face's five, by the names of tokenizer.json. */
static enum err behavior_of(enum behavior *out, const json_t *split)
{
    static const char *const name[] = {"Isolated", "Removed", "Contiguous",
                                       "MergedWithPrevious", "MergedWithNext"};
    const char *text = json_string_value(json_object_get(split, "behavior"));

    for (int i = 0; text && i < 5; i++)
        if (!strcmp(text, name[i])) {
            *out = (enum behavior)i;
            return OK;
        }
    return err_set(ERR_PARSE, "pre_tokenizer: Split: behavior %s is not known",
                   text ? text : "is missing and");
}

static enum err split_of(struct pretoken_step *step, const json_t *split)
{
    const json_t *pattern = json_object_get(split, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex");
    const json_t *string = json_object_get(pattern, "String");
    enum err err = behavior_of(&step->behavior, split);

    if (err)
        return err;
    step->invert = flag(split, "invert", false);
    if (json_is_string(regex))
        err = regex_new(&step->regex, json_string_value(regex), json_string_length(regex));
    else if (json_is_string(string))
        err =
            regex_literal(&step->regex, json_string_value(string), json_string_length(string));
    else
        return err_set(ERR_PARSE, "pre_tokenizer: Split: no pattern");
    return err ? err_add("pre_tokenizer: Split") : OK;
}

/* Files of before 2024 say add_prefix_space and have no scheme. */
static enum err meta_of(struct pretoken_step *step, const json_t *part)
{
    const json_t *mark = json_object_get(part, "replacement");
    const char *scheme = json_string_value(json_object_get(part, "prepend_scheme"));
    const size_t n = json_string_length(mark);

    if (!n || n > 4)
        return err_set(ERR_PARSE, "pre_tokenizer: Metaspace: no replacement");
    memcpy(step->mark, json_string_value(mark), n);
    if (!scheme)
        step->prepend = flag(part, "add_prefix_space", true) ? PREPEND_ALWAYS : PREPEND_NEVER;
    else if (!strcmp(scheme, "always"))
        step->prepend = PREPEND_ALWAYS;
    else if (!strcmp(scheme, "first"))
        step->prepend = PREPEND_FIRST;
    else if (strcmp(scheme, "never") != 0)
        return err_set(ERR_PARSE, "pre_tokenizer: Metaspace: prepend_scheme %.64s is not known",
                       scheme);
    step->behavior = WITH_NEXT;
    return flag(part, "split", true) ? regex_literal(&step->regex, step->mark, n) : OK;
}

/* *last: it was ByteLevel, behind which nothing may come. */
static enum err step_of(struct pretoken_step *step, const json_t *part, bool *last)
{
    const char *type = json_string_value(json_object_get(part, "type"));

    *last = false;
    if (!type)
        return err_set(ERR_PARSE, "pre_tokenizer: no type");
    if (!strcmp(type, "Split"))
        return split_of(step, part);
    if (!strcmp(type, "Digits")) {
        step->behavior = flag(part, "individual_digits", false) ? ISOLATED : CONTIGUOUS;
        return regex_own(&step->regex, NUMERIC);
    }
    if (!strcmp(type, "Metaspace"))
        return meta_of(step, part);
    if (!strcmp(type, "WhitespaceSplit")) {
        step->behavior = REMOVED;
        return regex_own(&step->regex, "\\p{White_Space}");
    }
    if (strcmp(type, "ByteLevel"))
        return err_set(ERR_PARSE,
                       "pre_tokenizer: %.64s is not supported (Split, Digits, ByteLevel, "
                       "Metaspace, WhitespaceSplit and Sequence are)",
                       type);
    *last = true;
    /* Hugging Face's defaults, where the file leaves a key out, are true for both. */
    step->prefix = flag(part, "add_prefix_space", true);
    return flag(part, "use_regex", true)
               ? regex_new(&step->regex, PRETOKEN_GPT2, strlen(PRETOKEN_GPT2))
               : OK;
}

/* Nested sequences become one flat list. */
static enum err steps_of(struct pretoken *pretoken, const json_t *part, bool *last, int depth)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    const json_t *list = json_object_get(part, "pretokenizers");
    enum err err = OK;
    size_t i;
    json_t *item;

    if (type && !strcmp(type, "Sequence")) {
        if (!json_is_array(list) || depth > 4)
            return err_set(ERR_PARSE, "pre_tokenizer: Sequence: no list, or too deep");
        json_array_foreach(list, i, item)
        {
            err = steps_of(pretoken, item, last, depth + 1);
            if (err)
                return err;
        }
        return OK;
    }
    /* Behind ByteLevel pieces are bytes in GPT-2's letters: other steps' patterns would see
     * those. */
    if (*last)
        return err_set(ERR_PARSE, "pre_tokenizer: %.64s after ByteLevel is not supported",
                       type ? type : "a part");
    if (pretoken->steps == STEPS_MAX)
        return err_set(ERR_RANGE, "pre_tokenizer: more than %d parts", STEPS_MAX);
    return step_of(&pretoken->step[pretoken->steps++], part, last);
}

enum err pretoken_new(struct pretoken **out, const json_t *pre_tokenizer)
{
    struct pretoken *pretoken = mem_new(1, sizeof *pretoken);
    bool last = false;
    enum err err = OK;

    *out = NULL;
    if (json_is_object(pre_tokenizer))
        err = steps_of(pretoken, pre_tokenizer, &last, 0);
    else if (pre_tokenizer && !json_is_null(pre_tokenizer))
        err = err_set(ERR_PARSE, "pre_tokenizer: not an object");
    if (err) {
        pretoken_free(pretoken);
        return err;
    }
    pretoken->bytes = last;
    *out = pretoken;
    return OK;
}

bool pretoken_bytes(const struct pretoken *pretoken)
{
    return pretoken->bytes;
}

void pretoken_free(struct pretoken *pretoken)
{
    if (!pretoken)
        return;
    for (int i = 0; i < pretoken->steps; i++)
        regex_free(pretoken->step[i].regex);
    free(pretoken);
}

/* What a split hands down. */
struct pretoken_run {
    const struct pretoken *pretoken;
    struct regex_work *work;
    pretoken_emit *emit;
    void *context;
    const char *beginning; /* of the whole text, NULL if this is not its first part */
};

/* A part of a text that waits for what comes after it. */
struct pretoken_held {
    size_t start, end;
    bool match, any;
};

static enum err descend(const struct pretoken_run *run, int k, const char *text, size_t n);

/* Hands the held part on, if it has any bytes. */
static enum err release(const struct pretoken_run *run, int k, const char *text,
                        struct pretoken_held *held)
{
    const bool any = held->any && held->end > held->start;

    held->any = false;
    return any ? descend(run, k + 1, text + held->start, held->end - held->start) : OK;
}

/* The next part, match or not, under the step's behavior (tokenizers, normalizer.rs, split). */
static enum err part(const struct pretoken_run *run, int k, const char *text,
                     struct pretoken_held *held, struct pretoken_held next)
{
    const struct pretoken_step *step = &run->pretoken->step[k];
    bool joins = false;
    enum err err;

    /* From here on "match" means what the behavior is about, whichever of the two that is. */
    next.match ^= step->invert;
    if (step->behavior == CONTIGUOUS)
        joins = held->any && held->match == next.match;
    else if (step->behavior == WITH_PREVIOUS)
        joins = held->any && next.match && !held->match;
    else if (step->behavior == WITH_NEXT)
        joins = held->any && held->match && !next.match;
    if (joins) {
        held->end = next.end;
        held->match = next.match;
        return OK;
    }
    err = release(run, k, text, held);
    /* Released before it is dropped: what was held still counts, and comes first. */
    if (err || (step->behavior == REMOVED && next.match))
        return err;
    *held = next;
    return OK;
}

/* Parts of the text, matches and what lies between them; an empty match cuts. */
static enum err cut(const struct pretoken_run *run, int k, const char *text, size_t n)
{
    struct pretoken_held held = {.any = false};
    size_t from = 0, done = 0, start, end;
    bool found = true;
    enum err err = OK;

    while (!err && from <= n) {
        err = regex_find(run->pretoken->step[k].regex, run->work, text, n, from, &start, &end,
                         &found);
        if (err || !found)
            break;
        if (start > done)
            err = part(run, k, text, &held, (struct pretoken_held){done, start, false, true});
        if (!err)
            err = part(run, k, text, &held, (struct pretoken_held){start, end, true, true});
        /* `from` may be ahead of `done`: what an empty match steps over is not cut off, it
         * stays part of what lies before the next match. */
        done = end;
        from = end;
        if (start == end) /* an empty match: on by one character */
            do
                from++;
            while (from < n && ((unsigned char)text[from] & 0xc0) == 0x80);
    }
    if (!err && done < n)
        err = part(run, k, text, &held, (struct pretoken_held){done, n, false, true});
    return err ? err : release(run, k, text, &held);
}

/* A mark for each blank, and perhaps one before them. The pieces of the copy are none of the
 * text's beginning: a second Metaspace would find the marks of the first there anyway. */
static enum err marked(const struct pretoken_run *run, int k, const char *text, size_t n)
{
    const struct pretoken_step *step = &run->pretoken->step[k];
    const size_t m = strlen(step->mark);
    char *out = mem_new(m * (n + 1) + 1, 1);
    size_t at = 0;
    enum err err;

    if ((step->prepend == PREPEND_ALWAYS ||
         (step->prepend == PREPEND_FIRST && text == run->beginning)) &&
        text[0] != ' ' && (n < m || memcmp(text, step->mark, m) != 0)) {
        memcpy(out, step->mark, m);
        at = m;
    }
    for (size_t i = 0; i < n; i++) {
        if (text[i] != ' ') {
            out[at++] = text[i];
            continue;
        }
        memcpy(out + at, step->mark, m);
        at += m;
    }
    err = step->regex ? cut(run, k, out, at) : descend(run, k + 1, out, at);
    free(out);
    return err;
}

/* Recursion is as deep as there are steps, STEPS_MAX at most. */
static enum err descend(const struct pretoken_run *run, int k, const char *text, size_t n)
{
    const struct pretoken_step *step;
    char *spaced;
    enum err err;

    if (k == run->pretoken->steps)
        return run->emit(run->context, text, n);
    step = &run->pretoken->step[k];
    if (*step->mark)
        return marked(run, k, text, n);
    if (!step->prefix || text[0] == ' ')
        return step->regex ? cut(run, k, text, n) : descend(run, k + 1, text, n);
    /* A copy, since the space must stand beside the text for the pattern to see them as one. */
    spaced = mem_new(n + 1, 1);
    spaced[0] = ' ';
    memcpy(spaced + 1, text, n);
    err = step->regex ? cut(run, k, spaced, n + 1) : descend(run, k + 1, spaced, n + 1);
    free(spaced);
    return err;
}

enum err pretoken_split(const struct pretoken *pretoken, struct regex_work *work,
                        const char *text, size_t n, bool first, pretoken_emit *emit,
                        void *context)
{
    const struct pretoken_run run = {pretoken, work, emit, context, first ? text : NULL};

    return n ? descend(&run, 0, text, n) : OK;
}
