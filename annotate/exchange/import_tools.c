/* Label Studio's and Argilla's exports, as their own code writes them. People come as numbers or ids of
 * those servers: that is their name here; mail addresses and names that stand beside are not taken.
 *
 *   label_studio  {"id", "data": {field: text}, "annotations": [{"completed_by", "was_cancelled",
 *                 "ground_truth", "lead_time" s, "created_at", "result": [{"from_name", "type":
 *                 "pairwise", "value": {"selected": "left"}} | {"type": "choices", "value":
 *                 {"choices": [word]}}]}]}
 *   argilla       {"id", "fields": {…}, "responses": {question: [{"value", "user_id", "status"}]}}, or
 *                 flattened {field: …, "QUESTION.responses": [value], "QUESTION.responses.users": [id],
 *                 "QUESTION.responses.status": [word]}; a ranking's value is a list of names */

#include "annotate/exchange/import_fields.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAID_MAX = 1024 };

/* A row on its way: its item, and what people said of it. */
struct reading {
    struct import_put *put;
    struct import_fields fields;
    struct prefs_item item;
    struct import_said said[SAID_MAX];
    char *name[SAID_MAX];
    json_t *ranking[SAID_MAX];
    size_t n;
};

/* On the heap: what a thousand annotations need is too much for a stack. */
static struct reading *begin(struct import_put *put)
{
    struct reading *const r = mem_new(1, sizeof *r);

    r->put = put;
    return r;
}

/* The one way out, whatever happened: an error is handed on, nothing is added. */
static enum err end(struct reading *r, enum err err)
{
    if (!err)
        err = import_put_item(r->put, &r->item, r->said, r->n);
    for (size_t i = 0; i < r->n; i++) {
        free(r->name[i]);
        json_decref(r->ranking[i]);
    }
    import_fields_free(&r->fields);
    free(r->item.key);
    json_decref(r->item.gold);
    free(r);
    return err;
}

/* Numbers of one server, ids of another: a text either way. */
static char *id_text(const json_t *id)
{
    return json_is_string(id)    ? mem_text(json_string_value(id))
           : json_is_integer(id) ? mem_print("%lld", (long long)json_integer_value(id))
                                 : NULL;
}

/* The tool's own id, so that a later export of the same project adds to the same items. */
static void set_key(struct reading *r, const json_t *row)
{
    r->item.key = id_text(json_object_get(row, "id"));
    if (r->item.key && (!*r->item.key || strlen(r->item.key) > PREFS_NAME_MAX)) {
        free(r->item.key);
        r->item.key = NULL;
    }
    if (!r->item.key)
        r->item.key = import_put_key(r->put, row);
}

static struct import_said *more(struct reading *r)
{
    return r->n < SAID_MAX ? &r->said[r->n] : NULL;
}

/* ---- Label Studio */

/* How well a result says which: a choice of two before one of words; 0: not at all. */
static int weight_of(const json_t *result, const char *question)
{
    const char *const from = json_string_value(json_object_get(result, "from_name")),
                      *const type = json_string_value(json_object_get(result, "type"));

    if (!type || (question && (!from || strcmp(from, question) != 0)))
        return 0;
    return !strcmp(type, "pairwise") ? 2 : !strcmp(type, "choices");
}

/* *word: of the result that says which; NULL: none does. Of two alike neither is taken for it. */
static enum err selected(const char **word, const json_t *annotation, const char *question)
{
    size_t i;
    const json_t *result;
    int best = 0, n = 0;

    *word = NULL;

    json_array_foreach(json_object_get(annotation, "result"), i, result)
    {
        const json_t *const value = json_object_get(result, "value");
        const int weight = weight_of(result, question);
        n = weight == best ? n + (weight > 0) : weight > best ? 1 : n;
        if (weight <= best)
            continue;
        best = weight;
        *word = json_string_value(weight == 2
                                      ? json_object_get(value, "selected")
                                      : json_array_get(json_object_get(value, "choices"), 0));
    }
    return n > 1 ? err_set(ERR_PARSE,
                           "several results could be the choice: question=NAME says which")
                 : OK;
}

static enum err add_annotation(struct reading *r, const json_t *annotation)
{
    const json_t *const by = json_object_get(annotation, "completed_by");
    const char *word;
    const double lead = json_number_value(json_object_get(annotation, "lead_time"));
    struct import_said *const to = more(r);
    char *who;
    enum err err = selected(&word, annotation, r->put->rule->question);

