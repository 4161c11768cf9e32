/* How it works: each row becomes records by its format; each record is checked for flaws
 * (record_kind_check), read as a trainer reads it (data/example.h), measured and remembered
 * by its hashes. What concerns several records (repetitions, leaks between splits) is found
 * at the end, in lint_report.c, by sorting those hashes: a record more costs 120 bytes, and
 * not itself.
 *
 * A record with a flaw is not read: its reader would say the same in other words. */
#include "data/lint.h"

#include "base/mem.h"
#include "data/lint_state.h"
#include "data/record_text.h"
#include "data/rows.h"

#include <stdlib.h>
#include <string.h>

struct lint *lint_new(const struct lint_rule *rule)
{
    struct lint *lint = mem_new(1, sizeof(*lint));

    lint->rule = *rule;
    for (int i = 0; i < CODES; i++)
        lint->problem[i].first = json_array();
    lint->files = json_array();
    lint->splits = json_array();
    lint->unused = json_object();
    return lint;
}

void lint_free(struct lint *lint)
{
    if (!lint)
        return;
    for (int i = 0; i < CODES; i++)
        json_decref(lint->problem[i].first);
    for (int i = 0; i < FIELDS; i++)
        free(lint->lengths[i].length);
    json_decref(lint->files);
    json_decref(lint->splits);
    json_decref(lint->unused);
    free(lint->record);
    free(lint);
}

/* Counts all and keeps the first few: a data set has one mistake a thousand times. */
void lint_found(struct lint *lint, int code, const char *words)
{
    struct lint_problem *problem = &lint->problem[code];

    lint->flaws++;
    if (problem->count++ < LINT_FIRST)
        json_array_append_new(problem->first, json_string(words));
}

/* One flaw of the record being read, with its file and line. */
static void flaw(void *self, enum record_flaw flaw, const char *words)
{
    struct lint *lint = self;
    char *copy = mem_text(words); /* they may be the standing ones */

    /* As a standing error, so that rows_at can add the place to it as to any other. */
    (void)err_set(ERR_PARSE, "%s", copy);
    (void)rows_at(lint->rows);
    free(copy);
    lint_found(lint, (int)flaw, err_text());
}

/* All of them are kept, four bytes each: quantiles need them. */
static void put_length(struct lint *lint, enum lint_field field, uint32_t n)
{
    struct lint_lengths *l = &lint->lengths[field];

    if (l->n == l->room) {
        l->room = l->room ? 2 * l->room : 1024;
        l->length = mem_grow(l->length, l->room, sizeof(*l->length));
    }
    l->length[l->n++] = n;
}

/* Characters, not bytes: people count those. */
static void measure(struct lint *lint, enum lint_field field, const json_t *value)
{
    char *words = record_text_words(value);
    uint32_t n = 0;

    for (const char *p = words; *p; p++)
        n += (*p & 0xC0) != 0x80;
    free(words);
    put_length(lint, field, n);
}

/* Of answers and of steps alike; a number between is a soft label. */
static void count_label(struct lint *lint, const json_t *label)
{
    if (json_is_boolean(label))
        *(json_is_true(label) ? &lint->right : &lint->wrong) += 1;
    else if (json_is_number(label))
        lint->soft++;
    else
        lint->unknown++;
}

static void measure_pair(struct lint *lint, const json_t *row)
{
    const struct lint_lengths *chosen = &lint->lengths[FIELD_CHOSEN];
    const struct lint_lengths *rejected = &lint->lengths[FIELD_REJECTED];

    measure(lint, FIELD_CHOSEN, json_object_get(row, "chosen"));
    measure(lint, FIELD_REJECTED, json_object_get(row, "rejected"));
    lint->pairs++;
    lint->longer += chosen->length[chosen->n - 1] > rejected->length[rejected->n - 1];
    lint->shorter += chosen->length[chosen->n - 1] < rejected->length[rejected->n - 1];
}

