/* What Argilla 1.x gives out of a FeedbackDataset, in three shapes; each is made the one of 2.x, which
 * import_tools.c reads.
 *
 *   record      {"fields": {…}, "responses": [{"user_id", "values": {QUESTION: {"value"}}, "status"}],
 *                "external_id"}                                        as FeedbackRecord.json() writes it
 *   row         {field: …, QUESTION: [{"user_id", "value", "status"}], "QUESTION-suggestion": …,
 *                "external_id", "metadata"}                            as format_as("datasets") has it
 *   columns     the same, QUESTION: {"user_id": [], "value": [], "status": []}    as older ones had it
 *
 * A ranking's value there is {"rank": [], "value": []}. Where nothing is external_id, the item's key is
 * made of its fields. */

#include "annotate/exchange/import_put.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static const char suggestion[] = "-suggestion";

/* ---- lists of responses */

static bool is_columns(const json_t *value)
{
    return json_is_array(json_object_get(value, "user_id")) &&
           json_is_array(json_object_get(value, "value"));
}

/* {"a": [1, 2], "b": [3, 4]} as [{"a": 1, "b": 3}, {"a": 2, "b": 4}]; as long as `value` is. */
static json_t *rows_of(const json_t *columns)
{
    json_t *const rows = json_array(), *list;
    const char *name;

    for (size_t i = 0; i < json_array_size(json_object_get(columns, "value")); i++) {
        json_t *const row = json_object();
        json_object_foreach((json_t *)(uintptr_t)columns, name, list)
        {
            if (json_array_get(list, i))
                json_object_set(row, name, json_array_get(list, i));
        }
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *plain_value(json_t *value)
{
    return json_is_array(json_object_get(value, "rank")) &&
                   json_is_array(json_object_get(value, "value"))
               ? rows_of(value)
               : json_incref(value);
}

static json_t *response(const json_t *user, const json_t *status, json_t *value)
{
    return json_pack("{s:o, s:O?, s:O?}", "value", plain_value(value), "user_id", user,
                     "status", status);
}

/* ---- rows */

static bool ends_so(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);

    return n > m && !strcmp(name + n - m, end);
}

/* By what stands beside it, for nobody may have answered; else by what is in it. */
static bool is_question(const json_t *row, const char *name, const json_t *value)
{
    char *const beside = mem_print("%s%s", name, suggestion);
    const bool named = json_object_get(row, beside) != NULL;
    const json_t *const first = json_array_get(value, 0);

    free(beside);
    if (json_is_array(value) && json_array_size(value))
        return json_object_get(first, "user_id") && json_object_get(first, "value");
    return is_columns(value) || (named && json_is_array(value));
}

static json_t *list_of(const json_t *value)
{
    json_t *const rows =
        is_columns(value) ? rows_of(value) : json_incref((json_t *)(uintptr_t)value);
    json_t *const out = json_array(), *one;
    size_t i;

    json_array_foreach(rows, i, one) json_array_append_new(
        out, response(json_object_get(one, "user_id"), json_object_get(one, "status"),
                      json_object_get(one, "value")));
    json_decref(rows);
    return out;
}

static void divide_row(json_t *fields, json_t *responses, const json_t *row)
{
    static const char *const own[] = {"external_id", "metadata", "id", "status", NULL};
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)row, name, value)
    {
        bool skip = ends_so(name, suggestion) || ends_so(name, "-suggestion-metadata");
        for (int i = 0; own[i]; i++)
            skip = skip || !strcmp(name, own[i]);
        if (skip)
            continue;
        if (is_question(row, name, value))
            json_object_set_new(responses, name, list_of(value));
        else
            json_object_set(fields, name, value);
    }
}

/* ---- records */

/* What was discarded has no values, and is counted here. */
static void divide_record(struct import_put *put, json_t *responses, const json_t *list)
{
    const json_t *one;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)list, i, one)
    {
        json_t *const values = json_object_get(one, "values"), *value;
        const char *question;

        put->count->unjudged += !json_object_size(values);
        json_object_foreach(values, question, value)
        {
            if (!json_object_get(responses, question))
                json_object_set_new(responses, question, json_array());
            json_array_append_new(json_object_get(responses, question),
                                  response(json_object_get(one, "user_id"),
                                           json_object_get(one, "status"),
                                           json_object_get(value, "value")));
        }
    }
}

static bool is_record(const json_t *row)
{
    return json_is_object(json_object_get(row, "fields")) &&
           json_is_array(json_object_get(row, "responses"));
}

/* ---- both */

bool import_feedback_is(const json_t *row)
{
    const char *name;
    json_t *value;

    if (is_record(row))
        return true;
    json_object_foreach((json_t *)(uintptr_t)row, name,
                        value) if (is_question(row, name, value)) return true;
    return false;
}

enum err import_feedback_row(struct import_put *put, const json_t *row)
{
    const json_t *const id = json_object_get(row, "external_id");
    json_t *const whole = json_object(), *const responses = json_object();
    json_t *const fields =
        is_record(row) ? json_incref(json_object_get(row, "fields")) : json_object();
    char *key;
    enum err err;

    if (is_record(row))
        divide_record(put, responses, json_object_get(row, "responses"));
    else
        divide_row(fields, responses, row);
    key = import_put_hash(fields);
    json_object_set_new(whole, "id",
                        json_is_string(id) && json_string_length(id)
                            ? json_incref((json_t *)(uintptr_t)id)
                            : json_string(key));
    json_object_set_new(whole, "fields", fields);
    json_object_set_new(whole, "responses", responses);
    err = import_tools_argilla(put, whole);
    json_decref(whole);
    free(key);
    return err;
}
