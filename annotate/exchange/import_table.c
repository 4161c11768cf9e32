/* What drover itself writes of single judgements: the CSV table and the arena's log. Of a
 * log's row the sides are known, not which answer is candidate 0: that is the one whose
 * model's name, then text, comes first, so that two rows of one question are one item. */

#include "annotate/exchange/import_put.h"

#include "annotate/exchange/csv_line.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the table */

/* A cell as it was: a text, or what its JSON says; NULL: empty. The caller's. */
static json_t *cell(const json_t *row, const char *name)
{
    const json_t *const value = json_object_get(row, name);
    const char *const text = json_string_value(value);

    if (!value || json_is_null(value))
        return NULL;
    if (text && (*text == '[' || *text == '{')) {
        json_t *const parsed = json_loads(text, 0, NULL);
        if (parsed)
            return parsed;
    }
    return text ? json_string(csv_line_text(text)) : json_incref((json_t *)(uintptr_t)value);
}

/* Words are never marked: none of ours could be mistaken. */
static enum err word_cell(int *out, const json_t *row, const char *name,
                          const char *const *words)
{
    const char *const text = json_string_value(json_object_get(row, name));

    return text ? words_find(out, words, name, text)
                : err_set(ERR_PARSE, "'%s' is missing", name);
}

/* A reader of CSV gives whole numbers as fractions where a cell of the column is empty. */
static int small_cell(const json_t *row, const char *name, int none)
{
    const json_t *const value = json_object_get(row, name);
    const double number = json_is_number(value) ? json_number_value(value) : none;

    return number >= -1 && number < 1e9 ? (int)number : none;
}

/* Only an order that names each answer once is believed; else it counts as not known. */
static bool read_order(const json_t *order, int n, int *out)
{
    unsigned seen = 0;

    for (int i = 0; i < n && json_array_size(order) == (size_t)n; i++) {
        const json_int_t at = json_integer_value(json_array_get(order, (size_t)i));
        if (at < 0 || at >= n)
            return false;
        out[i] = (int)at;
        seen |= 1u << at;
    }
    return seen == (1u << n) - 1;
}

/* What a table's row says, each cell as it was. Released together. */
struct table_cells {
    json_t *key, *annotator, *why, *ranking, *text, *criteria, *reason, *flags, *order;
};

static void take_cells(struct table_cells *c, const json_t *row)
{
    c->key = cell(row, "item");
    c->annotator = cell(row, "annotator");
    c->why = cell(row, "why");
    c->ranking = cell(row, "ranking");
    c->text = cell(row, "text");
    c->criteria = cell(row, "criteria");
    c->reason = cell(row, "reason");
    c->flags = cell(row, "flags");
    c->order = cell(row, "order");
}

/* Whatever was taken: NULL is fine. */
static void drop_cells(struct table_cells *c)
{
    json_t *const all[] = {c->key,      c->annotator, c->why,   c->ranking, c->text,
                           c->criteria, c->reason,    c->flags, c->order};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        json_decref(all[i]);
}

/* Up to the first empty one: a row of a table has as many columns as its widest item. */
static void take_answers(struct prefs_item *item, const json_t *row)
{
    for (; item->n < PREFS_CANDIDATES_MAX; item->n++) {
        struct prefs_candidate *const to = &item->candidate[item->n];
        json_t *model;
        char name[32];
        snprintf(name, sizeof name, "answer_%d", item->n);
        to->content = cell(row, name);
        if (!to->content)
            break;
        snprintf(name, sizeof name, "model_%d", item->n);
        model = cell(row, name);
        to->model = json_is_string(model) ? mem_text(json_string_value(model)) : NULL;
        json_decref(model);
    }
}

static enum err table_said(struct import_said *out, const struct table_cells *c,
                           const json_t *row)
{
    const char *const why = json_string_value(c->why);
    const json_t *const seconds = json_object_get(row, "seconds"), *const at = json_object_get(
                                                                       row, "time");
    int verdict = 0, reason = PREFS_PLAN;
    enum err err = word_cell(&verdict, row, "verdict", words_verdict);

    /* A strategy's name is not kept: here it was chosen by nobody. */
    if (!err && why && strncmp(why, "active:", 7) != 0)
        err = words_find(&reason, words_why, "why", why);
    *out = (struct import_said){
        .annotator = json_string_value(c->annotator),
        .why = (enum prefs_why)reason,
        .at = json_is_number(at) ? (int64_t)json_number_value(at) : 0,
        .said = {.verdict = (enum prefs_verdict)verdict,
                 .choice = small_cell(row, "choice", -1),
                 .step = small_cell(row, "step", -1),
                 .strength = small_cell(row, "strength", 0),
                 .ranking = c->ranking,
                 .text = c->text,
                 .criteria = c->criteria,
                 .flags = c->flags,
                 .reason = json_string_value(c->reason),
                 .shown_ms = json_is_number(seconds) && json_number_value(seconds) >= 0 &&
                                     json_number_value(seconds) < 2e6
                                 ? (int64_t)(json_number_value(seconds) * 1000 + 0.5)
                                 : 0}};
    return err;
}