/* By the columns that make its kind. */
static void measure_all(struct lint *lint, const json_t *row, enum record_kind kind)
{
    size_t i;
    json_t *item;

    if (record_kind_form(kind)->pair)
        measure_pair(lint, row);
    for (const char *const *column = record_kind_form(kind)->column; *column; column++) {
        json_t *value = json_object_get(row, *column);
        if (!strcmp(*column, "completion"))
            measure(lint, FIELD_COMPLETION, value);
        else if (!strcmp(*column, "label"))
            count_label(lint, value);
        else if (!strcmp(*column, "completions"))
            json_array_foreach(value, i, item) measure(lint, FIELD_STEP, item);
        else if (!strcmp(*column, "labels"))
            json_array_foreach(value, i, item) count_label(lint, item);
    }
}

static struct lint_record *push(struct lint *lint)
{
    if (lint->n == lint->room) {
        lint->room = lint->room ? 2 * lint->room : 1024;
        lint->record = mem_grow(lint->record, lint->room, sizeof(*lint->record));
    }
    return &lint->record[lint->n++];
}

/* The pair the other way round. */
static struct hash reversed(const json_t *row)
{
    json_t *other = json_copy((json_t *)(uintptr_t)row), *list;
    struct hash hash;

    json_object_set(other, "chosen", json_object_get(row, "rejected"));
    json_object_set(other, "rejected", json_object_get(row, "chosen"));
    list = json_pack("[o]", other);
    hash = record_text_hash(other);
    json_decref(list);
    return hash;
}

/* The standing words, with their place, as one more of `code`. */
static void refused(struct lint *lint, int code)
{
    (void)rows_at(lint->rows);
    lint_found(lint, code, err_text());
}

/* No flaw of the record: training would cut it, or leave it out, and the person should know. */
static void too_long(struct lint *lint, uint32_t tokens)
{
    const struct lint_rule *rule = &lint->rule;

    if (rule->asked)
        (void)err_set(ERR_PARSE,
                      "%u tokens, more than %u: the model's context; max_length is %u", tokens,
                      rule->max_length, rule->asked);
    else
        (void)err_set(ERR_PARSE, "%u tokens, more than max_length %u", tokens,
                      rule->max_length);
    refused(lint, CODE_LENGTH);
}

/* A solution in steps, as corpus_steps reads it; what is in the steps, record_kind_check
 * looked at. */
static enum err read_steps(struct lint *lint, const json_t *row)
{
    const struct lint_rule *rule = &lint->rule;
    uint32_t tokens = 0;
    enum err err = OK;

    if (!json_array_size(json_object_get(row, "completions")))
        return err_set(ERR_PARSE, "'completions' is missing or not a list of steps");
    example_check_unread(lint->unused, row, record_kind_form(KIND_STEPWISE)->read);
    if (rule->encode_steps) {
        err = rule->encode_steps(rule->self, row, &tokens);
        if (!err)
            put_length(lint, FIELD_TOKENS, tokens);
    }
    if (!err && rule->max_length && tokens > rule->max_length)
        too_long(lint, tokens);
    return err;
}

/* As corpus_* and prompts_read do: columns, then what the method asks, then tokens. */
static enum err read_as(struct lint *lint, const json_t *row, const struct example_rule *how,
                        bool settle)
{
    const struct lint_rule *rule = &lint->rule;
    struct example e;
    uint32_t tokens = 0;
    enum err err = example_read(&e, row, how);

    if (err)
        return err;
    if (how->want != RECORD_FOR_PROMPTS)
        err = settle ? example_check_settle(&e) : example_check_filled(&e);
    if (!err && rule->encode) {
        err = rule->encode(rule->self, &e, &tokens);
        if (!err)
            put_length(lint, FIELD_TOKENS, tokens);
    }
    if (!err && rule->max_length && tokens > rule->max_length)
        too_long(lint, tokens);
    if (!err && !rule->method && record_kind_form(e.kind)->pair && example_check_settle(&e))
        refused(lint, CODE_PROMPTLESS);
    example_free(&e);
    return err;
}

