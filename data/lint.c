#include "data/lint.h"

#include "base/mem.h"
#include "data/kind.h"
#include "data/rows.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Fields whose lengths are told. */
enum field { FIELD_PROMPT, FIELD_CHOSEN, FIELD_REJECTED, FIELD_COMPLETION, FIELD_STEP, FIELDS };
static const char *const field_names[FIELDS] = {"prompt", "chosen", "rejected", "completion",
                                                "step"};

enum code {
    CODE_JSON = KIND_FLAWS,
    CODE_KIND,
    CODE_DUPLICATE,
    CODE_REVERSED,
    CODE_LEAK,
    CODES
};

struct problem {
    size_t count;
    json_t *first; /* list of words, at most LINT_FIRST */
};

/* What is kept of a record. */
struct record {
    struct hash whole, prompt, reversed; /* `reversed`: the pair the other way round */
    uint32_t file, split;
    long line;
    bool pair;
};

struct lengths {
    uint32_t *length;
    size_t n, room;
};

struct lint {
    struct format_rule rule;
    struct problem problem[CODES];
    struct record *record;
    size_t n, room;
    struct lengths lengths[FIELDS];
    size_t pairs, longer, shorter, right, wrong, soft, unknown;
    json_t *files, *splits;  /* reports; list of names */
    const struct rows *rows; /* being read */
};

struct lint *lint_new(const struct format_rule *rule)
{
    struct lint *lint = mem_new(1, sizeof(*lint));

    lint->rule = *rule;
    for (int i = 0; i < CODES; i++)
        lint->problem[i].first = json_array();
    lint->files = json_array();
    lint->splits = json_array();
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
    free(lint->record);
    free(lint);
}

static void found(struct lint *lint, int code, const char *words)
{
    struct problem *problem = &lint->problem[code];

    if (problem->count++ < LINT_FIRST)
        json_array_append_new(problem->first, json_string(words));
}

static void flaw(void *self, enum kind_flaw flaw, const char *words)
{
    struct lint *lint = self;
    char *copy = mem_text(words); /* they may be the standing ones */

    (void)err_set(ERR_PARSE, "%s", copy);
    (void)rows_at(lint->rows);
    free(copy);
    found(lint, (int)flaw, err_text());
}

static void measure(struct lint *lint, enum field field, const json_t *value)
{
    struct lengths *l = &lint->lengths[field];
    char *words = kind_words(value);
    uint32_t n = 0;

    for (const char *p = words; *p; p++)
        n += (*p & 0xC0) != 0x80;
    free(words);
    if (l->n == l->room) {
        l->room = l->room ? 2 * l->room : 1024;
        l->length = mem_grow(l->length, l->room, sizeof(*l->length));
    }
    l->length[l->n++] = n;
}

static void count_label(struct lint *lint, const json_t *label)
{
    if (json_is_boolean(label))
        *(json_is_true(label) ? &lint->right : &lint->wrong) += 1;
    else if (json_is_number(label))
        lint->soft++;
    else
        lint->unknown++;
}

static void measure_all(struct lint *lint, const json_t *row, enum kind kind)
{
    size_t i, n;
    json_t *item;

    if (kind == KIND_PREFERENCE || kind == KIND_IMPLICIT) {
        measure(lint, FIELD_CHOSEN, json_object_get(row, "chosen"));
        measure(lint, FIELD_REJECTED, json_object_get(row, "rejected"));
        n = lint->lengths[FIELD_CHOSEN].n - 1;
        i = lint->lengths[FIELD_REJECTED].n - 1;
        lint->pairs++;
        lint->longer +=
            lint->lengths[FIELD_CHOSEN].length[n] > lint->lengths[FIELD_REJECTED].length[i];
        lint->shorter +=
            lint->lengths[FIELD_CHOSEN].length[n] < lint->lengths[FIELD_REJECTED].length[i];
    }
    if (kind == KIND_COMPLETION || kind == KIND_UNPAIRED)
        measure(lint, FIELD_COMPLETION, json_object_get(row, "completion"));
    if (kind == KIND_UNPAIRED)
        count_label(lint, json_object_get(row, "label"));
    if (kind != KIND_STEPWISE)
        return;
    json_array_foreach(json_object_get(row, "completions"), i, item)
        measure(lint, FIELD_STEP, item);
    json_array_foreach(json_object_get(row, "labels"), i, item) count_label(lint, item);
}

static struct record *push(struct lint *lint)
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
    hash = kind_hash(other);
    json_decref(list);
    return hash;
}

