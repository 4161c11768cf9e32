/* How it works: rows_open looks at the first bytes and the name and opens one of the forms, which
 * all give their objects by the same three functions (struct form). Of text, the first line is
 * read at once, because only that tells a file of lines from one JSON document: if it is no
 * object and the name ends in .json, the whole file is tried. If neither can be read, the words
 * are those of the line: a broken file of lines is the commoner case. What was read or refused
 * at the opening is handed out by the first rows_next, so callers see one stream whatever the
 * file was. */
#include "data/rows.h"

#include "base/fs.h"
#include "base/mem.h"
#include "data/columns/arrow.h"
#include "data/columns/bytes.h"
#include "data/columns/parquet.h"
#include "data/csv.h"
#include "data/jsonl.h"
#include "data/unpack.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A kind of file whose objects are streamed. */
struct form {
    enum err (*next)(struct rows *rows, json_t **out);
    long (*line)(const struct rows *rows);
};

/* One of `form`'s, `lines`, or the items of a document and how far they were given. */
struct rows {
    char *path;
    const struct form *form; /* NULL: text */
    struct parquet *parquet;
    struct arrow *arrow;
    struct csv *csv;
    void *store; /* `source`'s */
    long store_at;
    struct jsonl *lines; /* NULL: a document */
    json_t *first;       /* of a file of lines: read at the opening, not yet given */
    json_t *items;       /* of a document */
    size_t at;
    enum err refused; /* the first line's error, not yet given, and its words */
    char *words;
};

/* Installed once, by a program's main, before there is a second thread. */
static const struct rows_source *source;
static const char *labels;

void rows_serve(const struct rows_source *serves)
{
    source = serves;
}

void rows_labels(const char *words)
{
    labels = words;
}

static const struct rows_name *renamed;
static size_t n_renamed;

void rows_names(const struct rows_name *names, size_t n)
{
    renamed = names;
    n_renamed = n;
}

bool rows_are_judged(const struct rows *rows)
{
    return rows->store != NULL;
}

/* Names alone decide what is tried, never whether it is believed. */
static bool ends_in(const char *path, const char *suffix)
{
    const size_t n = strlen(path), m = strlen(suffix);

    return n >= m && !strcmp(path + n - m, suffix);
}

/* With what it may be packed in behind it. */
static bool is_called(const char *path, const char *suffix)
{
    static const char *const packed[] = {"", ".gz", ".zst"};

    for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++) {
        char name[16];
        const size_t n = strlen(suffix), m = strlen(packed[i]);
        memcpy(name, suffix, n);
        memcpy(name + n, packed[i], m + 1);
        if (ends_in(path, name))
            return true;
    }
    return false;
}

/* Bounded by ROWS_WHOLE_MAX of unpacked bytes: a small packed file may be anything. */
static enum err read_whole(char **out, size_t *n, const char *path)
{
    struct unpack *file;
    size_t room = 1 << 16, used = 0, got = 1;
    char *bytes;
    enum err err = unpack_open(&file, path);

    *out = NULL;
    if (err)
        return err;
    bytes = mem_new(room, 1);
    while (!err && got) {
        if (used == room)
            bytes = mem_grow(bytes, room *= 2, 1);
        err = unpack_read(file, bytes + used, room - used, &got);
        if (err)
            (void)err_add("%s", path);
        used += err ? 0 : got;
        if (!err && used > ROWS_WHOLE_MAX)
            err = err_set(ERR_RANGE, "%s: one JSON document of more than %d bytes", path,
                          ROWS_WHOLE_MAX);
    }
    unpack_close(file);
    if (err)
        free(bytes);
    else
        *out = bytes;
    *n = used;
    return err;
}

/* Also for what is no data set: a state.json, a list of functions. Duplicate keys are
 * refused, as in lines. */
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

/* Errors of columns name no path. */
static enum err at_row(const struct rows *rows, enum err err)
{
    return err ? err_add("%s:%ld", rows->path, rows->form->line(rows)) : OK;
}

static enum err next_parquet(struct rows *rows, json_t **out)
{
    return at_row(rows, parquet_next(rows->parquet, out));
}

static long line_parquet(const struct rows *rows)
{
    return (long)parquet_row(rows->parquet);
}

static enum err next_arrow(struct rows *rows, json_t **out)
{
    return at_row(rows, arrow_next(rows->arrow, out));
}

static long line_arrow(const struct rows *rows)
{
    return (long)arrow_row(rows->arrow);
}

static enum err next_csv(struct rows *rows, json_t **out)
{
    return csv_next(rows->csv, out);
}

static long line_csv(const struct rows *rows)
{
    return csv_line(rows->csv);
}

/* The bytes are the reader's from here on, whether it opens or not. */
static enum err open_parquet(struct rows *rows)
{
    static const struct form form = {next_parquet, line_parquet};
    struct bytes *bytes;
    enum err err = bytes_open(&bytes, rows->path);

    if (err)
        return err;
    rows->form = &form;
    err = parquet_open(&rows->parquet, bytes);
    return err ? err_add("%s", rows->path) : OK;
}

static enum err open_arrow(struct rows *rows)
{
    static const struct form form = {next_arrow, line_arrow};
    struct bytes *bytes;
    enum err err = bytes_open(&bytes, rows->path);

