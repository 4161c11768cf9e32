/* Label Studio's JSON-MIN (and its CSV, which has the same columns): a row an annotation, the task's data
 * and the results side by side. Its converter writes a task's fields, then "id", then a column a
 * result, then "annotator" and when; so of JSON the order of the keys tells data from results. A row
 * without that order (a CSV's columns are sorted) must be told: question=, candidates=.
 *
 *   {field: text, "id", RESULT: [{"selected": "left"}] | word | {"choices": [words]}, "annotator": number
 *    or mail address, "annotation_id", "created_at", "updated_at", "lead_time"}
 *
 * Each row is made the tool's own long form, which import_tools.c reads. A mail address becomes a number
 * made of its hash. What is known to be right (ground truth) the short form does not tell. */

#include "annotate/exchange/import_put.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static const char *const own[] = {"id",         "annotator", "annotation_id", "created_at",
                                  "updated_at", "lead_time", "agreement",     NULL};

static bool is_own(const char *name)
{
    for (int i = 0; own[i]; i++)
        if (!strcmp(name, own[i]))
            return true;
    return false;
}

bool import_min_is(const json_t *row)
{
    return json_object_get(row, "annotation_id") && json_object_get(row, "annotator") &&
           !json_object_get(row, "annotations");
}

/* ---- a result */

/* A cell of a CSV is the text of what JSON holds. */
static json_t *unpacked(json_t *value)
{
    const char *const text = json_string_value(value);
    json_t *const parsed =
        text && (*text == '[' || *text == '{') ? json_loads(text, 0, NULL) : NULL;

    return parsed ? parsed : json_incref(value);
}

/* As the long form has it; NULL: it chooses nothing. */
static json_t *result_of(const char *name, json_t *value)
{
    json_t *const whole = unpacked(value);
    const json_t *const one = json_is_array(whole) ? json_array_get(whole, 0) : whole;
    json_t *const selected = json_object_get(one, "selected"), *const choices = json_object_get(
                                                                   one, "choices");
    json_t *result = NULL;

    if (json_is_string(selected))
        result = json_pack("{s:s, s:s, s:{s:O}}", "from_name", name, "type", "pairwise",
                           "value", "selected", selected);
    else if (json_is_array(choices))
        result = json_pack("{s:s, s:s, s:{s:O}}", "from_name", name, "type", "choices", "value",
                           "choices", choices);
    else if (json_is_string(one) && json_string_length(one))
        result = json_pack("{s:s, s:s, s:{s:[O]}}", "from_name", name, "type", "choices",
                           "value", "choices", (json_t *)(uintptr_t)one);
    json_decref(whole);
    return result;
}

/* ---- a row */

struct min_row {
    json_t *data, *results;
};

/* Does "id" stand before the person, with what is between them results? */
static bool in_order(const json_t *row)
{
    const char *name;
    json_t *value;
    bool id = false;

    json_object_foreach((json_t *)(uintptr_t)row, name, value)
    {
        if (!strcmp(name, "annotator"))
            return id;
        id = id || !strcmp(name, "id");
    }
    return false;
}

static void divide(struct min_row *out, const json_t *row, const char *question)
{
    const bool ordered = in_order(row);
    const char *name;
    json_t *value;
    bool behind = false;

    json_object_foreach((json_t *)(uintptr_t)row, name, value)
    {
        behind = behind || !strcmp(name, "id");
        if (is_own(name))
            continue;
        if (question ? !strcmp(name, question) : ordered && behind)
            json_array_append_new(out->results, result_of(name, value));
        else if (!(ordered && behind))
            json_object_set(out->data, name, value);
    }
}

/* Numbers stay; an address is nobody's to read here. */
static json_t *person(const json_t *annotator)
{
    const char *const text = json_string_value(annotator);
    char *hash;
    json_t *out;

    if (!text || !strchr(text, '@'))
        return json_incref((json_t *)(uintptr_t)annotator);
    hash = import_put_hash(annotator);
    out = json_sprintf("mail-%.12s", hash);
    free(hash);
    return out;
}

static json_t *annotation_of(const struct min_row *min, const json_t *row)
{
    static const char *const kept[] = {"created_at", "lead_time"};
    json_t *const out =
        json_pack("{s:o, s:O}", "completed_by", person(json_object_get(row, "annotator")),
                  "result", min->results);

    for (int i = 0; i < 2; i++)
        if (json_object_get(row, kept[i]))
            json_object_set(out, kept[i], json_object_get(row, kept[i]));
    return out;
}

enum err import_min_row(struct import_put *put, const json_t *row)
{
    struct min_row min = {json_object(), json_array()};
    json_t *whole;
    enum err err = OK;

    divide(&min, row, put->rule->question);
    if (!put->rule->question && !in_order(row))
        err = err_set(ERR_PARSE, "which column is a result? question=NAME says it");
    whole = json_pack("{s:O?, s:O, s:[o]}", "id", json_object_get(row, "id"), "data", min.data,
                      "annotations", annotation_of(&min, row));
    if (!err)
        err = import_tools_label_studio(put, whole);
    json_decref(whole);
    json_decref(min.data);
    json_decref(min.results);
    return err;
}