static void take(struct lint *lint, const json_t *row, json_t *kinds, uint32_t file,
                 uint32_t split)
{
    struct record *record;
    json_t *prompt = NULL;
    enum kind kind;

    if (kind_of(&kind, row)) {
        (void)rows_at(lint->rows);
        found(lint, CODE_KIND, err_text());
        return;
    }
    json_object_set_new(
        kinds, kind_name(kind),
        json_integer(json_integer_value(json_object_get(kinds, kind_name(kind))) + 1));
    kind_check(row, kind, flaw, lint);
    measure_all(lint, row, kind);
    if (kind_prompt(&prompt, row, kind)) /* equal answers: already told */
        prompt = json_incref(json_object_get(row, "chosen"));
    measure(lint, FIELD_PROMPT, prompt);
    record = push(lint);
    *record = (struct record){.whole = kind_hash(row),
                              .prompt = kind_hash(prompt),
                              .file = file,
                              .split = split,
                              .line = rows_line(lint->rows),
                              .pair = kind == KIND_PREFERENCE || kind == KIND_IMPLICIT};
    if (record->pair)
        record->reversed = reversed(row);
    json_decref(prompt);
}

static uint32_t split_index(struct lint *lint, const char *split)
{
    size_t i;
    json_t *name;

    json_array_foreach(lint->splits, i,
                       name) if (!strcmp(json_string_value(name), split)) return (uint32_t)i;
    json_array_append_new(lint->splits, json_string(split));
    return (uint32_t)json_array_size(lint->splits) - 1;
}

/* One row of the file: what its format makes of it. */
static void take_row(struct lint *lint, const json_t *row, json_t *about, uint32_t file,
                     uint32_t split)
{
    const enum format format =
        lint->rule.format == FORMAT_AUTO ? format_of(row) : lint->rule.format;
    json_t *formats = json_object_get(about, "formats"), *made = json_array(), *item;
    size_t i;

    json_object_set_new(
        formats, format_name(format),
        json_integer(json_integer_value(json_object_get(formats, format_name(format))) + 1));
    if (format_rows(made, row, &lint->rule)) {
        (void)rows_at(lint->rows);
        found(lint, KIND_FIELD, err_text());
    }
    json_array_foreach(made, i, item)
        take(lint, item, json_object_get(about, "kinds"), file, split);
    json_decref(made);
}

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
            found(lint, CODE_JSON, err_text());
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

/* ---- the report ---- */

static int compare(const struct hash *a, const struct hash *b)
{
    return memcmp(a->byte, b->byte, HASH_BYTES);
}