    if (err)
        return err;
    rows->form = &form;
    err = arrow_open(&rows->arrow, bytes);
    return err ? err_add("%s", rows->path) : OK;
}

static enum err open_csv(struct rows *rows, char separator)
{
    static const struct form form = {next_csv, line_csv};

    rows->form = &form;
    return csv_open(&rows->csv, rows->path, separator);
}

static enum err next_store(struct rows *rows, json_t **out)
{
    const enum err err = source->next(rows->store, out);

    rows->store_at += !err && *out;
    return err;
}

static long line_store(const struct rows *rows)
{
    return rows->store_at;
}

/* Who reads it later asks for its rows by number, as of other files. */
static enum err open_store(struct rows *rows)
{
    static const struct form form = {next_store, line_store};

    if (!source)
        return err_set(ERR_PARSE,
                       "%s: a database: `drover prefs export` makes rows of a preference store",
                       rows->path);
    rows->form = &form;
    return source->open(&rows->store, rows->path, labels);
}

/* ERR_PARSE of the first line is kept for rows_next, whose caller may leave bad records out. */
static enum err open_text(struct rows *rows)
{
    enum err err = jsonl_open(&rows->lines, rows->path);

    if (err)
        return err;
    err = jsonl_next(rows->lines, &rows->first);
    if (err == ERR_PARSE && jsonl_line(rows->lines) == 1 && is_called(rows->path, ".json"))
        return try_document(rows);
    if (err != ERR_PARSE)
        return err;
    rows->words = mem_text(err_text());
    rows->refused = ERR_PARSE;
    return OK;
}

/* The first bytes of a regular file; zeros for what is not there. A pipe is text. */
static void peek(uint8_t first[4], const char *path)
{
    struct stat about;
    int fd;

    memset(first, 0, 4);
    if (stat(path, &about) || !S_ISREG(about.st_mode) ||
        (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        return; /* who opens it next says why */
    if (pread(fd, first, 4, 0) < 4)
        memset(first, 0, 4);
    close(fd);
}

/* Bytes before names: a Parquet file that is called .jsonl is one all the same. */
static enum err open_form(struct rows *rows)
{
    uint8_t first[4];

    if (fs_is_dir(rows->path))
        return open_text(rows); /* refused there */
    if (fs_is_database(rows->path))
        return open_store(rows);
    peek(first, rows->path);
    if (!memcmp(first, "PAR", 3) || ends_in(rows->path, ".parquet"))
        return open_parquet(rows);
    if (!memcmp(first, "ARRO", 4) || !memcmp(first, "\xFF\xFF\xFF\xFF", 4) ||
        ends_in(rows->path, ".arrow") || ends_in(rows->path, ".feather"))
        return open_arrow(rows);
    if (is_called(rows->path, ".csv"))
        return open_csv(rows, ',');
    return is_called(rows->path, ".tsv") ? open_csv(rows, '\t') : open_text(rows);
}

/* On an error *out is NULL, so that callers may close it in any case. */
enum err rows_open(struct rows **out, const char *path)
{
    struct rows *rows = mem_new(1, sizeof(*rows));
    enum err err;

    rows->path = mem_text(path);
    err = open_form(rows);
    if (err) {
        rows_close(rows);
        rows = NULL;
    }
    *out = rows;
    return err;
}

void rows_close(struct rows *rows)
{
    if (!rows)
        return;
    parquet_close(rows->parquet);
    arrow_close(rows->arrow);
    csv_close(rows->csv);
    if (rows->store)
        source->close(rows->store);
    jsonl_close(rows->lines);
    json_decref(rows->first);
    json_decref(rows->items);
    free(rows->words);
    free(rows->path);
    free(rows);
}

/* First what the opening read or refused, then what follows: lines, or a document's items. An
 * item that is no object is told by its place, and the next call goes on behind it. */
static enum err next_row(struct rows *rows, json_t **out)
{
    json_t *item;

    *out = NULL;
    if (rows->form)
        return rows->form->next(rows, out);
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

/* All are taken out before one is put in: two columns may change names. */
static enum err rename_columns(const struct rows *rows, json_t *row)
{
    json_t *named = json_object();
    enum err err = OK;

    for (size_t i = 0; i < n_renamed && !err; i++) {
        const char *column = renamed[i].column;
        json_t *value = column && *column ? json_object_get(row, column) : NULL;
        if (value)
            json_object_set(named, renamed[i].as, value);
        else if (column && *column)
            err = err_set(ERR_PARSE, "%s:%ld: no column '%.60s'", rows->path, rows_line(rows),
                          column);
    }
    for (size_t i = 0; i < n_renamed; i++)
        if (renamed[i].column && *renamed[i].column)
            json_object_del(row, renamed[i].column);
    json_object_update(row, named);
    json_decref(named);
    return err;
}

enum err rows_next(struct rows *rows, json_t **out)
{
    enum err err = next_row(rows, out);

    if (!err && *out && n_renamed) {
        err = rename_columns(rows, *out);
        if (err) {
            json_decref(*out);
            *out = NULL;
        }
    }
    return err;
}

long rows_line(const struct rows *rows)
{
    if (rows->form)
        return rows->form->line(rows);
    return rows->lines ? jsonl_line(rows->lines) : (long)rows->at;
}

enum err rows_at(const struct rows *rows)
{
    return err_add("%s:%ld", rows->path, rows_line(rows));
}
