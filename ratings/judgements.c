/* How: names become numbers as they come (names_of: a JSON object is the table), so that a row
 * is small. A row's pair comes before its values, which are told from the row's way round and
 * kept in the item's; what is behind the last row is judgements_end.c's.
 *
 * What must hold: a row that is refused leaves no row behind (names may stay: a name without a
 * row changes no figure). */

#include "ratings/judgements.h"

#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of an item of which no row came: neither a candidate nor JUDGEMENTS_NONE, unnamed ones. */
static const uint32_t UNSAID = UINT32_MAX - 1;

const char *const judgements_levels[] = {"nominal", "ordinal", "interval",
                                         "ratio",   "pairs",   NULL};
const char *const judgements_whys[] = {"plan",         "disagreement", "gold", "repeat",
                                       "adjudication", "active",       NULL};

struct judgements *judgements_new(enum judgements_level level)
{
    struct judgements *all = mem_new(1, sizeof *all);

    all->level = level;
    all->ignored = json_object();
    return all;
}

/* json_decref knows NULL, so that names nobody said cost nothing. */
static void names_free(struct judgements_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->text[i]);
    free(names->text);
    json_decref(names->index);
}

void judgements_free(struct judgements *all)
{
    if (!all)
        return;
    names_free(&all->item);
    names_free(&all->annotator);
    names_free(&all->prompt);
    names_free(&all->value);
    names_free(&all->strategy);
    names_free(&all->candidate);
    names_free(&all->x);
    json_decref(all->ignored);
    free(all->number);
    free(all->pair);
    free(all->row);
    free(all);
}

/* ---- names */

/* The number of a name, a new one if nobody said it before. */
static enum err names_of(struct judgements_names *names, const char *what, const char *text,
                         uint32_t *out)
{
    const json_t *known;

    if (!text || !*text)
        return err_set(
            ERR_PARSE,
            "no `%s`: a row is one judgement (%s=COLUMN: the file calls it otherwise)", what,
            what);
    if (strlen(text) > JUDGEMENTS_NAME_MAX)
        return err_set(ERR_RANGE, "`%s`: a name of %zu bytes, at most %d", what, strlen(text),
                       JUDGEMENTS_NAME_MAX);
    if (!names->index)
        names->index = json_object();
    known = json_object_get(names->index, text);
    if (known) {
        *out = (uint32_t)json_integer_value(known);
        return OK;
    }
    if (names->n == JUDGEMENTS_MAX)
        return err_set(ERR_RANGE, "more than %d names of `%s`", JUDGEMENTS_MAX, what);
    if (json_object_set_new(names->index, text, json_integer((json_int_t)names->n)))
        return err_set(ERR_PARSE, "`%s`: not UTF-8", what);
    if (!(names->n & (names->n - 1))) /* doubled at each power of two */
        names->text = mem_grow(names->text, names->n ? 2 * names->n : 1, sizeof *names->text);
    *out = (uint32_t)names->n;
    names->text[names->n++] = mem_text(text);
    return OK;
}

/* ---- one row */

/* An unknown reason is an error: taken for a plan it would bend every figure. */
static enum err take_why(struct judgements *all, const char *text, struct judgements_row *row)
{
    const char *colon = text ? strchr(text, ':') : NULL;
    const size_t n = !text ? 0 : colon ? (size_t)(colon - text) : strlen(text);

    row->strategy = JUDGEMENTS_NONE;
    row->why = WHY_PLAN;
    if (!n)
        return OK;
    while (row->why < WHYS && (strlen(judgements_whys[row->why]) != n ||
                               memcmp(judgements_whys[row->why], text, n)))
        row->why++;
    if (row->why == WHYS || (colon && row->why != WHY_ACTIVE))
        return err_set(ERR_PARSE,
                       "`why` is '%.60s', and none of plan, disagreement, gold, repeat, "
                       "adjudication, active:STRATEGY",
                       text);
    if (row->why != WHY_ACTIVE)
        return OK;
    return names_of(&all->strategy, "why", colon && colon[1] ? colon + 1 : "unnamed",
                    &row->strategy);
}

