/* How it works: a record is one line, or more where a quoted field holds line ends. csv_open
 * reads the header and then so many records as types are told by (ROWS of them, or what WINDOW
 * bytes hold); csv_next gives those first and reads on. A later value that does not fit its
 * column's type is an error of its record, as `datasets` refuses to cast it.
 *
 * What must hold: each record is read to its end before anything of it is judged, so that an
 * error never shifts the records behind it. */
#include "data/csv.h"

#include "base/mem.h"
#include "base/say.h"
#include "base/strbuf.h"
#include "data/jsonl.h"
#include "data/unpack.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 10000, WINDOW = 64 << 20, COLUMNS_MAX = 8192 };

enum csv_type { CSV_INT, CSV_REAL, CSV_BOOL, CSV_TEXT };

/* Fields lie one behind the other in `text`, each with a zero behind it. */
struct record {
    struct strbuf text;
    size_t *start; /* [n] */
    size_t n, room;
    long line;
};

struct csv {
    struct unpack *file;
    char *path;
    char separator;
    char **name; /* [n] */
    enum csv_type *type;
    size_t n;
    struct record *early; /* [n_early], of which given are gone */
    size_t n_early, given;
    bool ended;    /* within the early ones */
    enum err late; /* the error that ended them, and its words */
    char *words;
    long lines, line; /* read so far; where the last row began */
};

static void record_free(struct record *record)
{
    free(record->text.text);
    free(record->start);
    *record = (struct record){.n = 0};
}

/* Offsets, not pointers: the text moves as it grows. */
static void begin_field(struct record *record)
{
    if (record->n == record->room) {
        record->room = record->room ? 2 * record->room : 16;
        record->start = mem_grow(record->start, record->room, sizeof(*record->start));
    }
    record->start[record->n++] = record->text.n;
}

static void put(struct record *record, const char *text, size_t n)
{
    if (n)
        strbuf_put(&record->text, text, n);
}

/* The next line, without the carriage return at its end. */
static enum err next_line(struct csv *file, char **line, size_t *n, bool *end)
{
    enum err err = unpack_line(file->file, line, n, JSONL_LINE_MAX, end);

    if (!err && !*end && memchr(*line, 0, *n))
        err = err_set(ERR_IO, "holds a zero byte: not text");
    if (err)
        return err_add("%s:%ld", file->path, file->lines + 1);
    if (!*end && !file->lines++ && *n >= 3 && !memcmp(*line, "\xEF\xBB\xBF", 3)) {
        *line += 3;
        *n -= 3;
    }
    return OK;
}

/* Up to the closing quote, over as many lines as it takes; *at is then behind it. */
static enum err quoted(struct csv *file, struct record *record, char **line, size_t *n,
                       size_t *at)
{
    for (;;) {
        const char *from = *line + *at;
        const char *quote = memchr(from, '"', *n - *at);
        bool end;
        enum err err;
        put(record, from, quote ? (size_t)(quote - from) : *n - *at);
        if (record->text.n > JSONL_LINE_MAX)
            return err_set(ERR_RANGE,
                           "%s:%ld: a record of more than %d bytes (a quote that "
                           "nothing closes?)",
                           file->path, record->line, JSONL_LINE_MAX);
        if (quote) {
            *at = (size_t)(quote - *line) + 1;
            if (*at == *n || (*line)[*at] != '"')
                return OK;
            put(record, "\"", 1); /* two of them mean one */
            ++*at;
            continue;
        }
        err = next_line(file, line, n, &end);
        if (err)
            return err;
        if (end)
            return err_set(ERR_IO, "%s:%ld: a quote that nothing closes", file->path,
                           record->line);
        put(record, "\n", 1);
        *at = 0;
    }
}

/* One field; *more: a separator came behind it. A field's bytes are copied behind those before it
 * and ended by a zero: values are read by strtoll and strtod, and next_line refused zero bytes,
 * so the two cannot disagree about where a field ends. */
static enum err read_field(struct csv *file, struct record *record, char **line, size_t *n,
                           size_t *at, bool *more)
{
    const char *from, *stop;
    size_t take;
    enum err err = OK;

    begin_field(record);
    if (*at < *n && (*line)[*at] == '"') {
        ++*at;
        err = quoted(file, record, line, n, at);
        if (err)
            return err;
    }
    /* What stands behind a closing quote belongs to the field, as readers have it. */
    from = *line + *at;
    stop = memchr(from, file->separator, *n - *at);
    take = stop ? (size_t)(stop - from) : *n - *at;
    *at += take + (stop != NULL);
    if (!stop && take && from[take - 1] == '\r')
        take--;
    put(record, from, take);
    strbuf_put(&record->text, "", 1); /* its zero */
    *more = stop != NULL;
    return OK;
}

/* Tabs are no blanks here: in a .tsv they are fields. */
static bool is_blank(const char *line, size_t n)
{
    while (n && (line[n - 1] == ' ' || line[n - 1] == '\r'))
        n--;
    return !n;
}

