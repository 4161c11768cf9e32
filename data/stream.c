/* How it works: a row becomes its format's records; each is checked, converted, given its calls
 * as text, checked again (what a conversion made must be a record, too) and handed to the sink,
 * one by one. So memory does not grow with the files, but for a hash a record when repetitions
 * are left out, for OpenAssistant's table of messages, and for unpaired records that shall become pairs, which are only known at the
 * end.
 *
 * An error of a record is one of the data: with strict=false it is counted and left out. The
 * sink's own error (a full disk) is none: `broken` keeps the two apart. */
#include "data/stream.h"

#include "base/mem.h"
#include "base/say.h"
#include "data/plain.h"
#include "data/record_text.h"
#include "data/rows.h"
#include "data/threads.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One run over all files. */
struct stream {
    const struct stream_rule *rule;
    enum err (*sink)(void *self, const json_t *row);
    void *self;
    struct stream_count *count;
    json_t *seen;     /* {hash: true} */
    json_t *unpaired; /* kept until the end; NULL: not wanted */
    enum err broken;  /* the sink's error: no bad record */
};

/* Only the first is kept: a record is left out for one reason. */
static void first_flaw(void *self, enum record_flaw flaw, const char *words)
{
    enum err *err = self;
    char *copy = mem_text(words); /* they may be the standing ones */

    if (!*err)
        *err = err_set(ERR_PARSE, "%s: %s", record_kind_check_name(flaw), copy);
    free(copy);
}

/* The first flaw as an error; lint tells them all. */
static enum err check(const json_t *row)
{
    enum record_kind kind;
    enum err err = record_kind_of(&kind, row), flaw = OK;

    if (!err)
        record_kind_check(row, kind, first_flaw, &flaw);
    return err ? err : flaw;
}

/* By hash: two records of the same words are the same, whatever their columns' order. */
static bool came_before(struct stream *s, const json_t *row)
{
    char name[HASH_TEXT];
    const struct hash hash = record_text_hash(row);

    if (!s->rule->distinct)
        return false;
    hash_text(name, &hash);
    if (json_object_get(s->seen, name))
        return true;
    json_object_set_new(s->seen, name, json_true());
    return false;
}

/* A record on its way out, checked. */
static enum err pass_on(struct stream *s, const json_t *row)
{
    const enum err err = check(row);

    if (err)
        return err;
    if (came_before(s, row)) {
        s->count->repeated++;
        return OK;
    }
    s->count->written++;
    return s->broken = s->sink(s->self, row);
}

static enum err give(struct stream *s, const json_t *row)
{
    json_t *plain = NULL;
    enum err err;

    if (!s->rule->plain)
        return pass_on(s, row);
    err = plain_record(&plain, row);
    if (!err)
        err = pass_on(s, plain);
    json_decref(plain);
    return err;
}

/* Such a record is kept for the end, when pairs are wanted. */
static bool is_unpaired(const json_t *row)
{
    enum record_kind kind;

    return !record_kind_of(&kind, row) && kind == KIND_UNPAIRED;
}

/* One row of a file, all the way. */
static enum err turn(struct stream *s, const json_t *row)
{
    json_t *made = json_array(), *out = json_array(), *item;
    size_t i;
    enum err err = format_rows(made, row, &s->rule->format);

    json_array_foreach(made, i, item)
    {
        if (err)
            break;
        err = check(item);
        if (!err && s->unpaired && is_unpaired(item))
            json_array_append(s->unpaired, item);
        else if (!err && s->rule->convert)
            err = convert_row(out, item, &s->rule->to);
        else if (!err)
            json_array_append(out, item);
    }
    /* All that a row gives is made before anything of it goes out. */
    json_array_foreach(out, i, item) if (!err) err = give(s, item);
    json_decref(made);
    json_decref(out);
    return err;
}