    if (err)
        return err;
    if (!word || json_is_true(json_object_get(annotation, "was_cancelled"))) {
        r->put->count->unjudged++;
        return OK;
    }
    if (!to)
        return err_set(ERR_RANGE, "more than %d annotations", SAID_MAX);
    *to = (struct import_said){.annotator = NULL};
    err = import_fields_word(&to->said, &r->fields, r->item.n, word);
    if (err)
        return err;
    if (json_is_true(json_object_get(annotation, "ground_truth"))) {
        /* What is known to be right makes the item a gold question; it is nobody's view. */
        json_decref(r->item.gold);
        r->item.gold = prefs_verdict_json(&to->said);
        return OK;
    }
    who = id_text(json_is_object(by) ? json_object_get(by, "id") : by);
    r->name[r->n] = who ? mem_print("label-studio-%.100s", who) : NULL;
    free(who);
    to->annotator = r->name[r->n];
    to->at = import_fields_time(json_string_value(json_object_get(annotation, "created_at")));
    to->said.shown_ms = lead > 0 && lead < 2e6 ? (int64_t)(lead * 1000 + 0.5) : 0;
    r->n++;
    return OK;
}

enum err import_tools_label_studio(struct import_put *put, const json_t *row)
{
    struct reading *const r = begin(put);
    const json_t *annotation;
    size_t i;
    enum err err =
        import_fields_take(&r->fields, &r->item, json_object_get(row, "data"), put->rule);

    set_key(r, row);
    json_array_foreach(json_object_get(row, "annotations"), i, annotation) if (!err) err =
        add_annotation(r, annotation);
    return end(r, err);
}

/* ---- Argilla */

/* Where each stands is its own to say; names alone stand in their order. At most so many as there are
 * answers. */
static json_t *best_first(const json_t *value)
{
    json_t *const out = json_array(), *one;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)value, i, one)
    {
        const json_int_t rank = json_integer_value(json_object_get(one, "rank"));
        size_t at = json_array_size(out);
        while (json_is_object(one) && at &&
               json_integer_value(json_object_get(json_array_get(out, at - 1), "rank")) > rank)
            at--;
        json_array_insert(out, at, one);
    }
    return out;
}

/* A list of names, best first, or of {"value", "rank"}; as groups of candidates. */
static enum err ranking_in(struct reading *r, const json_t *value, json_t **out)
{
    json_t *const groups = json_array();
    size_t i;
    const json_t *one;
    json_int_t last = -1;
    unsigned seen = 0;
    enum err err = OK;

    json_array_foreach((json_t *)(uintptr_t)value, i, one)
    {
        const json_t *const named = json_is_object(one) ? json_object_get(one, "value") : one;
        const json_int_t rank = json_is_object(one)
                                    ? json_integer_value(json_object_get(one, "rank"))
                                    : (json_int_t)i;
        struct prefs_judgement which = {.choice = -1};
        if (!json_is_string(named))
            err = err_set(ERR_PARSE, "a ranking of names is wanted");
        else
            err = import_fields_word(&which, &r->fields, r->item.n, json_string_value(named));
        if (!err && (which.choice < 0 || rank < last || seen & 1u << which.choice))
            err = err_set(ERR_PARSE, "a ranking: names of answers, best first");
        if (err)
            break;
        seen |= 1u << which.choice;
        if (rank != last)
            json_array_append_new(groups, json_array());
        json_array_append_new(json_array_get(groups, json_array_size(groups) - 1),
                              json_integer(which.choice));
        last = rank;
    }
    if (!err && seen != (1u << r->item.n) - 1)
        err = err_set(ERR_PARSE, "a ranking: every answer once");
    if (err)
        json_decref(groups);
    else
        *out = groups;
    return err;
}

static enum err ranking_of(struct reading *r, const json_t *value, json_t **out)
{
    json_t *ordered;
    enum err err;

    if (json_array_size(value) != (size_t)r->item.n)
        return err_set(ERR_PARSE, "a ranking: every answer once");
    ordered = best_first(value);
    err = ranking_in(r, ordered, out);
    json_decref(ordered);
    return err;
}

/* Of two, a ranking is a choice, or a tie. */
static void settle_ranking(struct reading *r, struct import_said *to, json_t *groups)
{
    if (r->item.mode != PREFS_PAIR) {
        r->ranking[r->n] = groups;
        to->said = (struct prefs_judgement){
            .verdict = PREFS_RANKING, .choice = -1, .step = -1, .ranking = groups};
        return;
    }
    to->said = (struct prefs_judgement){
        .verdict = json_array_size(groups) == 1 ? PREFS_TIE : PREFS_CHOSEN,
        .choice = (int)json_integer_value(json_array_get(json_array_get(groups, 0), 0)),
        .step = -1};
    json_decref(groups);
}