/* The item's place in `pair`, which grows ahead of the items. */
static uint32_t *pair_of(struct judgements *all, uint32_t item)
{
    if (item >= all->rooms[0]) {
        const size_t had = all->rooms[0], room = 2 * (size_t)item + 64;
        all->pair = mem_grow(all->pair, room, sizeof *all->pair);
        for (size_t i = had; i < room; i++)
            all->pair[i][0] = all->pair[i][1] = UNSAID;
        all->rooms[0] = room;
    }
    return all->pair[item];
}

/* The item's candidates are those of its first row; this one's may stand the other way round. */
static enum err take_pair(struct judgements *all, const struct judgements_said *said,
                          struct judgements_row *row)
{
    uint32_t *pair, a = JUDGEMENTS_NONE, b = JUDGEMENTS_NONE;
    enum err err = OK;

    if (!said->a != !said->b)
        return err_set(ERR_PARSE, "one candidate has a name, and the other none");
    if (said->a)
        err = names_of(&all->candidate, "a", said->a, &a);
    if (!err && said->b)
        err = names_of(&all->candidate, "b", said->b, &b);
    if (!err && said->a && a == b)
        err = err_set(ERR_PARSE, "both candidates are '%.60s'", said->a);
    if (err)
        return err;
    pair = pair_of(all, row->item);
    if (pair[0] == UNSAID) {
        pair[0] = a;
        pair[1] = b;
    }
    row->flipped = said->a && pair[0] == b && pair[1] == a;
    if (!row->flipped && (pair[0] != a || pair[1] != b))
        return err_set(ERR_PARSE,
                       "item '%.60s': its candidates are not those of the rows before: an item "
                       "is one pair",
                       said->item);
    return OK;
}

/* Of the row's way round; JUDGEMENTS_NONE: skipped. */
static enum err choice_of(const struct judgements_said *said, const char *text, uint32_t *out)
{
    static const struct {
        const char *word;
        uint32_t choice;
    } words[] = {{"a", CHOICE_A},
                 {"b", CHOICE_B},
                 {"model_a", CHOICE_A},
                 {"model_b", CHOICE_B},
                 {"tie", CHOICE_TIE},
                 {"both_bad", CHOICE_BOTH_BAD},
                 {"tie (bothbad)", CHOICE_BOTH_BAD},
                 {"skip", JUDGEMENTS_NONE}};

    if (said->a && !strcmp(text, said->a)) {
        *out = CHOICE_A;
        return OK;
    }
    if (said->b && !strcmp(text, said->b)) {
        *out = CHOICE_B;
        return OK;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(text, words[i].word)) {
            *out = words[i].choice;
            return OK;
        }
    return err_set(ERR_PARSE,
                   "'%.60s' is none of a, b, tie, both_bad, skip, or a candidate's name", text);
}

/* The candidate a is the other one when the pair is turned. */
static uint32_t turned(uint32_t choice)
{
    return choice == CHOICE_A ? CHOICE_B : choice == CHOICE_B ? CHOICE_A : choice;
}

/* The whole text must be the number: "3 stars" compared as 3 would be a guess. */
static enum err number_of(const struct judgements *all, const char *text, double *out)
{
    char *end;

    errno = 0;
    *out = strtod(text, &end);
    if (end == text || *end || errno || !isfinite(*out))
        return err_set(ERR_PARSE, "'%.60s' is no number: level %s compares numbers", text,
                       judgements_levels[all->level]);
    if (all->level == JUDGEMENTS_RATIO && *out < 0)
        return err_set(ERR_PARSE, "%s is below 0: level ratio has a true zero", text);
    return OK;
}

/* A value of words or numbers: "1", "1.0" and "1e0" are one number. */
static enum err value_of(struct judgements *all, const char *what, const char *text,
                         uint32_t *out)
{
    char plain[32];
    double x = 0;
    enum err err = OK;

    if (all->level != JUDGEMENTS_NOMINAL) {
        err = number_of(all, text, &x);
        (void)snprintf(plain, sizeof plain, "%.17g", x == 0 ? 0 : x);
        text = plain;
    }
    if (!err)
        err = names_of(&all->value, what, text, out);
    if (err)
        return err;
    if (*out >= all->rooms[1]) {
        all->rooms[1] = 2 * (size_t)*out + 64;
        all->number = mem_grow(all->number, all->rooms[1], sizeof *all->number);
    }
    all->number[*out] = x;
    return OK;
}