/* Of those left out, the first one's words are kept for the line at the end. */
static void bad(struct stream *s)
{
    if (!s->count->bad++)
        snprintf(s->count->first, sizeof(s->count->first), "%s", err_text());
}

/* Trees that a table of messages makes, behind its last row; a bad one is a bad record. */
static enum err turn_threads(struct stream *s, struct threads *threads, const char *path)
{
    json_t *tree;
    enum err err = OK;

    while (!err && (tree = threads_next(threads, &s->count->line))) {
        err = turn(s, tree);
        json_decref(tree);
        if (err && !s->broken)
            err = err_add("%s:%ld", path, s->count->line);
        if (err && !s->broken && !s->rule->strict) {
            bad(s);
            err = OK;
        }
    }
    if (!err && threads_astray(threads))
        say(stderr, "data: %s: %zu messages left out: what they reply to is not there\n", path,
            threads_astray(threads));
    return err;
}

/* Row by row; a line that is no JSON is a bad record like others. */
static enum err read_file(struct stream *s, const char *path)
{
    struct rows *rows;
    struct threads *threads = threads_new();
    const bool joined = s->rule->format.format == FORMAT_OASST;
    enum err err = rows_open(&rows, path);

    while (!err) {
        json_t *row = NULL;
        err = rows_next(rows, &row);
        if (!err && !row)
            break;
        s->count->rows++;
        s->count->path = path;
        s->count->line = rows_line(rows);
        if (!err) {
            err = joined && threads_message(row) ? threads_take(threads, row, s->count->line)
                                                 : turn(s, row);
            if (err && !s->broken)
                (void)rows_at(rows);
        }
        json_decref(row);
        /* A row's error, or that of a line that is none. Else the file itself cannot be read
         * on. */
        if (err && !s->broken && !s->rule->strict && (err == ERR_PARSE || row)) {
            bad(s);
            err = OK;
        }
    }
    rows_close(rows);
    if (!err)
        err = turn_threads(s, threads, path);
    threads_free(threads);
    return err;
}

enum err stream_run(const char *const *path, int n, const struct stream_rule *rule,
                    enum err (*sink)(void *self, const json_t *row), void *self,
                    struct stream_count *count)
{
    struct stream s = {.rule = rule, .sink = sink, .self = self, .count = count};
    json_t *pairs = json_array(), *item;
    size_t i;
    enum err err = OK;

    *count = (struct stream_count){0};
    s.seen = json_object();
    if (rule->convert && rule->to.to == KIND_PREFERENCE)
        s.unpaired = json_array();
    for (int f = 0; f < n && !err; f++)
        err = read_file(&s, path[f]);
    if (!err && s.unpaired)
        err = convert_pair(pairs, s.unpaired, &rule->to);
    count->path = NULL;
    json_array_foreach(pairs, i, item) if (!err)
    {
        err = give(&s, item);
        if (err && !s.broken && !rule->strict) {
            bad(&s);
            err = OK;
        }
    }
    json_decref(pairs);
    json_decref(s.seen);
    json_decref(s.unpaired);
    return err;
}

enum err stream_share(double *out, const json_t *row, uint64_t seed, bool by_record)
{
    struct {
        uint64_t seed;
        struct hash hash;
    } key = {.seed = seed};
    json_t *prompt = NULL;
    struct hash hash;
    uint64_t high = 0;
    enum record_kind kind;
    enum err err = record_kind_of(&kind, row);

    if (!err && !by_record)
        err = record_kind_prompt(&prompt, row, kind);
    if (err)
        return err;
    /* Hashed as bytes: the struct has no gaps. */
    key.hash = record_text_hash(by_record ? row : prompt);
    json_decref(prompt);
    hash = hash_of(&key, sizeof(key));
    for (int i = 0; i < 8; i++)
        high = high << 8 | hash.byte[i];
    /* 53 bits, which a double holds exactly: so the share is below 1. */
    *out = (double)(high >> 11) * 0x1p-53;
    return OK;
}
