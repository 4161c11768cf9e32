/* How: judgements_end sorts the names, gives every row the sorted numbers (renumber), turns
 * each item's candidates so that the smaller name is "a" (orient), sorts the rows, lets all
 * rows of an item have its prompt and strikes out what somebody replaced. From then on nothing
 * remembers the order in which rows came. */

#include "ratings/judgements.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct judgements_place {
    const char *text;
    double number;
    uint32_t at;
};

/* Numbers by size, the rest by name. */
static int by_name(const void *a, const void *b)
{
    const struct judgements_place *x = a, *y = b;

    if (x->number < y->number || x->number > y->number)
        return x->number < y->number ? -1 : 1;
    return strcmp(x->text, y->text);
}

/* Sorts them. The new number of each old one, owned by the caller. number [n]: their numbers,
 * or NULL. */
static uint32_t *names_sort(struct judgements_names *names, double *number)
{
    const size_t n = names->n;
    struct judgements_place *place = mem_new(n + 1, sizeof *place);
    uint32_t *to = mem_new(n + 1, sizeof *to);

    for (size_t i = 0; i < n; i++)
        place[i] =
            (struct judgements_place){names->text[i], number ? number[i] : 0, (uint32_t)i};
    qsort(place, n, sizeof *place, by_name);
    for (size_t i = 0; i < n; i++) {
        to[place[i].at] = (uint32_t)i;
        names->text[i] = (char *)place[i].text;
        if (number)
            number[i] = place[i].number;
        json_object_set_new(names->index, names->text[i], json_integer((json_int_t)i));
    }
    free(place);
    return to;
}

/* Candidate a is the other one when the pair is turned. */
static uint32_t turned(uint32_t choice)
{
    return choice == CHOICE_A ? CHOICE_B : choice == CHOICE_B ? CHOICE_A : choice;
}

/* What stands for nothing has no new number. */
static uint32_t moved(const uint32_t *to, uint32_t at)
{
    return at == JUDGEMENTS_NONE ? at : to[at];
}

/* Gives all rows the numbers of the sorted names. */
static void renumber(struct judgements *all)
{
    const bool words = all->level != JUDGEMENTS_PAIRS;
    uint32_t *item = names_sort(&all->item, NULL);
    uint32_t *annotator = names_sort(&all->annotator, NULL);
    uint32_t *prompt = names_sort(&all->prompt, NULL);
    uint32_t *strategy = names_sort(&all->strategy, NULL);
    uint32_t *candidate = names_sort(&all->candidate, NULL);
    uint32_t *x = names_sort(&all->x, NULL), *value = names_sort(&all->value, all->number);
    uint32_t(*pair)[2] = mem_new(all->item.n + 1, sizeof *pair);

    for (size_t i = 0; i < all->item.n && !words; i++)
        for (int k = 0; k < 2 && i < all->rooms[0]; k++)
            pair[item[i]][k] = all->pair[i][k] >= all->candidate.n ? JUDGEMENTS_NONE
                                                                   : candidate[all->pair[i][k]];
    for (size_t i = 0; i < all->n; i++) {
        struct judgements_row *row = &all->row[i];
        double by[JUDGEMENTS_X_MAX];
        row->item = item[row->item];
        row->annotator = annotator[row->annotator];
        row->prompt = moved(prompt, row->prompt);
        row->strategy = moved(strategy, row->strategy);
        row->value = words ? moved(value, row->value) : row->value;
        row->gold = words ? moved(value, row->gold) : row->gold;
        memcpy(by, row->x, sizeof by);
        for (size_t k = 0; k < all->x.n && k < JUDGEMENTS_X_MAX; k++)
            if (x[k] < JUDGEMENTS_X_MAX)
                row->x[x[k]] = by[k];
    }
    free(all->pair);
    all->pair = pair;
    free(item), free(annotator), free(prompt), free(strategy), free(candidate), free(x),
        free(value);
}

/* The smaller name is candidate a, whichever came first. */
static void orient(struct judgements *all)
{
    for (size_t i = 0; i < all->n; i++) {
        struct judgements_row *row = &all->row[i];
        const uint32_t *pair = all->pair[row->item];
        if (pair[0] == JUDGEMENTS_NONE || pair[0] < pair[1])
            continue;
        row->value = turned(row->value);
        row->gold = turned(row->gold);
        row->flipped = !row->flipped;
        row->length = -row->length;
        for (int k = 0; k < JUDGEMENTS_X_MAX; k++)
            row->x[k] = -row->x[k];
    }
    for (size_t i = 0; i < all->item.n; i++) {
        uint32_t *pair = all->pair[i];
        if (pair[0] != JUDGEMENTS_NONE && pair[0] > pair[1]) {
            const uint32_t first = pair[0];
            pair[0] = pair[1];
            pair[1] = first;
        }
    }
}