/* What was asked and not answered is a row as well: that it is missing must be told. */
static enum err take_values(struct judgements *all, const struct judgements_said *said,
                            struct judgements_row *row)
{
    const char *text[2] = {said->value, said->gold};
    uint32_t *out[2] = {&row->value, &row->gold};

    for (int i = 0; i < 2; i++) {
        enum err err = OK;
        *out[i] = JUDGEMENTS_NONE;
        if (!text[i])
            continue;
        if (all->level == JUDGEMENTS_PAIRS) {
            err = choice_of(said, text[i], out[i]);
            *out[i] = row->flipped ? turned(*out[i]) : *out[i];
        } else {
            err = value_of(all, i ? "gold" : "value", text[i], out[i]);
        }
        if (err)
            return err_add("%s", i ? "gold" : "value");
    }
    row->skipped = said->value && row->value == JUDGEMENTS_NONE;
    return OK;
}

/* Differences change their sign with the pair's way round. */
static enum err take_covariates(struct judgements *all, const struct judgements_said *said,
                                struct judgements_row *row)
{
    const double sign = row->flipped ? -1 : 1;
    const char *name;
    json_t *value;

    row->length = NAN;
    for (int k = 0; k < JUDGEMENTS_X_MAX; k++)
        row->x[k] = NAN;
    if (said->length_a >= 0 && said->length_b >= 0)
        row->length = sign * log((said->length_a + 1) / (said->length_b + 1));
    json_object_foreach((json_t *)said->x, name, value)
    {
        uint32_t at;
        enum err err = names_of(&all->x, "x", name, &at);
        if (!err && !json_is_number(value))
            err = err_set(ERR_PARSE, "x: '%.60s' is no number", name);
        if (!err && at >= JUDGEMENTS_X_MAX)
            err = err_set(ERR_RANGE, "x: more than %d different names", JUDGEMENTS_X_MAX);
        if (err)
            return err;
        row->x[at] = sign * json_number_value(value);
    }
    return OK;
}

/* Who, what and why: all but the values. */
static enum err take_names(struct judgements *all, const struct judgements_said *said,
                           struct judgements_row *row)
{
    enum err err = names_of(&all->item, "item", said->item, &row->item);

    if (!err)
        err = names_of(&all->annotator, "annotator", said->annotator, &row->annotator);
    if (!err && said->prompt)
        err = names_of(&all->prompt, "prompt", said->prompt, &row->prompt);
    return err ? err : take_why(all, said->why, row);
}

/* The pair before the values: they are told from the row's way round, and kept in the item's. */
enum err judgements_add(struct judgements *all, const struct judgements_said *said)
{
    struct judgements_row row = {.undone = said->undone,
                                 .side = said->side,
                                 .time = said->time < 0 ? -1 : said->time,
                                 .seconds = said->seconds,
                                 .prompt = JUDGEMENTS_NONE};
    enum err err;

    if (all->n == JUDGEMENTS_MAX)
        return err_set(ERR_RANGE, "more than %d judgements", JUDGEMENTS_MAX);
    err = take_names(all, said, &row);
    if (!err && all->level == JUDGEMENTS_PAIRS)
        err = take_pair(all, said, &row);
    if (!err)
        err = take_values(all, said, &row);
    if (!err)
        err = take_covariates(all, said, &row);
    if (err)
        return err;
    if (all->n == all->room) {
        all->room = all->room ? 2 * all->room : 64;
        all->row = mem_grow(all->row, all->room, sizeof *all->row);
    }
    all->row[all->n++] = row;
    all->prompts = all->prompts || said->prompt;
    all->sides = all->sides || said->side;
    return OK;
}

/* ---- by name */

enum err judgements_annotator(uint32_t *out, const struct judgements *all, const char *name)
{
    const json_t *known = json_object_get(all->annotator.index, name);

    if (!known)
        return err_set(ERR_RANGE, "'%.60s' is none of the %zu annotators", name,
                       all->annotator.n);
    *out = (uint32_t)json_integer_value(known);
    return OK;
}

/* Their number stays, so that others keep theirs. */
void judgements_set_aside(struct judgements *all, uint32_t annotator)
{
    for (size_t i = 0; i < all->n; i++)
        all->row[i].undone = all->row[i].undone || all->row[i].annotator == annotator;
}
