/* How it works: a table of what the columns of each published format are and who reads it.
 * The first row whose columns are all there decides, so those with the rarer columns stand
 * first and TRL, which asks for none, last. Some formats share their columns with others, and
 * `fits` looks closer at those; a format of several shapes has a row for each.
 *
 * A trainer that was told no format takes TRL's columns. Only a record of which none could make
 * anything is turned by itself (untold): what could be read stays what it was.
 *
 * To add one: a reader in a file format_NAME.c, its row here, its value and its name in
 * format.h; tests/data/test_format.c fails while a list of names lacks it. */
#include "data/format.h"

#include "base/mem.h"
#include "data/record_kind.h"

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
/* clang-format off */
static const struct format_row {
    enum format format;
    const char *name, *has[3];
    reader *read;
    bool texts; /* these are all strings, and there is no `prompt` */
} rows[] = {
    {FORMAT_OASST, "oasst", {"message_tree_id", "prompt"}, format_rated_oasst, false},
    {FORMAT_SHP, "shp", {"history", "human_ref_A", "human_ref_B"}, format_rated_shp, false},
    {FORMAT_WEBGPT, "webgpt", {"question", "answer_0", "answer_1"}, format_rated_webgpt, false},
    {FORMAT_HELPSTEER, "helpsteer", {"prompt", "response", "helpfulness"},
     format_rated_helpsteer, false},
    {FORMAT_HELPSTEER, "helpsteer", {"response_1", "response_2", "preference_strength"},
     format_rated_helpsteer, false},
    {FORMAT_HELPSTEER, "helpsteer", {"response1", "response2", "overall_preference"},
     format_rated_helpsteer, false},
    {FORMAT_SHAREGPT, "sharegpt", {"conversations", "chosen", "rejected"},
     format_shapes_sharegpt, false},
    {FORMAT_SHAREGPT, "sharegpt", {"conversations", "system"}, format_shapes_sharegpt, false},
    {FORMAT_SHAREGPT, "sharegpt", {"conversation"}, format_shapes_sharegpt, false},
    {FORMAT_ULTRACHAT, "ultrachat", {"id", "data"}, format_shapes_ultrachat, false},
    {FORMAT_TOOLBENCH, "toolbench", {"tree", "answer_generation"}, format_tools_bench, false},
    {FORMAT_PRMBENCH, "prmbench", {"modified_process", "error_steps"},
     format_steps_prmbench, false},
    {FORMAT_BIGBENCH_MISTAKE,
     "bigbench_mistake",
     {"input", "steps", "mistake_index"},
     format_steps_mistake, false},
    {FORMAT_PRM800K, "prm800k", {"question", "label"}, format_steps_prm800k, false},
    {FORMAT_TAU_BENCH, "tau_bench", {"traj", "reward"}, format_tools_tau, false},
    {FORMAT_TAU_BENCH, "tau_bench", {"messages_display"}, format_tools_tau, false},
    {FORMAT_BFCL, "bfcl", {"id", "question", "function"}, format_bfcl, false},
    {FORMAT_BFCL, "bfcl", {"id", "question", "involved_classes"}, format_bfcl, false},
    {FORMAT_ULTRAFEEDBACK,
     "ultrafeedback",
     {"instruction", "completions"},
     format_pairs_ultrafeedback, false},
    {FORMAT_ULTRAFEEDBACK,
     "ultrafeedback",
     {"chosen", "rejected", "score_chosen"},
     format_pairs_ultrafeedback, false},
    {FORMAT_HH, "hh", {"chosen", "rejected"}, format_pairs_hh, false},
    {FORMAT_ALPACA, "alpaca", {"instruction", "chosen", "rejected"}, format_shapes_alpaca, true},
    {FORMAT_ORCA, "orca", {"question", "chosen", "rejected"}, format_pairs_orca, true},
    {FORMAT_ORCA, "orca", {"input", "chosen", "rejected"}, format_pairs_orca, true},
    {FORMAT_ARGILLA, "argilla", {"instruction", "chosen_response", "rejected_response"},
     format_pairs_orca, true},
    {FORMAT_ARGILLA, "argilla", {"generations", "ratings"}, format_rated_list, false},
    {FORMAT_ARGILLA, "argilla", {"generations", "rating"}, format_rated_list, false},
    {FORMAT_ALPACA, "alpaca", {"instruction", "output"}, format_shapes_alpaca, true},
    {FORMAT_ALPACA, "alpaca", {"instruction", "response"}, format_shapes_alpaca, true},
    {FORMAT_ORCA, "orca", {"question", "response"}, format_shapes_orca, true},
    {FORMAT_TRL, "trl", {NULL}, as_it_is, false},
};
/* clang-format on */
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