/* One record: its kind, its flaws, how a trainer reads it, its lengths and its hashes. */
static void take(struct lint *lint, const json_t *row, json_t *kinds, uint32_t file,
                 uint32_t split)
{
    const size_t flaws = lint->flaws;
    struct example_rule how = {RECORD_FOR_SFT, "text", false, lint->unused};
    struct lint_record *record;
    json_t *prompt = NULL;
    enum record_kind kind;

    if (record_kind_of(&kind, row)) {
        if (!lint->rule.method) /* else the method's own words follow */
            refused(lint, CODE_KIND);
        return;
    }
    json_object_set_new(
        kinds, record_kind_name(kind),
        json_integer(json_integer_value(json_object_get(kinds, record_kind_name(kind))) + 1));
    record_kind_check(row, kind, flaw, lint);
    how.want = record_kind_form(kind)->want;
    if (!lint->rule.method && flaws == lint->flaws && how.want != RECORD_FOR_STEPS &&
        read_as(lint, row, &how, false))
        refused(lint, CODE_READ);
    measure_all(lint, row, kind);
    if (record_kind_prompt(&prompt, row, kind)) /* equal answers: already told */
        prompt = json_incref(json_object_get(row, "chosen"));
    measure(lint, FIELD_PROMPT, prompt);
    record = push(lint);
    *record = (struct lint_record){.whole = record_text_hash(row),
                                   .prompt = record_text_hash(prompt),
                                   .file = file,
                                   .split = split,
                                   .line = rows_line(lint->rows),
                                   .pair = record_kind_form(kind)->pair};
    if (record->pair)
        record->reversed = reversed(row);
    json_decref(prompt);
}

/* Splits are few: a list does. */
static uint32_t split_index(struct lint *lint, const char *split)
{
    size_t i;
    json_t *name;

    json_array_foreach(lint->splits, i,
                       name) if (!strcmp(json_string_value(name), split)) return (uint32_t)i;
    json_array_append_new(lint->splits, json_string(split));
    return (uint32_t)json_array_size(lint->splits) - 1;
}

/* As the method itself would read the row, or what its format makes of it. */
static void take_as(struct lint *lint, const json_t *row, size_t flaws)
{
    const struct lint_rule *rule = &lint->rule;
    const struct example_rule how = {rule->want, rule->text_field ? rule->text_field : "text",
                                     rule->hh, lint->unused};

    if (flaws == lint->flaws &&
        (rule->want == RECORD_FOR_STEPS ? read_steps(lint, row)
                                        : read_as(lint, row, &how, rule->settle)))
        refused(lint, CODE_READ);
}

/* One row of the file: what its format makes of it. */
static void take_row(struct lint *lint, const json_t *row, json_t *about, uint32_t file,
                     uint32_t split)
{
    const struct format_rule *rule = &lint->rule.format;
    const enum format format = format_as(row, rule);
    json_t *formats = json_object_get(about, "formats"), *made = json_array(), *item;
    size_t i;

    json_object_set_new(
        formats, format_name(format),
        json_integer(json_integer_value(json_object_get(formats, format_name(format))) + 1));
    if (format_rows(made, row, rule)) {
        (void)rows_at(lint->rows);
        lint_found(lint, FLAW_FIELD, err_text());
    }
    json_array_foreach(made, i, item)
    {
        const size_t flaws = lint->flaws;
        take(lint, item, json_object_get(about, "kinds"), file, split);
        if (lint->rule.method)
            take_as(lint, lint->rule.hh ? row : item, flaws);
    }
    json_decref(made);
}

/* A line that is no JSON is a finding; a file that cannot be read is an error. */
enum err lint_file(struct lint *lint, const char *path, const char *split)
{
    const uint32_t file = (uint32_t)json_array_size(lint->files);
    const uint32_t part = split_index(lint, split);
    json_t *about =
        json_pack("{s:s,s:s,s:{},s:{}}", "path", path, "split", split, "formats", "kinds");
    struct rows *rows = NULL;
    json_int_t n = 0;
    enum err err = rows_open(&rows, path);

    json_array_append_new(lint->files, about);
    lint->rows = rows;
    while (!err) {
        json_t *row = NULL;
        err = rows_next(rows, &row);
        if (err == ERR_PARSE) {
            lint_found(lint, CODE_JSON, err_text());
            err = OK;
            n++;
            continue;
        }
        if (err || !row)
            break;
        if (lint->n >= LINT_RECORDS_MAX)
            err = err_set(ERR_RANGE, "more than %d records", LINT_RECORDS_MAX);
        else
            take_row(lint, row, about, file, part);
        n++;
        json_decref(row);
    }
    json_object_set_new(about, "records", json_integer(n));
    rows_close(rows);
    lint->rows = NULL;
    return err;
}