enum err import_table_row(struct import_put *put, const json_t *row)
{
    struct prefs_item item = {.prompt = cell(row, "prompt")};
    struct table_cells cells;
    struct import_said said;
    int mode = 0, order[PREFS_CANDIDATES_MAX];
    enum err err = word_cell(&mode, row, "mode", words_mode);

    take_cells(&cells, row);
    take_answers(&item, row);
    item.mode = (enum prefs_mode)mode;
    item.key = json_is_string(cells.key) ? mem_text(json_string_value(cells.key))
               : cells.key               ? json_dumps(cells.key, JSON_ENCODE_ANY)
                                         : NULL;
    if (!err && !item.key)
        err = err_set(ERR_PARSE, "'item' is missing");
    if (!err)
        err = table_said(&said, &cells, row);
    if (!err && cells.order && item.n && read_order(cells.order, item.n, order))
        said.order = order;
    if (!err)
        err = import_put_item(put, &item, &said, 1);
    drop_cells(&cells);
    prefs_item_free(&item);
    return err;
}

/* ---- the arena's log */

/* A conversation without its last answer, and that answer as a text. New references. */
static enum err divide(const json_t *conversation, json_t **prompt, json_t **answer)
{
    const size_t n = json_array_size(conversation);
    const json_t *const last = n ? json_array_get(conversation, n - 1) : NULL;
    const json_t *const content = json_object_get(last, "content");
    const char *const role = json_string_value(json_object_get(last, "role"));

    *prompt = *answer = NULL;
    if (!json_is_string(content) || !role || strcmp(role, "assistant") != 0)
        return err_set(ERR_PARSE, "a conversation that does not end with an answer");
    *prompt = json_copy((json_t *)(uintptr_t)conversation);
    json_array_remove(*prompt, n - 1);
    *answer = json_incref((json_t *)(uintptr_t)content);
    return OK;
}

/* Which of two is candidate 0 must not depend on the side it stood on. */
static int comes_first(const char *model_a, const char *model_b, const json_t *a,
                       const json_t *b)
{
    const int by_model = strcmp(model_a, model_b);

    return by_model ? by_model : strcmp(json_string_value(a), json_string_value(b));
}

/* The words of the arena, and of those who write its log with an underscore. */
static enum err winner_of(const char *word, int a, struct prefs_judgement *said)
{
    static const char *const words[] = {"model_a",       "model_b",  "tie",
                                        "tie (bothbad)", "both_bad", NULL};
    int which = 0;
    const enum err err = words_find(&which, words, "winner", word ? word : "");

    *said = (struct prefs_judgement){.verdict = which < 2    ? PREFS_CHOSEN
                                                : which == 2 ? PREFS_TIE
                                                             : PREFS_BOTH_BAD,
                                     .choice = which == 0 ? a : !a,
                                     .step = -1};
    return err;
}

static enum err arena_item(struct import_put *put, const json_t *row,
                           const char *const model[2], json_t *const prompt[2],
                           json_t *const answer[2])
{
    const int a = comes_first(model[0], model[1], answer[0], answer[1]) > 0; /* a's candidate */
    const int order[2] = {a, !a};
    const json_t *const id = json_object_get(row, "question_id"),
                        *const at = json_object_get(row, "tstamp"),
                        *const dwell = json_object_get(row, "dwell");
    struct prefs_item item = {.mode = PREFS_PAIR, .n = 2};
    struct import_said said = {.order = order,
                               .annotator = json_string_value(json_object_get(row, "judge"))};
    enum err err;

    if (!json_equal(prompt[0], prompt[1]))
        return err_set(ERR_PARSE, "the two conversations differ before their last answers");
    item.prompt = json_array_size(prompt[0]) ? prompt[0] : NULL;
    for (int i = 0; i < 2; i++) {
        item.candidate[order[i]].content = answer[i];
        item.candidate[order[i]].model = (char *)(uintptr_t)model[i];
    }
    item.key = json_is_string(id) ? mem_text(json_string_value(id)) : import_put_key(put, row);
    said.at = json_is_number(at) ? (int64_t)(json_number_value(at) * 1000 + 0.5) : 0;
    err = winner_of(json_string_value(json_object_get(row, "winner")), a, &said.said);
    if (json_is_number(dwell) && json_number_value(dwell) >= 0 &&
        json_number_value(dwell) < 2e6)
        said.said.shown_ms = (int64_t)(json_number_value(dwell) * 1000 + 0.5);
    if (!err)
        err = import_put_item(put, &item, &said, 1);
    free(item.key);
    return err;
}

enum err import_table_arena(struct import_put *put, const json_t *row)
{
    const char *const model[2] = {json_string_value(json_object_get(row, "model_a")),
                                  json_string_value(json_object_get(row, "model_b"))};
    json_t *prompt[2] = {NULL, NULL}, *answer[2] = {NULL, NULL};
    enum err err =
        model[0] && model[1] ? OK : err_set(ERR_PARSE, "model_a, model_b: names are wanted");

    if (!err)
        err = divide(json_object_get(row, "conversation_a"), &prompt[0], &answer[0]);
    if (!err)
        err = divide(json_object_get(row, "conversation_b"), &prompt[1], &answer[1]);
    if (!err)
        err = arena_item(put, row, model, prompt, answer);
    for (int i = 0; i < 2; i++) {
        json_decref(prompt[i]);
        json_decref(answer[i]);
    }
    return err;
}