/* What must not be there may be null: tables have every column in every row. What must be may be
 * null as well, for that says something (no mistake_index: no mistake). */
static const json_t *there(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return json_is_null(value) ? NULL : value;
}

/* ShareGPT's pairs by answers that are turns; its dialogues beside a system's words, unless
 * they have answers of their own; Capybara's without any. */
static bool fits_sharegpt(const struct format_row *row, const json_t *object)
{
    const json_t *chosen = there(object, "chosen");

    return row->has[2] ? json_is_object(chosen)
                       : !chosen && json_is_array(json_object_get(object, row->has[0]));
}

/* HH by the text's beginning; PRM800K by a label, WebGPT by a question, OpenAssistant by a
 * prompt that is an object; UltraChat by a list; others by texts. */
static bool fits(const struct format_row *row, const json_t *object)
{
    for (int i = 0; i < 3 && row->has[i]; i++) {
        const json_t *value = json_object_get(object, row->has[i]);
        if (row->texts ? !json_is_string(value) : !value)
            return false;
    }
    if (row->texts)
        return !there(object, "prompt");
    if (row->format == FORMAT_HH) {
        const char *chosen = json_string_value(json_object_get(object, "chosen"));
        return chosen && !strncmp(chosen, "\n\nHuman:", 8);
    }
    if (row->format == FORMAT_SHAREGPT)
        return fits_sharegpt(row, object);
    if (row->format == FORMAT_WEBGPT || row->format == FORMAT_OASST)
        return json_is_object(
            json_object_get(object, row->format == FORMAT_WEBGPT ? "question" : "prompt"));
    if (row->format == FORMAT_ARGILLA)
        return !there(object, "chosen");
    if (row->format == FORMAT_ULTRACHAT)
        return json_is_string(json_array_get(json_object_get(object, "data"), 0));
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

/* Two answers whose question has another name are TRL's by their columns, and no trainer takes
 * them (example.c): to learn them without their question would be to learn something else. */
static enum format untold(const json_t *object, const char *text_field)
{
    const enum format format = format_of(object);
    enum record_kind kind;

    if (format == FORMAT_TRL || format == FORMAT_HH ||
        (text_field && json_is_string(json_object_get(object, text_field))))
        return FORMAT_TRL;
    if (format == FORMAT_OASST || record_kind_of(&kind, object))
        return format;
    return kind == KIND_IMPLICIT && (format == FORMAT_ORCA || format == FORMAT_ALPACA)
               ? format
               : FORMAT_TRL;
}

enum format format_as(const json_t *row, const struct format_rule *rule)
{
    if (rule->format != FORMAT_AUTO)
        return rule->format;
    return rule->untold ? untold(row, rule->text_field) : format_of(row);
}

/* By the format that was named, if one was: then the columns are the reader's to complain
 * about; of several shapes of it the one that fits, else the first. */
enum err format_rows(json_t *out, const json_t *row, const struct format_rule *rule)
{
    const enum format format = format_as(row, rule);
    const struct format_row *found = NULL;

    for (int i = 0; i < ROWS && !(found && fits(found, row)); i++)
        if (rows[i].format == format && (!found || fits(&rows[i], row)))
            found = &rows[i];
    return found ? found->read(out, row, rule) : err_set(ERR_RANGE, "no such format");
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
