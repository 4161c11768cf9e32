/* How it works: repetitions are records whose hashes are the same and leaks those whose
 * prompts' are, in two splits; so the records are sorted once by each hash and neighbours
 * compared. Each finding is told at the later record, with the earlier one's place: that is
 * the one to drop. Called once, at the end: the sorting makes of lint->record something else.
 */
#include "base/mem.h"
#include "data/lint.h"
#include "data/lint_state.h"
#include "data/record_kind.h"

#include <stdlib.h>
#include <string.h>

static const char *const field_names[FIELDS] = {"prompt",     "chosen", "rejected",
                                                "completion", "step",   "tokens"};

static int compare(const struct hash *a, const struct hash *b)
{
    return memcmp(a->byte, b->byte, HASH_BYTES);
}

/* Equal records in the order of the data, so that the later one is the repetition. */
static int by_whole(const void *a, const void *b)
{
    const struct lint_record *x = a, *y = b;
    const int order = compare(&x->whole, &y->whole);

    if (order)
        return order;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

/* Within a prompt by split: a leak is two neighbours of different splits. */
static int by_prompt(const void *a, const void *b)
{
    const struct lint_record *x = a, *y = b;
    const int order = compare(&x->prompt, &y->prompt);

    if (order)
        return order;
    if (x->split != y->split)
        return x->split < y->split ? -1 : 1;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static const char *path_of(const struct lint *lint, const struct lint_record *r)
{
    return json_string_value(json_object_get(json_array_get(lint->files, r->file), "path"));
}

/* The later place first: that is where people will look. */
static void twice(struct lint *lint, int code, const struct lint_record *a,
                  const struct lint_record *b, const char *how)
{
    char *words = mem_print("%s:%ld: %s %s:%ld", path_of(lint, b), b->line, how,
                            path_of(lint, a), a->line);

    lint_found(lint, code, words);
    free(words);
}

/* The records are sorted by `whole`. */
static const struct lint_record *find(const struct lint *lint, const struct hash *whole)
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

/* Also a pair whose answers stand the other way round elsewhere: the two undo each other. */
static void duplicates(struct lint *lint)
{
    if (lint->n)
        qsort(lint->record, lint->n, sizeof(*lint->record), by_whole);
    for (size_t i = 0; i < lint->n; i++) {
        const struct lint_record *r = &lint->record[i], *other;
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
            const struct lint_record *r = &lint->record[a];
            if (a > i && r->split == r[-1].split)
                continue; /* one representative a split */
            for (size_t b = a + 1; b < end; b++) {
                const struct lint_record *s = &lint->record[b];
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

/* Sorts them: quantiles are read off. */
static json_t *lengths_of(struct lint_lengths *l)
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

/* Errors first, by the order of the codes; a code that was not met is left out. */
static json_t *problems(const struct lint *lint, size_t *errors, size_t *warnings)
{
    static const char *const names[CODES - FLAWS] = {
        "json", "kind", "read", "duplicate", "reversed", "leakage", "no_prompt", "length"};
    json_t *list = json_array();

    *errors = *warnings = 0;
    for (int i = 0; i < CODES; i++) {
        const struct lint_problem *p = &lint->problem[i];
        const bool error = i < CODE_DUPLICATE;
        if (!p->count)
            continue;
        *(error ? errors : warnings) += p->count;
        json_array_append_new(list,
                              json_pack("{s:s,s:s,s:I,s:O}", "code",
                                        i < FLAWS ? record_kind_check_name((enum record_flaw)i)
                                                  : names[i - FLAWS],
                                        "severity", error ? "error" : "warning", "count",
                                        (json_int_t)p->count, "first", p->first));
    }
    return list;
}

/* How many prompts each two splits share. */
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

/* Findings first, since the list of problems counts them. */
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
    json_object_set(report, "unused", lint->unused);
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
