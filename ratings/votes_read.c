/* How: a row of the file becomes a struct votes_said. Which kind of row it is its keys say: a
 * ranking, a vote, a pair that was judged, or a line of `drover eval win`; the names of those keys
 * stand in one table, with what else each kind is known to have. Which covariates there are is
 * settled with the first row, and every later one must have them: a strength that stands on half
 * of the rows would be about those alone. Keys that nobody asks for are kept by name, for the
 * caller to tell. */

#include "ratings/votes_read.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "data/rows.h"
#include "ratings/style.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Columns of a kind of row; the words of its verdict, as enum votes_winner counts them. */
static const struct votes_kind {
    const char *verdict, *answer[2], *model[2], *named[2];
    const char *words[WINNERS];
    const char *known; /* others, blanks around each */
} kinds[] = {
    {"winner",
     {"answer_a", "answer_b"},
     {"model_a", "model_b"},
     {NULL, NULL},
     {"model_a", "model_b", "tie", "both_bad"},
     /* an arena's log */
     " question_id turn anony tstamp dwell why guideline conversation_a "
     "conversation_b "},
    {"verdict", /* drover judge, and what eval bias reads and writes */
     {"a", "b"},
     {"model_a", "model_b"},
     {"a", "b"},
     {"a", "b", "tie", NULL},
     " p_a swapped tie failures p_first score "},
    {"verdict", /* drover eval win */
     {"answer", "baseline_answer"},
     {NULL, NULL},
     {"model", "baseline"},
     {"model", "baseline", "tie", NULL},
     " win tokens baseline_tokens score baseline_score p_model swapped "},
};
enum { POSITION = -1, OF_X = -2 }; /* else: enum style_mark */

struct votes_reading {
    struct votes *votes;
    const char *asked;     /* NULL: all of the first row's x */
    int from[VOTES_X_MAX]; /* where covariate k comes from */
    bool settled;
};

/* By its keys. A row with none of them is taken for a vote without a winner, and refused
 * as that: the words then say what a row should have. */
static const struct votes_kind *kind_of(const json_t *row)
{
    return json_object_get(row, "winner")            ? &kinds[0]
           : json_object_get(row, "baseline_answer") ? &kinds[2]
           : json_object_get(row, "verdict")         ? &kinds[1]
                                                     : &kinds[0];
}

/* A string, a message, or a list of them: what they say, one behind the other. */
static void put_text(struct strbuf *to, const json_t *value)
{
    if (json_is_string(value))
        strbuf_put(to, json_string_value(value), json_string_length(value));
    else if (json_is_object(value))
        put_text(to, json_object_get(value, "content"));
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (i)
            strbuf_put(to, "\n", 1);
        put_text(to, json_array_get(value, i));
    }
}

/* An answer that is missing is an error and no empty one: half of a comparison's looks
 * would be made up. */
static enum err count_answer(double count[STYLE_MARKS], const json_t *row, const char *key)
{
    struct strbuf text = {.n = 0};
    const json_t *value = json_object_get(row, key);

    if (!json_is_string(value) && !json_is_array(value) && !json_is_object(value))
        return err_set(ERR_PARSE, "no `%s`, of which a covariate is made", key);
    put_text(&text, value);
    style_count(count, text.text ? text.text : "");
    free(text.text);
    return OK;
}

/* {"x": {"name": 1}}, or a column x.name. */
static const json_t *x_of(const json_t *row, const char *name)
{
    char column[VOTES_NAME_MAX + 4] = "x.";
    const json_t *x = json_object_get(row, "x");

    if (x)
        return json_object_get(x, name);
    strncat(column, name, VOTES_NAME_MAX);
    return json_object_get(row, column);
}

/* A word that was asked for may be one of ours; names of the file's own x are never taken
 * for one. */
static enum err add_covariate(struct votes_reading *r, const char *name, size_t n)
{
    struct votes *votes = r->votes;
    int from = OF_X;

    if (!n || n > VOTES_NAME_MAX)
        return err_set(ERR_PARSE, "covariates: a name has 1 to %d bytes", VOTES_NAME_MAX);
    if (votes->covariates == VOTES_X_MAX)
        return err_set(ERR_RANGE, "more than %d covariates", VOTES_X_MAX);
    if (r->asked && n == 8 && !strncmp(name, "position", n))
        from = POSITION;
    for (int k = 0; k < STYLE_MARKS && r->asked; k++)
        if (strlen(style_names[k]) == n && !strncmp(name, style_names[k], n))
            from = k;
    r->from[votes->covariates] = from;
    votes->covariate[votes->covariates++] = mem_print("%.*s", (int)n, name);
    return OK;
}

