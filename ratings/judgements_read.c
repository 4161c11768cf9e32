/* How: a row of the file becomes a struct judgements_said, whose strings point into the row or
 * into scratch that lives as long (take: one place for each key). Keys that nobody asks for
 * are counted by name, for the caller to tell.
 *
 * Rows of votes have models for candidates. Their item, where none is named, is the prompt
 * with the two models; a prompt that is no short string is known by its hash, so that a whole
 * dialogue may stand there. */

#include "ratings/judgements.h"

#include "base/hash.h"
#include "base/mem.h"
#include "data/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SCRATCH = 8 };

struct judgements_reading {
    struct judgements *all;
    const json_t *row;
    struct judgements_said said;
    char *scratch[SCRATCH]; /* texts made for this row */
    int n;
};

/* A row makes a few texts at most, one a key: SCRATCH is more than there are such keys. */
static char *keep(struct judgements_reading *r, char *text)
{
    r->scratch[r->n++] = text;
    return text;
}

/* Strings, numbers and truth values are words; 1.0 is 1. NULL of null. */
static enum err word_of(struct judgements_reading *r, const json_t *value, const char **out)
{
    *out = NULL;
    if (!value || json_is_null(value))
        return OK;
    if (json_is_string(value))
        *out = json_string_value(value);
    else if (json_is_boolean(value))
        *out = json_is_true(value) ? "true" : "false";
    else if (json_is_integer(value))
        *out = keep(r, mem_print("%lld", (long long)json_integer_value(value)));
    else if (json_is_real(value))
        *out = keep(r, mem_print("%.17g", json_real_value(value)));
    else
        return err_set(ERR_PARSE, "expected a string or a number");
    return OK;
}

/* The first of two names that the row has. */
static enum err word(struct judgements_reading *r, const char *key, const char *other,
                     const char **out)
{
    const json_t *value = json_object_get(r->row, key);
    enum err err;

    if (!value && other)
        value = json_object_get(r->row, key = other);
    err = word_of(r, value, out);
    return err ? err_add("`%s`", key) : OK;
}

/* A prompt of any form and length as a name. */
static const char *prompt_of(struct judgements_reading *r)
{
    const json_t *value = json_object_get(r->row, "prompt");
    char hex[HASH_TEXT], *text;
    struct hash hash;

    if (!value || json_is_null(value))
        return NULL;
    if (json_is_string(value) && json_string_length(value) &&
        json_string_length(value) <= JUDGEMENTS_NAME_MAX / 4)
        return json_string_value(value);
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT);
    if (!text)
        return NULL;
    hash = hash_of(text, strlen(text));
    free(text);
    (void)hash_text(hex, &hash);
    return keep(r, mem_print("#%.16s", hex));
}

static enum err number(const struct judgements_reading *r, const char *key, double *out)
{
    const json_t *value = json_object_get(r->row, key);

    if (!value || json_is_null(value))
        return OK;
    if (!json_is_number(value))
        return err_set(ERR_PARSE, "`%s`: expected a number", key);
    *out = json_number_value(value);
    return *out >= 0 ? OK : err_set(ERR_PARSE, "`%s`: %g is below 0", key, *out);
}

/* Where the chosen answer stood, not where answer a did: that is what a left bias is about. */
static enum err take_side(struct judgements_reading *r)
{
    const char *text;
    enum err err = word(r, "side", NULL, &text);

    if (err || !text || !*text)
        return err;
    if (strcmp(text, "left") && strcmp(text, "right"))
        return err_set(ERR_PARSE,
                       "`side` is '%.60s', and neither left nor right: where what was "
                       "chosen stood",
                       text);
    r->said.side = *text == 'l' ? SIDE_LEFT : SIDE_RIGHT;
    return OK;
}

/* Of the answer itself where it stands there, else as it is told. Characters, not bytes. */
static enum err take_length(const struct judgements_reading *r, const char *answer,
                            const char *told, double *out)
{
    const char *text = json_string_value(json_object_get(r->row, answer));

    if (!text)
        return number(r, told, out);
    *out = 0;
    for (const char *at = text; *at; at++)
        *out += ((unsigned char)*at & 0xC0) != 0x80;
    return OK;
}

/* Votes name no item: it is the prompt and the two models, whichever stood first. */
static void name_item(struct judgements_reading *r)
{
    struct judgements_said *said = &r->said;
    const bool order = said->a && said->b && strcmp(said->a, said->b) < 0;

    if (!said->item && said->a && said->b)
        said->item = keep(r, mem_print("%s | %s | %s", said->prompt ? said->prompt : "",
                                       order ? said->a : said->b, order ? said->b : said->a));
}