static int by_whole(const void *a, const void *b)
{
    const struct record *x = a, *y = b;
    const int order = compare(&x->whole, &y->whole);

    if (order)
        return order;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static int by_prompt(const void *a, const void *b)
{
    const struct record *x = a, *y = b;
    const int order = compare(&x->prompt, &y->prompt);

    if (order)
        return order;
    if (x->split != y->split)
        return x->split < y->split ? -1 : 1;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static const char *path_of(const struct lint *lint, const struct record *r)
{
    return json_string_value(json_object_get(json_array_get(lint->files, r->file), "path"));
}

static void twice(struct lint *lint, int code, const struct record *a, const struct record *b,
                  const char *how)
{
    char *words = mem_print("%s:%ld: %s %s:%ld", path_of(lint, b), b->line, how,
                            path_of(lint, a), a->line);

    found(lint, code, words);
    free(words);
}

/* The records are sorted by `whole`. */
static const struct record *find(const struct lint *lint, const struct hash *whole)
{
    size_t low = 0, high = lint->n;

    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (compare(&lint->record[middle].whole, whole) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < lint->n && hash_same(&lint->record[low].whole, whole) ? &lint->record[low]
                                                                       : NULL;
}

static void duplicates(struct lint *lint)
{
    if (lint->n)
        qsort(lint->record, lint->n, sizeof(*lint->record), by_whole);
    for (size_t i = 0; i < lint->n; i++) {
        const struct record *r = &lint->record[i], *other;
        if (i && hash_same(&r->whole, &r[-1].whole))
            twice(lint, CODE_DUPLICATE, r - 1, r, "the same record as");
        if (!r->pair || hash_same(&r->whole, &r->reversed))
            continue;
        other = find(lint, &r->reversed);
        if (other && other < r)
            twice(lint, CODE_REVERSED, other, r, "the same answers the other way round at");
    }
}

/* shared [splits * splits] out: prompts that both have. Returns distinct prompts. */
static size_t leaks(struct lint *lint, size_t *shared, size_t splits)
{
    size_t distinct = 0;

    if (lint->n)
        qsort(lint->record, lint->n, sizeof(*lint->record), by_prompt);
    for (size_t i = 0, end; i < lint->n; i = end) {
        for (end = i;
             end < lint->n && hash_same(&lint->record[i].prompt, &lint->record[end].prompt);)
            end++;
        distinct++;
        for (size_t a = i; a < end; a++) {
            const struct record *r = &lint->record[a];
            if (a > i && r->split == r[-1].split)
                continue; /* one representative a split */
            for (size_t b = a + 1; b < end; b++) {
                const struct record *s = &lint->record[b];
                if (s->split == r->split || s->split == s[-1].split)
                    continue;
                shared[r->split * splits + s->split]++;
                twice(lint, CODE_LEAK, r, s, "the same prompt as");
            }
        }
    }
    return distinct;
}

static int rising(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static json_t *lengths_of(struct lengths *l)
{
    double sum = 0;

    qsort(l->length, l->n, sizeof(*l->length), rising);
    for (size_t i = 0; i < l->n; i++)
        sum += l->length[i];
    return json_pack("{s:I,s:i,s:i,s:f,s:i,s:i}", "count", (json_int_t)l->n, "min",
                     (int)l->length[0], "median", (int)l->length[l->n / 2], "mean",
                     sum / (double)l->n, "p95", (int)l->length[(l->n * 95) / 100], "max",
                     (int)l->length[l->n - 1]);
}

static json_t *problems(const struct lint *lint, size_t *errors, size_t *warnings)
{
    static const char *const names[CODES - KIND_FLAWS] = {"json", "kind", "duplicate",
                                                          "reversed", "leakage"};
    json_t *list = json_array();

    *errors = *warnings = 0;
    for (int i = 0; i < CODES; i++) {
        const struct problem *p = &lint->problem[i];
        const bool error = i < CODE_DUPLICATE;
        if (!p->count)
            continue;
        *(error ? errors : warnings) += p->count;
        json_array_append_new(list,
                              json_pack("{s:s,s:s,s:I,s:O}", "code",
                                        i < KIND_FLAWS ? kind_check_name((enum kind_flaw)i)
                                                       : names[i - KIND_FLAWS],
                                        "severity", error ? "error" : "warning", "count",
                                        (json_int_t)p->count, "first", p->first));
    }
    return list;
}

static json_t *leakage(const struct lint *lint, const size_t *shared, size_t splits)
{
    json_t *list = json_array();

    for (size_t a = 0; a < splits; a++)
        for (size_t b = 0; b < splits; b++)
            if (shared[a * splits + b])
                json_array_append_new(
                    list, json_pack("{s:O,s:O,s:I}", "a", json_array_get(lint->splits, a), "b",
                                    json_array_get(lint->splits, b), "prompts",
                                    (json_int_t)shared[a * splits + b]));
    return list;
}

json_t *lint_report(struct lint *lint)
{
    const size_t splits = json_array_size(lint->splits);
    size_t *shared = mem_new(splits * splits + 1, sizeof(*shared)), distinct, errors, warnings;
    json_t *report = json_object(), *list;

    duplicates(lint);
    distinct = leaks(lint, shared, splits);
    list = problems(lint, &errors, &warnings);
    json_object_set_new(report, "records", json_integer((json_int_t)lint->n));
    json_object_set_new(report, "errors", json_integer((json_int_t)errors));
    json_object_set_new(report, "warnings", json_integer((json_int_t)warnings));
    json_object_set(report, "files", lint->files);
    json_object_set_new(report, "problems", list);
    list = json_object();
    for (int i = 0; i < FIELDS; i++)
        if (lint->lengths[i].n)
            json_object_set_new(list, field_names[i], lengths_of(&lint->lengths[i]));
    json_object_set_new(report, "lengths", list);
    json_object_set_new(report, "pairs",
                        json_pack("{s:I,s:I,s:I}", "count", (json_int_t)lint->pairs,
                                  "chosen_longer", (json_int_t)lint->longer, "chosen_shorter",
                                  (json_int_t)lint->shorter));
    json_object_set_new(report, "labels",
                        json_pack("{s:I,s:I,s:I,s:I}", "right", (json_int_t)lint->right,
                                  "wrong", (json_int_t)lint->wrong, "soft",
                                  (json_int_t)lint->soft, "unknown",
                                  (json_int_t)lint->unknown));
    json_object_set_new(
        report, "prompts",
        json_pack("{s:I,s:I}", "count", (json_int_t)lint->n, "distinct", (json_int_t)distinct));
    json_object_set_new(report, "leakage", leakage(lint, shared, splits));
    free(shared);
    return report;
}