/* Drafts and what was discarded are no judgement: submitted, or without a status at all. */
static enum err add_response(struct reading *r, const json_t *value, const json_t *user,
                             const json_t *status)
{
    const char *const state = json_string_value(status);
    struct import_said *const to = more(r);
    json_t *groups = NULL;
    char *who;
    enum err err = OK;

    if ((state && strcmp(state, "submitted") != 0) || json_is_null(value)) {
        r->put->count->unjudged++;
        return OK;
    }
    if (!to)
        return err_set(ERR_RANGE, "more than %d responses", SAID_MAX);
    *to = (struct import_said){.annotator = NULL};
    if (json_is_string(value))
        err = import_fields_word(&to->said, &r->fields, r->item.n, json_string_value(value));
    else if (json_is_array(value))
        err = ranking_of(r, value, &groups);
    else
        err = err_set(ERR_PARSE, "a response that is neither a name nor a ranking");
    if (err)
        return err;
    if (groups)
        settle_ranking(r, to, groups);
    who = id_text(user);
    r->name[r->n] = who ? mem_print("argilla-%.100s", who) : NULL;
    free(who);
    to->annotator = r->name[r->n];
    r->n++;
    return OK;
}

/* One question decides; where there are several, which one it is must be said. */
static enum err nested(struct reading *r, const json_t *row)
{
    const char *const asked = r->put->rule->question, *name;
    json_t *list;
    enum err err =
        import_fields_take(&r->fields, &r->item, json_object_get(row, "fields"), r->put->rule);

    json_object_foreach(json_object_get(row, "responses"), name, list)
    {
        size_t i;
        const json_t *one;
        if (asked ? strcmp(name, asked) != 0
                  : json_object_size(json_object_get(row, "responses")) > 1)
            continue;
        json_array_foreach(list, i, one) if (!err) err =
            add_response(r, json_object_get(one, "value"), json_object_get(one, "user_id"),
                         json_object_get(one, "status"));
    }
    if (!err && !asked && json_object_size(json_object_get(row, "responses")) > 1)
        err = err_set(ERR_PARSE, "several questions: question=NAME says which");
    return err;
}

/* The fields are what is no part of a question and none of the record's own columns. */
static json_t *flat_fields(const json_t *row)
{
    json_t *const fields = json_object();
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)row, name,
                        value) if (!strchr(name, '.') && strcmp(name, "id") != 0 &&
                                   strcmp(name, "status") != 0 &&
                                   strcmp(name, "_server_id") != 0)
        json_object_set(fields, name, value);
    return fields;
}

static enum err flat(struct reading *r, const json_t *row, const char *question)
{
    json_t *const fields = flat_fields(row);
    char *const values = mem_print("%s.responses", question),
                *const users = mem_print("%s.responses.users", question),
                *const states = mem_print("%s.responses.status", question);
    size_t i;
    const json_t *value;
    enum err err = import_fields_take(&r->fields, &r->item, fields, r->put->rule);

    json_array_foreach(json_object_get(row, values), i, value) if (!err) err =
        add_response(r, value, json_array_get(json_object_get(row, users), i),
                     json_array_get(json_object_get(row, states), i));
    free(values);
    free(users);
    free(states);
    /* The row holds what `fields` named: it goes no sooner than the item. */
    json_decref(fields);
    return err;
}

/* The only question of a flat row, unless the rule names one. The caller's. */
static char *flat_question(const json_t *row, const char *asked)
{
    static const char end_of[] = ".responses";
    const char *name;
    json_t *value;
    char *found = asked ? mem_text(asked) : NULL;

    json_object_foreach((json_t *)(uintptr_t)row, name, value)
    {
        const size_t n = strlen(name), m = sizeof end_of - 1;
        if (n > m && !strcmp(name + n - m, end_of) && !found)
            found = mem_print("%.*s", (int)(n - m), name);
    }
    return found;
}

enum err import_tools_argilla(struct import_put *put, const json_t *row)
{
    struct reading *const r = begin(put);
    char *question;
    enum err err;

    set_key(r, row);
    if (json_is_object(json_object_get(row, "fields")))
        return end(r, nested(r, row));
    question = flat_question(row, put->rule->question);
    err = question
              ? flat(r, row, question)
              : err_set(ERR_PARSE, "no column QUESTION.responses: not an export of Argilla");
    free(question);
    return end(r, err);
}