/* Blank lines are passed over. */
static enum err read_record(struct csv *file, struct record *record, bool *end)
{
    char *line;
    size_t n, at = 0;
    bool more = true;
    enum err err;

    *record = (struct record){.n = 0};
    do
        err = next_line(file, &line, &n, end);
    while (!err && !*end && is_blank(line, n));
    if (err || *end)
        return err;
    record->line = file->lines;
    while (more && !err) {
        if (record->n > COLUMNS_MAX)
            err = err_set(ERR_RANGE, "%s:%ld: more than %d fields", file->path, record->line,
                          COLUMNS_MAX);
        else
            err = read_field(file, record, &line, &n, &at, &more);
    }
    if (err)
        record_free(record);
    return err;
}

/* A record with too few fields lacks the last ones. */
static const char *field(const struct record *record, size_t i)
{
    return i < record->n ? record->text.text + record->start[i] : "";
}

/* What pandas takes for missing. */
static bool missing(const char *text)
{
    static const char *const words[] = {"",         "#N/A", "#N/A N/A", "#NA",    "-1.#IND",
                                        "-1.#QNAN", "-NaN", "-nan",     "1.#IND", "1.#QNAN",
                                        "<NA>",     "N/A",  "NA",       "NULL",   "NaN",
                                        "None",     "n/a",  "nan",      "null"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (!strcmp(text, words[i]))
            return true;
    return false;
}

/* 1, 0, or -1 for neither. */
static int truth(const char *text)
{
    if (!strcmp(text, "True") || !strcmp(text, "TRUE") || !strcmp(text, "true"))
        return 1;
    return !strcmp(text, "False") || !strcmp(text, "FALSE") || !strcmp(text, "false") ? 0 : -1;
}

/* Blanks around a number are no part of it. */
static bool is_int(const char *text, json_int_t *value)
{
    char *end;

    if (!*text || strspn(text, " \t+-0123456789") != strlen(text))
        return false;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return !errno && end != text && !end[strspn(end, " \t")];
}

/* Neither hexadecimal nor infinite, and no whole number that 64 bits do not hold: an id would
 * lose its end. Those are words here. */
static bool is_real(const char *text, double *value)
{
    json_int_t whole;
    char *end;

    if (!*text || strspn(text, " \t+-.eE0123456789") != strlen(text) ||
        (!strpbrk(text, ".eE") && !is_int(text, &whole)))
        return false;
    *value = strtod(text, &end);
    return end != text && !end[strspn(end, " \t")] && isfinite(*value);
}

/* The narrowest type that all of the early values are. Whole numbers with gaps become real ones,
 * as pandas has no whole number that is missing; a column without any value is text. */
static enum csv_type type_of(const struct csv *file, size_t column)
{
    bool whole = true, real = true, truths = true, gaps = false, any = false;

    for (size_t i = 0; i < file->n_early; i++) {
        const char *text = field(&file->early[i], column);
        json_int_t n;
        double x;
        if (missing(text)) {
            gaps = true;
            continue;
        }
        any = true;
        whole = whole && is_int(text, &n);
        real = real && is_real(text, &x);
        truths = truths && truth(text) >= 0;
    }
    if (!any)
        return CSV_TEXT;
    if (truths)
        return CSV_BOOL;
    return whole && !gaps ? CSV_INT : real ? CSV_REAL : CSV_TEXT;
}

/* Names as pandas makes them unique: a second "x" is "x.1"; one without is "Unnamed: 3". */
static enum err take_header(struct csv *file, const struct record *record)
{
    json_t *seen = json_object();
    enum err err = OK;

    file->n = record->n;
    file->name = mem_new(file->n, sizeof(*file->name));
    file->type = mem_new(file->n, sizeof(*file->type));
    for (size_t i = 0; i < file->n && !err; i++) {
        const char *given = field(record, i);
        char *name = *given ? mem_text(given) : mem_print("Unnamed: %zu", i);
        for (size_t k = 1; json_object_get(seen, name) && k <= file->n; k++) {
            free(name);
            name = mem_print("%s.%zu", given, k);
        }
        file->name[i] = name;
        if (json_object_set_new(seen, name, json_true()))
            err = err_set(ERR_PARSE, "%s:%ld: the name of a column is not UTF-8", file->path,
                          record->line);
    }
    json_decref(seen);
    return err;
}

/* The records that types are told by. What ends them early is said when its turn comes: a file
 * whose ten-thousandth line is torn still gives the lines before it, as one that is read line by
 * line does. */
static void read_early(struct csv *file)
{
    size_t bytes = 0;

    while (file->n_early < ROWS && bytes < WINDOW && !file->ended && !file->late) {
        struct record record;
        file->late = read_record(file, &record, &file->ended);
        if (file->late)
            file->words = mem_text(err_text());
        if (file->late || file->ended)
            break;
        if (!(file->n_early & (file->n_early - 1))) /* doubled at each power of two */
            file->early = mem_grow(file->early, file->n_early ? 2 * file->n_early : 1,
                                   sizeof(*file->early));
        file->early[file->n_early++] = record;
        bytes += record.text.n + record.n * sizeof(*record.start);
    }
    for (size_t i = 0; i < file->n; i++)
        file->type[i] = type_of(file, i);
}

/* *other: what stands between fields instead, where the first line is one field and has some. */
static enum err read_header(struct csv *file, struct record *header, char *other)
{
    bool end = false;
    enum err err = unpack_open(&file->file, file->path);

    *other = 0;
    if (!err)
        err = read_record(file, header, &end);
    if (!err && end)
        err = err_set(ERR_PARSE, "%s: is empty: the first line of CSV names the columns",
                      file->path);
    if (!err && file->separator == ',' && header->n == 1)
        *other = strchr(field(header, 0), ';')    ? ';'
                 : strchr(field(header, 0), '\t') ? '\t'
                                                  : 0;
    return err;
}

/* Types are told at once, so that csv_next gives every row with the type of its column. */
enum err csv_open(struct csv **out, const char *path, char separator)
{
    struct csv *file = mem_new(1, sizeof(*file));
    struct record header = {.n = 0};
    char other;
    enum err err;

    *out = NULL;
    file->path = mem_text(path);
    file->separator = separator;
    err = read_header(file, &header, &other);
    if (!err && other) { /* anew: quotes count behind a separator alone */
        say(stderr, "data: %s: '%s' stands between its fields\n", path,
            other == ';' ? ";" : "tab");
        record_free(&header);
        unpack_close(file->file);
        file->file = NULL;
        file->lines = 0;
        file->separator = other;
        err = read_header(file, &header, &other);
    }
    if (!err)
        err = take_header(file, &header);
    record_free(&header);
    if (err) {
        csv_close(file);
        return err;
    }
    read_early(file);
    *out = file;
    return OK;
}

void csv_close(struct csv *file)
{
    if (!file)
        return;
    for (size_t i = 0; i < file->n; i++)
        free(file->name[i]);
    for (size_t i = file->given; i < file->n_early; i++)
        record_free(&file->early[i]);
    unpack_close(file->file);
    free(file->early);
    free(file->name);
    free(file->type);
    free(file->words);
    free(file->path);
    free(file);
}

/* Whatever the column's type, a missing value is null, quoted or not. */
static json_t *value(enum csv_type type, const char *text)
{
    json_int_t n;
    double x;

    if (missing(text))
        return json_null();
    switch (type) {
    case CSV_INT:
        return is_int(text, &n) ? json_integer(n) : NULL;
    case CSV_REAL:
        return is_real(text, &x) ? json_real(x) : NULL;
    case CSV_BOOL:
        return truth(text) >= 0 ? json_boolean(truth(text)) : NULL;
    case CSV_TEXT:
        break;
    }
    return json_string(text); /* NULL: not UTF-8 */
}

/* Too few fields are missing ones, too many are a line that was torn or not quoted. */
static enum err turn(const struct csv *file, const struct record *record, json_t **out)
{
    static const char *const kind[] = {"a whole number", "a number", "a truth value", "UTF-8"};
    json_t *row;

    if (record->n > file->n)
        return err_set(ERR_PARSE, "%s:%ld: %zu fields, and the first line names %zu",
                       file->path, record->line, record->n, file->n);
    row = json_object();
    for (size_t i = 0; i < file->n; i++) {
        json_t *made = value(file->type[i], field(record, i));
        if (!made) {
            json_decref(row);
            return err_set(ERR_PARSE, "%s:%ld: column '%s': '%.40s' is not %s%s", file->path,
                           record->line, file->name[i], field(record, i), kind[file->type[i]],
                           file->type[i] == CSV_TEXT ? "" : ", as all before it are");
        }
        json_object_set_new_nocheck(row, file->name[i], made);
    }
    *out = row;
    return OK;
}

/* First those that types were told by, then what follows; *end: there is none. */
static enum err take(struct csv *file, struct record *record, bool *end)
{
    enum err err;

    *end = false;
    if (file->given < file->n_early) {
        *record = file->early[file->given++];
        return OK;
    }
    if (file->late)
        return err_set(file->late, "%s", file->words);
    *end = file->ended;
    err = file->ended ? OK : read_record(file, record, end);
    file->ended = *end;
    file->late = err; /* no going on behind it */
    if (err)
        file->words = mem_text(err_text());
    return err;
}

/* A row with a flaw is taken all the same: the next call goes on behind it. */
enum err csv_next(struct csv *file, json_t **out)
{
    struct record record;
    bool end;
    enum err err = take(file, &record, &end);

    *out = NULL;
    if (err || end)
        return err;
    file->line = record.line;
    err = turn(file, &record, out);
    record_free(&record);
    return err;
}

long csv_line(const struct csv *file)
{
    return file->line;
}