/* The first row, where nothing was asked for, says which x there are. */
static enum err settle_by(struct votes_reading *r, const json_t *row)
{
    const json_t *x = json_object_get(row, "x");
    const char *key;
    json_t *value;
    enum err err = OK;

    if (x && !json_is_object(x) && !json_is_null(x))
        return err_set(ERR_PARSE, "x: expected {name: number}");
    json_object_foreach((json_t *)x, key, value) err =
        err ? err : add_covariate(r, key, strlen(key));
    if (x)
        return err;
    json_object_foreach((json_t *)row, key, value) if (!strncmp(key, "x.", 2)) err =
        err ? err : add_covariate(r, key + 2, strlen(key + 2));
    return err;
}

/* Once, with the first row that says something. */
static enum err settle(struct votes_reading *r, const json_t *row)
{
    enum err err = OK;

    r->settled = true;
    if (!r->asked)
        return settle_by(r, row);
    for (const char *at = r->asked; strcmp(r->asked, "none") && *at && !err;) {
        const size_t n = strcspn(at, ", ");
        if (n)
            err = add_covariate(r, at, n);
        at += n + (at[n] != 0);
    }
    return err;
}

/* +1: a was shown first, -1: b. Of a judged pair that says nothing else, a was. */
static enum err position_of(const json_t *row, const struct votes_kind *kind, double *out)
{
    const json_t *value = json_object_get(row, "first");
    const char *first = json_string_value(value);

    if (!value && kind == &kinds[1])
        first = "a";
    if (!first || (strcmp(first, "a") && strcmp(first, "b")))
        return err_set(ERR_PARSE, "first: expected \"a\" or \"b\" (position is a covariate)");
    *out = *first == 'a' ? 1 : -1;
    return OK;
}

/* In the order in which they were asked for. Both answers are counted once, however many
 * marks are asked for. */
static enum err covariates_of(const struct votes_reading *r, const json_t *row,
                              const struct votes_kind *kind, double *x)
{
    double count[2][STYLE_MARKS];
    bool counted = false;
    enum err err = OK;

    for (int k = 0; k < r->votes->covariates && !err; k++) {
        const int from = r->from[k];
        const json_t *value = NULL;
        if (from >= 0 && !counted) {
            err = count_answer(count[0], row, kind->answer[0]);
            err = err ? err : count_answer(count[1], row, kind->answer[1]);
            counted = true;
        }
        if (from == OF_X && !json_is_number(value = x_of(row, r->votes->covariate[k])))
            err = err_set(ERR_PARSE, "x: no number '%s'", r->votes->covariate[k]);
        if (from == POSITION)
            err = position_of(row, kind, &x[k]);
        else if (!err)
            x[k] =
                value ? json_number_value(value) : style_more(count[0][from], count[1][from]);
    }
    return err;
}

/* *unheard: nobody said anything. */
static enum err verdict_of(const json_t *row, const struct votes_kind *kind,
                           enum votes_winner *out, bool *unheard)
{
    const json_t *value = json_object_get(row, kind->verdict);
    const char *said = json_string_value(value);

    *unheard = kind != kinds && (json_is_null(value) || (said && !strcmp(said, "none")));
    for (int k = 0; k < WINNERS && said; k++)
        if (kind->words[k] && !strcmp(said, kind->words[k])) {
            *out = (enum votes_winner)k;
            return OK;
        }
    if (said && kind == kinds && !strcmp(said, "tie (bothbad)")) {
        *out = WINNER_BOTH_BAD;
        return OK;
    }
    if (*unheard)
        return OK;
    if (!value)
        return err_set(
            ERR_PARSE,
            "no `winner`, and no `ranking` (winner=COLUMN: the file calls it otherwise)");
    return err_set(ERR_PARSE, "%s: '%.60s' is none of %s, %s, tie%s", kind->verdict,
                   said ? said : "what is no text", kind->words[0], kind->words[1],
                   kind == kinds ? ", both_bad, tie (bothbad)" : "");
}

/* A CSV's column of numbers may hold names. */
static const char *name_of(const json_t *row, const struct votes_kind *kind, int side,
                           char room[32])
{
    const json_t *value = kind->model[side] ? json_object_get(row, kind->model[side]) : NULL;

    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_integer(value)) {
        snprintf(room, 32, "%lld", (long long)json_integer_value(value));
        return room;
    }
    return value ? NULL : kind->named[side];
}

/* Absent and null are 1: a CSV has a column for all or for none. */
static enum err weight_of(const json_t *row, double *out)
{
    const json_t *value = json_object_get(row, "weight");

