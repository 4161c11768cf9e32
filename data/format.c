/* How it works: a table of what the columns of each published format are and who reads it.
 * The first row whose columns are all there decides, so those with the rarer columns stand
 * first and TRL, which asks for none, last. Three formats share their columns with others,
 * and `fits` looks closer at those.
 *
 * To add one: a reader in a file format_NAME.c, its row here, its value and its name in
 * format.h; tests/data/test_format.c fails while a list of names lacks it. */
#include "data/format.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

typedef enum err reader(json_t *out, const json_t *row, const struct format_rule *rule);

/* TRL's own columns. */
static enum err as_it_is(json_t *out, const json_t *row, const struct format_rule *rule)
{
    (void)rule;
    json_array_append(out, (json_t *)(uintptr_t)row);
    return OK;
}

/* A record is of a format if it has all of these columns; the first row that fits decides. */
static const struct format_row {
    enum format format;
    const char *name, *has[3];
    reader *read;
} rows[] = {
    {FORMAT_TOOLBENCH, "toolbench", {"tree", "answer_generation"}, format_tools_bench},
    {FORMAT_PRMBENCH, "prmbench", {"modified_process", "error_steps"}, format_steps_prmbench},
    {FORMAT_BIGBENCH_MISTAKE,
     "bigbench_mistake",
     {"input", "steps", "mistake_index"},
     format_steps_mistake},
    {FORMAT_PRM800K, "prm800k", {"question", "label"}, format_steps_prm800k},
    {FORMAT_TAU_BENCH, "tau_bench", {"traj", "reward"}, format_tools_tau},
    {FORMAT_TAU_BENCH, "tau_bench", {"messages_display"}, format_tools_tau},
    {FORMAT_BFCL, "bfcl", {"id", "question", "function"}, format_bfcl},
    {FORMAT_BFCL, "bfcl", {"id", "question", "involved_classes"}, format_bfcl},
    {FORMAT_ULTRAFEEDBACK,
     "ultrafeedback",
     {"instruction", "completions"},
     format_pairs_ultrafeedback},
    {FORMAT_ULTRAFEEDBACK,
     "ultrafeedback",
     {"chosen", "rejected", "score_chosen"},
     format_pairs_ultrafeedback},
    {FORMAT_HH, "hh", {"chosen", "rejected"}, format_pairs_hh},
    {FORMAT_ORCA, "orca", {"question", "chosen", "rejected"}, format_pairs_orca},
    {FORMAT_ORCA, "orca", {"input", "chosen", "rejected"}, format_pairs_orca},
    {FORMAT_ARGILLA,
     "argilla",
     {"instruction", "chosen_response", "rejected_response"},
     format_pairs_orca},
    {FORMAT_TRL, "trl", {NULL}, as_it_is},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

struct format_rule format_usual(void)
{
    return (struct format_rule){
        .neutral = 1, .alternatives = true, .originals = true, .pairs = 64};
}

enum err format_named(enum format *out, const char *name)
{
    *out = FORMAT_AUTO;
    if (!name || !strcmp(name, "auto"))
        return OK;
    for (int i = 0; i < ROWS; i++)
        if (!strcmp(rows[i].name, name)) {
            *out = rows[i].format;
            return OK;
        }
    return err_set(ERR_RANGE, "format '%.40s': known are " FORMAT_NAMES, name);
}

const char *format_name(enum format format)
{
    for (int i = 0; i < ROWS; i++)
        if (rows[i].format == format)
            return rows[i].name;
    return "auto";
}

/* HH by the text's beginning; Orca's and Argilla's by strings without a prompt; PRM800K by a
 * label that is an object. */
static bool fits(const struct format_row *row, const json_t *object)
{
    for (int i = 0; i < 3 && row->has[i]; i++)
        if (!json_object_get(object, row->has[i]))
            return false;
    if (row->format == FORMAT_HH) {
        const char *chosen = json_string_value(json_object_get(object, "chosen"));
        return chosen && !strncmp(chosen, "\n\nHuman:", 8);
    }
    if (row->format == FORMAT_ORCA || row->format == FORMAT_ARGILLA) {
        for (int i = 0; i < 3; i++)
            if (!json_is_string(json_object_get(object, row->has[i])))
                return false;
        return !json_object_get(object, "prompt");
    }
    return row->format != FORMAT_PRM800K || json_is_object(json_object_get(object, "label"));
}

/* Ends at the last row, which fits all. */
enum format format_of(const json_t *object)
{
    int i = 0;

    while (!fits(&rows[i], object))
        i++;
    return rows[i].format;
}

/* By the format that was named, if one was: then the columns are the reader's to complain
 * about. */
enum err format_rows(json_t *out, const json_t *row, const struct format_rule *rule)
{
    const enum format format = rule->format == FORMAT_AUTO ? format_of(row) : rule->format;

    for (int i = 0; i < ROWS; i++)
        if (rows[i].format == format)
            return rows[i].read(out, row, rule);
    return err_set(ERR_RANGE, "no such format");
}

enum err format_text(const char **out, const json_t *row, const char *name)
{
    *out = json_string_value(json_object_get(row, name));
    return *out ? OK : err_set(ERR_PARSE, "'%s' is missing or not a string", name);
}

enum err format_texts(json_t **out, const json_t *row, const char *name)
{
    json_t *list = json_object_get(row, name), *item;
    size_t i;

    *out = NULL;
    if (!json_is_array(list) || !json_array_size(list))
        return err_set(ERR_PARSE, "'%s' is missing or not a list of steps", name);
    json_array_foreach(list, i, item) if (!json_string_length(item)) return err_set(
        ERR_PARSE, "'%s'[%zu] is empty or not a string", name, i);
    *out = list;
    return OK;
}