#define JUDGEMENTS_BY(field) \
    if (x->field != y->field) \
    return x->field < y->field ? -1 : 1

/* The whole row decides, so that equal places are equal rows. */
static int by_time(const void *a, const void *b)
{
    const struct judgements_row *x = a, *y = b;

    JUDGEMENTS_BY(item);
    JUDGEMENTS_BY(time);
    JUDGEMENTS_BY(annotator);
    JUDGEMENTS_BY(why);
    JUDGEMENTS_BY(value);
    JUDGEMENTS_BY(side);
    return 0;
}

/* One person's answers stand together, the latest at the end. */
static int by_person(const void *a, const void *b)
{
    const struct judgements_row *x = *(struct judgements_row *const *)a,
                                *y = *(struct judgements_row *const *)b;

    JUDGEMENTS_BY(annotator);
    JUDGEMENTS_BY(time);
    JUDGEMENTS_BY(value);
    return 0;
}

/* Of the rows of one item that are planned: each annotator's last counts. */
static enum err strike(struct judgements *all, struct judgements_row **row, size_t n)
{
    qsort(row, n, sizeof *row, by_person);
    for (size_t i = 0; i + 1 < n; i++) {
        struct judgements_row *here = row[i], *next = row[i + 1];
        if (here->annotator != next->annotator)
            continue;
        if (here->time == next->time && here->value != next->value &&
            here->value != JUDGEMENTS_NONE && next->value != JUDGEMENTS_NONE)
            return err_set(ERR_PARSE,
                           "annotator '%.60s' judged item '%.60s' twice, and no `time` tells "
                           "which was later (a planned second time says \"why\": \"repeat\")",
                           all->annotator.text[here->annotator], all->item.text[here->item]);
        /* An answer is worth more than the question that is still open. */
        if (next->value == JUDGEMENTS_NONE && here->value != JUDGEMENTS_NONE) {
            row[i] = next;
            row[i + 1] = here;
            next = here;
        }
        row[i]->undone = true;
        all->replaced++;
    }
    return OK;
}

/* Repeats, golds and adjudications are second looks by intent: nothing replaces them. */
static enum err strike_all(struct judgements *all)
{
    struct judgements_row **row = mem_new(all->n + 1, sizeof *row);
    enum err err = OK;

    for (size_t from = 0, to; from < all->n && !err; from = to) {
        size_t n = 0;
        for (to = from; to < all->n && all->row[to].item == all->row[from].item; to++)
            if (!all->row[to].undone &&
                (all->row[to].why == WHY_PLAN || all->row[to].why == WHY_ACTIVE))
                row[n++] = &all->row[to];
        err = strike(all, row, n);
    }
    free(row);
    return err;
}

/* An item belongs to one prompt: what one of its rows says holds for all. */
static enum err join_prompts(struct judgements *all)
{
    for (size_t from = 0, to; from < all->n; from = to) {
        uint32_t prompt = JUDGEMENTS_NONE;
        for (to = from; to < all->n && all->row[to].item == all->row[from].item; to++) {
            const uint32_t here = all->row[to].prompt;
            if (here != JUDGEMENTS_NONE && prompt != JUDGEMENTS_NONE && here != prompt)
                return err_set(ERR_PARSE, "item '%.60s' has two prompts: '%.60s' and '%.60s'",
                               all->item.text[all->row[to].item], all->prompt.text[prompt],
                               all->prompt.text[here]);
            prompt = here != JUDGEMENTS_NONE ? here : prompt;
        }
        if (to - from > JUDGEMENTS_ITEM_MAX)
            return err_set(ERR_RANGE, "item '%.60s': %zu rows, at most %d",
                           all->item.text[all->row[from].item], to - from, JUDGEMENTS_ITEM_MAX);
        for (size_t i = from; i < to; i++)
            all->row[i].prompt = prompt;
    }
    return OK;
}

enum err judgements_end(struct judgements *all)
{
    enum err err;

    for (size_t i = 0; i < all->n; i++) {
        all->undone += all->row[i].undone;
        all->skipped += all->row[i].skipped && !all->row[i].undone;
    }
    renumber(all);
    if (all->level == JUDGEMENTS_PAIRS)
        orient(all);
    if (all->n)
        qsort(all->row, all->n, sizeof *all->row, by_time);
    err = join_prompts(all);
    return err ? err : strike_all(all);
}