    *out = !value || json_is_null(value) ? 1
           : json_is_number(value)       ? json_number_value(value)
                                         : -1;
    return *out > 0 ? OK : err_set(ERR_PARSE, "weight: expected a number above 0");
}

/* What a row has and nobody reads. */
static void tell_ignored(const struct votes_reading *r, const json_t *row,
                         const struct votes_kind *kind)
{
    static const char *const always = " prompt judge weight first x model_a model_b ";
    char word[VOTES_NAME_MAX + 4];
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)row, key, value)
    {
        if (!strncmp(key, "x.", 2) || !strcmp(key, kind->verdict) || !strcmp(key, "ranking") ||
            !strcmp(key, kind->answer[0]) || !strcmp(key, kind->answer[1]))
            continue;
        snprintf(word, sizeof word, " %.*s ", VOTES_NAME_MAX, key);
        if (!strstr(always, word) && !strstr(kind->known, word) &&
            json_object_size(r->votes->ignored) < 32)
            json_object_set_new(r->votes->ignored, key, json_integer(1));
    }
}

/* Who says nothing has no names to be asked for either. */
static enum err take_vote(struct votes_reading *r, const json_t *row)
{
    const struct votes_kind *kind = kind_of(row);
    double x[VOTES_X_MAX];
    char room[2][32];
    struct votes_said said = {.prompt = json_object_get(row, "prompt"),
                              .judge = json_string_value(json_object_get(row, "judge")),
                              .x = x};
    bool unheard = false;
    enum err err = verdict_of(row, kind, &said.winner, &unheard);

    tell_ignored(r, row, kind);
    if (!err && unheard)
        r->votes->unheard++;
    if (err || unheard)
        return err;
    said.a = name_of(row, kind, 0, room[0]);
    said.b = name_of(row, kind, 1, room[1]);
    if (!said.a || !said.b)
        return err_set(ERR_PARSE, "expected names as `model_a` and `model_b` (model_a=COLUMN: "
                                  "the file calls it otherwise)");
    if (!strcmp(said.a,
                said.b)) { /* tells of no strength, and would count as a game and a cluster */
        r->votes->itself++;
        return OK;
    }
    err = weight_of(row, &said.weight);
    if (!err && !r->settled)
        err = settle(r, row);
    if (!err)
        err = covariates_of(r, row, kind, x);
    return err ? err : votes_add(r->votes, &said);
}

/* A ranking of a CSV is a list in a cell; an empty cell is none. Owned by the caller, NULL for none. */
static json_t *ranking_of(const json_t *row)
{
    json_t *value = json_object_get(row, "ranking");
    json_t *list = json_is_string(value) ? json_loads(json_string_value(value), 0, NULL) : NULL;

    return list ? list : json_is_null(value) ? NULL : json_incref(value);
}

/* Covariates are of pairs: what a ranking has of them plays no part, and leaderboard_run
 * refuses what was asked for. */
static enum err take_ranking(struct votes_reading *r, const json_t *row, const json_t *ranking)
{
    double weight;
    enum err err = weight_of(row, &weight);

    tell_ignored(r, row, kinds);
    return err ? err
               : votes_add_ranking(r->votes, ranking, json_object_get(row, "prompt"),
                                   json_string_value(json_object_get(row, "judge")), weight);
}

struct votes_reading *votes_read_open(struct votes *votes, const char *covariates)
{
    struct votes_reading *r = mem_new(1, sizeof *r);

    r->votes = votes;
    r->asked = covariates && *covariates ? covariates : NULL;
    return r;
}

void votes_read_close(struct votes_reading *reading)
{
    free(reading);
}

enum err votes_read_row(struct votes_reading *r, const json_t *row)
{
    json_t *ranking = ranking_of(row);
    const enum err err = ranking ? take_ranking(r, row, ranking) : take_vote(r, row);

    json_decref(ranking);
    return err;
}

/* Row by row, none of which is kept: a million votes take 40 bytes each and a table of prompts. */
enum err votes_read(struct votes *votes, const char *path, const char *covariates)
{
    struct votes_reading *r = votes_read_open(votes, covariates);
    struct rows *rows = NULL;
    json_t *row = NULL;
    enum err err = rows_open(&rows, path);

    while (!err && !(err = rows_next(rows, &row)) && row) {
        err = votes_read_row(r, row);
        if (err)
            err = rows_at(rows);
        json_decref(row);
        row = NULL;
    }
    rows_close(rows);
    votes_read_close(r);
    return err ? err : votes_end(votes);
}
