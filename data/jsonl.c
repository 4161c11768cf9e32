/* How it works: unpack.h cuts lines out of plain, gzip and zstd files, up to JSONL_LINE_MAX;
 * blank lines and a byte order mark are passed over. A line that cannot be parsed is an error
 * with its number, and the next call goes on behind it: whoever leaves bad records out
 * (strict=false) just calls again. */
#include "data/jsonl.h"

#include "base/fs.h"
#include "base/mem.h"
#include "data/unpack.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The file, and the line that was read last. */
struct jsonl {
    struct unpack *file;
    char *path;
    char *line; /* [n] borrowed from `file` */
    size_t n;
    long number;
};

enum err jsonl_open(struct jsonl **out, const char *path)
{
    struct jsonl *file;
    struct unpack *bytes;
    enum err err;

    *out = NULL;
    if (fs_is_dir(path))
        return err_set(ERR_IO, "%s: is a folder, expected a file of records", path);
    err = unpack_open(&bytes, path);
    if (err)
        return err;
    file = mem_new(1, sizeof(*file));
    file->file = bytes;
    file->path = mem_text(path);
    *out = file;
    return OK;
}

void jsonl_close(struct jsonl *file)
{
    if (!file)
        return;
    unpack_close(file->file);
    free(file->path);
    free(file);
}

/* The line of the next number; *end when there was nothing left. */
static enum err read_line(struct jsonl *file, bool *end)
{
    const enum err err = unpack_line(file->file, &file->line, &file->n, JSONL_LINE_MAX, end);

    if (err == ERR_RANGE)
        return err_add("%s:%ld", file->path, file->number + 1);
    if (err)
        return err_add("%s: after line %ld", file->path, file->number);
    /* Zero bytes are not JSON: another kind of file, whose next line means nothing. */
    if (!*end && memchr(file->line, 0, file->n))
        return err_set(ERR_IO, "%s:%ld: holds a zero byte: not text", file->path,
                       file->number + 1);
    return OK;
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
    while (left && strchr(" \t\r", *text)) { /* no zero byte is among them */
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
