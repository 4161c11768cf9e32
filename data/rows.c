/* How it works: rows_open reads the first line at once, because only that tells a file of
 * lines from one JSON document: if the first line is no object and the name ends in .json,
 * the whole file is tried. If neither can be read, the words are those of the line: a broken
 * file of lines is the commoner case. What was read or refused at the opening is handed out
 * by the first rows_next, so callers see one stream whatever the file was. */
#include "data/rows.h"

#include "base/mem.h"
#include "data/jsonl.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Either `lines`, or the items of a document and how far they were given. */
struct rows {
    char *path;
    struct jsonl *lines; /* NULL: a document */
    json_t *first;       /* of a file of lines: read at the opening, not yet given */
    json_t *items;       /* of a document */
    size_t at;
    enum err refused; /* the first line's error, not yet given, and its words */
    char *words;
};

/* Names alone decide what is tried, never whether it is believed. */
static bool ends_in(const char *path, const char *suffix)
{
    const size_t n = strlen(path), m = strlen(suffix);

    return n >= m && !strcmp(path + n - m, suffix);
}

/* Bounded by ROWS_WHOLE_MAX of unpacked bytes: a small gzip file may be anything. */
static enum err read_whole(char **out, size_t *n, const char *path)
{
    gzFile file = gzopen(path, "rb");
    size_t room = 1 << 16, used = 0;
    char *bytes;

    if (!file)
        return err_set(ERR_IO, "%s: %s", path, errno ? strerror(errno) : "no memory");
    bytes = mem_new(room, 1);
    for (;;) {
        const int got = gzread(file, bytes + used, (unsigned)(room - used));
        if (got <= 0) {
            int code;
            const char *why = gzerror(file, &code);
            /* A file that was cut off ends with 0 bytes and an error that only gzerror
             * tells. */
            const bool bad = got < 0 || (code != Z_OK && code != Z_STREAM_END);
            const enum err err = bad ? err_set(ERR_IO, "%s: %s", path, why) : OK;
            gzclose(file);
            if (err)
                free(bytes);
            *out = err ? NULL : bytes;
            *n = used;
            return err;
        }
        used += (size_t)got;
        if (used > ROWS_WHOLE_MAX) {
            gzclose(file);
            free(bytes);
            return err_set(ERR_RANGE, "%s: one JSON document of more than %d bytes", path,
                           ROWS_WHOLE_MAX);
        }
        if (used == room)
            bytes = mem_grow(bytes, room *= 2, 1);
    }
}

enum err rows_document(json_t **out, const char *path)
{
    char *bytes = NULL;
    size_t n = 0;
    json_error_t why;
    enum err err = read_whole(&bytes, &n, path);

    *out = NULL;
    if (err)
        return err;
    *out = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &why);
    free(bytes);
    if (!*out) {
        (void)jsonl_refused(&why);
        return err_add("%s:%d", path, why.line);
    }
    return OK;
}

/* The first line was not an object: perhaps the whole file is. */
static enum err try_document(struct rows *rows)
{
    json_t *whole;
    char *words = mem_text(err_text());

    if (rows_document(&whole, rows->path)) {
        rows->words = words; /* neither: the line's own reason says more */
        rows->refused = ERR_PARSE;
        return OK;
    }
    free(words);
    jsonl_close(rows->lines);
    rows->lines = NULL;
    if (json_is_array(whole)) {
        rows->items = whole;
        return OK;
    }
    /* One object: a file with one record in it, written over several lines. */
    rows->items = json_array();
    json_array_append_new(rows->items, whole);
    return OK;
}

enum err rows_open(struct rows **out, const char *path)
{
    struct jsonl *lines;
    enum err err = jsonl_open(&lines, path);
    struct rows *rows;

    *out = NULL;
    if (err)
        return err;
    rows = mem_new(1, sizeof(*rows));
    rows->path = mem_text(path);
    rows->lines = lines;
    err = jsonl_next(lines, &rows->first);
    if (err == ERR_PARSE && jsonl_line(lines) == 1 &&
        (ends_in(path, ".json") || ends_in(path, ".json.gz"))) {
        err = try_document(rows);
    } else if (err == ERR_PARSE) {
        rows->words = mem_text(err_text());
        rows->refused = ERR_PARSE;
        err = OK;
    }
    if (err)
        rows_close(rows);
    else
        *out = rows;
    return err;
}

void rows_close(struct rows *rows)
{
    if (!rows)
        return;
    jsonl_close(rows->lines);
    json_decref(rows->first);
    json_decref(rows->items);
    free(rows->words);
    free(rows->path);
    free(rows);
}

/* First what the opening read or refused, then what follows: lines, or a document's items. An
 * item that is no object is told by its place, and the next call goes on behind it. */
enum err rows_next(struct rows *rows, json_t **out)
{
    json_t *item;

    *out = NULL;
    if (rows->refused) {
        const enum err err = err_set(rows->refused, "%s", rows->words);
        rows->refused = OK;
        return err;
    }
    if (rows->first) {
        *out = rows->first;
        rows->first = NULL;
        return OK;
    }
    if (rows->lines)
        return jsonl_next(rows->lines, out);
    if (rows->at == json_array_size(rows->items))
        return OK;
    item = json_array_get(rows->items, rows->at++);
    if (!json_is_object(item))
        return err_set(ERR_PARSE, "%s:%zu: expected an object {...}", rows->path, rows->at);
    *out = json_incref(item);
    return OK;
}

long rows_line(const struct rows *rows)
{
    return rows->lines ? jsonl_line(rows->lines) : (long)rows->at;
}

enum err rows_at(const struct rows *rows)
{
    return err_add("%s:%ld", rows->path, rows_line(rows));
}
