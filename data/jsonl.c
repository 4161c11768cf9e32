/* How it works: zlib reads plain files as they are, so gzip needs no case of its own. A line
 * grows as it is read, up to JSONL_LINE_MAX; blank lines and a byte order mark are passed
 * over. A line that cannot be parsed is an error with its number, and the next call goes on
 * behind it: whoever leaves bad records out (strict=false) just calls again. */
#include "data/jsonl.h"

#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* The file, and the line that was read last. */
struct jsonl {
    gzFile file;
    char *path;
    char *line; /* [room] the line being read */
    size_t room, n;
    long number;
};

static bool ends_in(const char *path, const char *suffix)
{
    const size_t n = strlen(path), m = strlen(suffix);

    return n >= m && !strcmp(path + n - m, suffix);
}

/* Formats people have data in, which one line of Python turns into JSONL. */
static enum err check_name(const char *path)
{
    static const struct {
        const char *suffix, *how;
    } other[] = {
        {".parquet", "pandas.read_parquet(F).to_json(OUT, orient='records', lines=True)"},
        {".csv", "pandas.read_csv(F).to_json(OUT, orient='records', lines=True)"},
        {".arrow", "datasets.Dataset.from_file(F).to_json(OUT)"},
    };

    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        if (ends_in(path, other[i].suffix))
            return err_set(ERR_PARSE, "%s: %s is not read; convert it: python3 -c \"%s\"", path,
                           other[i].suffix, other[i].how);
    return OK;
}

enum err jsonl_open(struct jsonl **out, const char *path)
{
    struct jsonl *file;
    gzFile gz;
    enum err err = check_name(path);

    *out = NULL;
    if (err)
        return err;
    if (fs_is_dir(path))
        return err_set(ERR_IO, "%s: is a folder, expected a JSONL file", path);
    errno = 0;
    gz = gzopen(path, "rb");
    if (!gz)
        return err_set(ERR_IO, "%s: %s", path, errno ? strerror(errno) : "no memory");
    gzbuffer(gz, 1 << 17);
    file = mem_new(1, sizeof(*file));
    file->file = gz;
    file->path = mem_text(path);
    *out = file;
    return OK;
}

void jsonl_close(struct jsonl *file)
{
    if (!file)
        return;
    gzclose(file->file);
    free(file->path);
    free(file->line);
    free(file);
}

/* zlib's reasons in words; a file that was cut off is the common one. */
static enum err read_failed(struct jsonl *file)
{
    int code = Z_OK;
    const char *words = gzerror(file->file, &code);

    if (code == Z_ERRNO)
        words = strerror(errno);
    else if (code == Z_BUF_ERROR)
        words = "the compressed file ends too early";
    return err_set(ERR_IO, "%s: after line %ld: %s", file->path, file->number, words);
}

/* Reads up to and without the next newline; *end when there was nothing left. */
static enum err read_line(struct jsonl *file, bool *end)
{
    file->n = 0;
    *end = false;
    for (;;) {
        size_t got;
        int code = Z_OK;
        if (file->room - file->n < 2) {
            file->room = file->room ? 2 * file->room : 1 << 14;
            file->line = mem_grow(file->line, file->room, 1);
        }
        if (!gzgets(file->file, file->line + file->n, (int)(file->room - file->n))) {
            gzerror(file->file, &code);
            if (code != Z_OK && code != Z_STREAM_END)
                return read_failed(file);
            *end = !file->n;
            return OK;
        }
        /* gzgets says nothing of the length when a line holds zero bytes: those are not JSON,
         * and are found as a text that ends before its newline. */
        got = strlen(file->line + file->n);
        file->n += got;
        if (file->n && file->line[file->n - 1] == '\n') {
            file->n--;
            return OK;
        }
        if (file->n > JSONL_LINE_MAX)
            return err_set(ERR_RANGE, "%s:%ld: a line of more than %d bytes", file->path,
                           file->number + 1, JSONL_LINE_MAX);
        if (file->n + 1 < file->room && !gzeof(file->file))
            return err_set(ERR_IO, "%s:%ld: holds a zero byte: not text", file->path,
                           file->number + 1);
    }
}

/* The line without a byte order mark and surrounding blanks. */
static const char *trimmed(const struct jsonl *file, size_t *n)
{
    const char *text = file->line;
    size_t left = file->n;

    if (file->number == 1 && left >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3)) {
        text += 3;
        left -= 3;
    }
    while (left && strchr(" \t\r", *text)) {
        text++;
        left--;
    }
    while (left && strchr(" \t\r", text[left - 1]))
        left--;
    *n = left;
    return text;
}

/* jansson's reasons, in the words of the others. */
enum err jsonl_refused(const json_error_t *why)
{
    switch (json_error_code(why)) {
    case json_error_numeric_overflow:
        return err_set(
            ERR_PARSE,
            "column %d: a number that 64 bits do not hold: write it as text (\"...\"), "
            "or leave its column out",
            why->column);
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return err_set(
            ERR_PARSE,
            "column %d: holds the character U+0000 (\\u0000), which no text here can: "
            "take it out",
            why->column);
    case json_error_duplicate_key:
        return err_set(ERR_PARSE, "column %d: %s", why->column, why->text);
    case json_error_stack_overflow:
        return err_set(ERR_PARSE, "column %d: nested too deeply", why->column);
    default:
        return err_set(ERR_PARSE, "not JSON: %s (column %d)", why->text, why->column);
    }
}

/* One object, whole; a second value on the line is an error as well. */
static enum err parse(const struct jsonl *file, const char *text, size_t n, json_t **out)
{
    json_error_t why;
    json_t *value;

    if (*text == '[' && file->number == 1)
        return err_set(ERR_PARSE,
                       "%s:1: one JSON list; expected one object a line "
                       "(python3 -c \"import json; [print(json.dumps(x)) for x in "
                       "json.load(open(F))]\" > OUT)",
                       file->path);
    value = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    if (!value) {
        (void)jsonl_refused(&why);
        return err_add("%s:%ld", file->path, file->number);
    }
    if (!json_is_object(value)) {
        json_decref(value);
        return err_set(ERR_PARSE, "%s:%ld: expected an object {...}", file->path, file->number);
    }
    *out = value;
    return OK;
}

/* Blank lines are passed over, but counted: the number is the one that an editor shows. */
enum err jsonl_next(struct jsonl *file, json_t **out)
{
    *out = NULL;
    for (;;) {
        const char *text;
        size_t n;
        bool end;
        const enum err err = read_line(file, &end);
        if (err || end)
            return err;
        file->number++;
        text = trimmed(file, &n);
        if (n)
            return parse(file, text, n, out);
    }
}

long jsonl_line(const struct jsonl *file)
{
    return file->number;
}

const char *jsonl_path(const struct jsonl *file)
{
    return file->path;
}
