/* A file's rows, one by one, each to the reader that its columns call for. All rows of a file
 * join the store's open group, so that a file is imported whole or not at all. */

#include "annotate/exchange/import.h"

#include "annotate/exchange/import_put.h"
#include "data/format.h"
#include "data/rows.h"

#include <stdio.h>
#include <string.h>

const char import_formats[] =
    "auto, " FORMAT_NAMES ", pairs, label_studio, argilla_tool, arena, csv";

enum reader {
    READ_RECORD,
    READ_TABLE,
    READ_ARENA,
    READ_PAIRS,
    READ_LABEL_STUDIO,
    READ_ARGILLA
};

/* Argilla's old columns ({instruction, generations, ratings}) are data's format of that name:
 * what the tool itself exports is another thing. */
static const struct {
    const char *name;
    enum reader reader;
} named[] = {{"csv", READ_TABLE},
             {"arena", READ_ARENA},
             {"pairs", READ_PAIRS},
             {"label_studio", READ_LABEL_STUDIO},
             {"argilla_tool", READ_ARGILLA}};

/* All shapes of Argilla's: nested, or one column a question; those of its first version. */
static bool has_responses(const json_t *row)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)row, name, value)
    {
        const char *const dot = strrchr(name, '.');
        if (dot && !strcmp(dot, ".responses"))
            return true;
    }
    return import_feedback_is(row) || (json_is_object(json_object_get(row, "fields")) &&
                                       json_is_object(json_object_get(row, "responses")));
}

/* From what only one tool writes to what anybody may: records of TRL are what is left. */
static enum reader by_columns(const json_t *row)
{
    if (import_min_is(row) ||
        (json_object_get(row, "data") && json_is_array(json_object_get(row, "annotations"))))
        return READ_LABEL_STUDIO;
    if (has_responses(row))
        return READ_ARGILLA;
    if (json_object_get(row, "winner") && json_object_get(row, "conversation_a"))
        return READ_ARENA;
    if (json_object_get(row, "verdict") && json_object_get(row, "mode"))
        return READ_TABLE;
    if (import_pairs_are(row))
        return READ_PAIRS;
    return READ_RECORD;
}

static enum err read_record(struct import_put *put, const json_t *row, enum format format)
{
    struct format_rule rule = format_usual();
    json_t *const made = json_array();
    size_t i;
    const json_t *one;
    enum err err;

    rule.format = format;
    err = format_rows(made, row, &rule);
    json_array_foreach(made, i, one) if (!err) err = import_record_row(put, one);
    json_decref(made);
    return err;
}

/* A format that was named is not looked for: a file that is none is then an error of that
 * format. */
static enum err read_row(struct import_put *put, const json_t *row, const enum reader *fixed,
                         enum format format)
{
    switch (fixed ? *fixed : by_columns(row)) {
    case READ_TABLE:
        return import_table_row(put, row);
    case READ_ARENA:
        return import_table_arena(put, row);
    case READ_PAIRS:
        return import_pairs_are(row) ? import_pairs_row(put, row)
                                     : err_set(ERR_PARSE, "pairs: prompt, a and b are wanted");
    case READ_LABEL_STUDIO:
        return import_min_is(row) ? import_min_row(put, row)
                                  : import_tools_label_studio(put, row);
    case READ_ARGILLA:
        return import_feedback_is(row) ? import_feedback_row(put, row)
                                       : import_tools_argilla(put, row);
    default:
        return read_record(put, row, format);
    }
}

/* A bad row is the data's fault, and only that may be left out: a disk's is not. */
static bool is_rows_fault(enum err err)
{
    return err == ERR_PARSE || err == ERR_RANGE || err == ERR_STATE;
}

static enum err read_rows(struct import_put *put, struct rows *rows, const enum reader *fixed,
                          enum format format)
{
    enum err err = OK;

    while (!err) {
        json_t *row = NULL;
        bool read;
        err = rows_next(rows, &row);
        if (!err && !row)
            break;
        read = !err;
        put->count->rows++;
        if (!err)
            err = read_row(put, row, fixed, format);
        if (err && read)
            (void)rows_at(rows);
        json_decref(row);
        if (put->rule->lenient && (read ? is_rows_fault(err) : err == ERR_PARSE)) {
            if (!put->count->bad++)
                snprintf(put->count->first, sizeof put->count->first, "%s", err_text());
            err = OK;
        }
    }
    return err ? err : import_record_end(put);
}

enum err import_file(struct prefs *prefs, const char *path, const struct import_rule *rule,
                     int64_t now, struct import_count *count)
{
    struct import_put put = {.prefs = prefs, .rule = rule, .count = count, .now = now};
    struct rows *rows = NULL;
    const enum reader *fixed = NULL;
    const enum reader record = READ_RECORD;
    enum format format = FORMAT_AUTO;
    enum err err = OK;

    *count = (struct import_count){0};
    for (size_t i = 0; i < sizeof named / sizeof *named && rule->format; i++)
        if (!strcmp(rule->format, named[i].name))
            fixed = &named[i].reader;
    if (!fixed && rule->format && strcmp(rule->format, "auto") != 0) {
        err = format_named(&format, rule->format);
        fixed = &record;
    }
    if (!err)
        err = rows_open(&rows, path);
    put.seen = json_object();
    put.unpaired = json_object();
    if (!err)
        err = read_rows(&put, rows, fixed, format);
    rows_close(rows);
    json_decref(put.seen);
    json_decref(put.unpaired);
    return err;
}