static enum err take_pair(struct judgements_reading *r)
{
    const bool votes = json_object_get(r->row, "model_a") || json_object_get(r->row, "model_b");
    const json_t *x = json_object_get(r->row, "x");
    enum err err;

    err = word(r, votes ? "model_a" : "a", NULL, &r->said.a);
    if (!err)
        err = word(r, votes ? "model_b" : "b", NULL, &r->said.b);
    if (!err)
        err = take_length(r, "answer_a", "length_a", &r->said.length_a);
    if (!err)
        err = take_length(r, "answer_b", "length_b", &r->said.length_b);
    if (err)
        return err;
    if (x && !json_is_null(x) && !json_is_object(x))
        return err_set(ERR_PARSE, "`x`: expected {name: number}");
    r->said.x = json_is_object(x) ? x : NULL;
    if (votes)
        name_item(r);
    return OK;
}

static enum err take_undone(struct judgements_reading *r)
{
    const json_t *undone = json_object_get(r->row, "undone");

    if (undone && !json_is_boolean(undone) && !json_is_null(undone))
        return err_set(ERR_PARSE, "`undone`: expected true or false");
    r->said.undone = json_is_true(undone);
    return OK;
}

/* What is a number, and what is one of a few words. */
static enum err take_marks(struct judgements_reading *r)
{
    double time = -1;
    enum err err = number(r, "time", &time);

    if (!err)
        err = number(r, "seconds", &r->said.seconds);
    if (!err)
        err = take_side(r);
    if (!err)
        err = take_undone(r);
    /* 2^63 ms are no time that anybody saw. */
    r->said.time = time >= 0 && time < 9e18 ? (int64_t)time : -1;
    return err;
}

static enum err take(struct judgements_reading *r)
{
    const char *verdict = json_object_get(r->row, "winner") ? "winner" : "verdict";
    enum err err = OK;

    /* Its verdict says that one was chosen, and not which: all would agree. */
    if (json_object_get(r->row, "verdict") && json_object_get(r->row, "choice"))
        err = err_set(ERR_PARSE, "a row of `drover prefs export format=csv`: format=judgements "
                                 "writes what is read here, and the store itself is read, too");
    if (!err)
        err = word(r, "item", NULL, &r->said.item);

    if (!err)
        err = word(r, "annotator", "judge", &r->said.annotator);
    if (!err)
        err = word(r, "value", verdict, &r->said.value);
    if (!err)
        err = word(r, "why", NULL, &r->said.why);
    if (!err)
        err = word(r, "gold", NULL, &r->said.gold);
    if (!err)
        err = take_marks(r);
    if (!err) {
        r->said.prompt = prompt_of(r);
        err = r->all->level == JUDGEMENTS_PAIRS ? take_pair(r) : OK;
    }
    return err ? err : judgements_add(r->all, &r->said);
}

/* For the caller to tell: at most so many names, for a stranger's rows may have a new one
 * each. */
static void note_keys(struct judgements *all, const json_t *row)
{
    static const char *const known[] = {
        "item",     "annotator", "judge",   "value",    "winner",   "verdict",
        "prompt",   "time",      "why",     "gold",     "seconds",  "side",
        "undone",   "a",         "b",       "answer_a", "answer_b", "x",
        "length_a", "length_b",  "model_a", "model_b"};
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)row, key, value)
    {
        size_t i = 0;
        while (i < sizeof known / sizeof *known && strcmp(known[i], key))
            i++;
        if (i == sizeof known / sizeof *known && json_object_size(all->ignored) < 64)
            json_object_set_new(all->ignored, key, json_integer(1));
    }
}

enum err judgements_read_row(struct judgements *all, const json_t *row)
{
    struct judgements_reading r = {
        .all = all,
        .row = row,
        .said = {.time = -1, .seconds = NAN, .length_a = NAN, .length_b = NAN}};
    const enum err err = take(&r);

    note_keys(all, row);
    for (int i = 0; i < r.n; i++)
        free(r.scratch[i]);
    return err;
}

/* The first row that cannot be read ends it: figures about a part of a file would look like
 * those of the file. */
static enum err read_file(struct judgements *all, const char *path)
{
    struct rows *rows;
    json_t *row = NULL;
    enum err err = rows_open(&rows, path);

    while (!err && !(err = rows_next(rows, &row)) && row) {
        if (judgements_read_row(all, row))
            err = rows_at(rows);
        json_decref(row);
    }
    rows_close(rows);
    return err;
}

enum err judgements_read(struct judgements *all, const char *const *path, size_t n)
{
    enum err err = OK;

    for (size_t i = 0; i < n && !err; i++)
        err = read_file(all, path[i]);
    if (!err && !all->n)
        err = err_set(ERR_PARSE, "%s: holds no judgement", n ? path[0] : "no file");
    return err ? err : judgements_end(all);
}
