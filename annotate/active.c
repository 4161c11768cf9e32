/* How: the store's pairs are read once, with their texts, and become one row of features each: first
 * candidate less second, in the directions in which pairs differ most (principal.h). A choice then reads the
 * judgements that stand, gives each judged pair the mean of its verdicts with their number as weight
 * (a tie, or two bad answers, is half for each), and asks choosing_batch about the rest.
 *
 * Gold questions are in neither: what is known need not be asked, and what people say of it is
 * their test. Both features and verdicts are by candidate, never by side. */

#include "annotate/active.h"

#include "base/mem.h"
#include "eval/answer_features.h"
#include "prefs/item.h"
#include "prefs/judge.h"
#include "stats/principal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct active_pair {
    int64_t id;
    json_t *prompt, *answer[2]; /* only while features are made */
    double wins, said;          /* verdicts, by candidate 0 */
    bool closed, active;        /* withdrawn, or with somebody; asked for by a strategy */
    double priority;
};

struct active {
    struct active_conf conf;
    struct active_pair *pair;
    size_t n;
    double *x; /* [n,d] */
    int d, cut;
};

/* ---- once */

static enum err take(void *self, const struct prefs_item *item)
{
    struct active *a = self;
    struct active_pair *pair;

    if (item->mode != PREFS_PAIR || item->n != 2 || item->gold)
        return OK;
    a->pair = mem_grow(a->pair, a->n + 1, sizeof *a->pair);
    pair = &a->pair[a->n++];
    *pair = (struct active_pair){.id = item->id,
                                 .prompt = json_incref(item->prompt),
                                 .answer = {json_incref(item->candidate[0].content),
                                            json_incref(item->candidate[1].content)}};
    return OK;
}

static void let_go(struct active *a)
{
    for (size_t i = 0; i < a->n; i++) {
        json_decref(a->pair[i].prompt);
        json_decref(a->pair[i].answer[0]);
        json_decref(a->pair[i].answer[1]);
        a->pair[i].prompt = a->pair[i].answer[0] = a->pair[i].answer[1] = NULL;
    }
}

/* First answer less second, in the directions in which pairs differ most. */
static enum err differences(struct active *a, const float *raw, int d)
{
    double *x = NULL;
    enum err err = mem_big(&x, a->n * (size_t)d, sizeof *x, "features of pairs");

    for (size_t i = 0; i < a->n && !err; i++) {
        const float *const first = raw + 2 * i * (size_t)d, *const second = first + d;
        for (int j = 0; j < d; j++)
            x[i * (size_t)d + (size_t)j] = (double)first[j] - (double)second[j];
    }
    if (!err)
        err = principal_reduce(&a->x, &a->d, x, a->n, a->n, d, CHOOSING_DIRECTIONS);
    free(x);
    return err;
}

static enum err features(struct active *a, const struct open_model *model)
{
    struct answer_features_of *of = mem_new(2 * a->n, sizeof *of);
    float *raw = NULL;
    const int d = model_shape(model->model)->width;
    int bad = 0;
    enum err err = OK;

    for (size_t i = 0; i < 2 * a->n; i++)
        of[i] = (struct answer_features_of){a->pair[i / 2].prompt, a->pair[i / 2].answer[i % 2],
                                            NULL};
    if (!err)
        err = mem_big(&raw, 2 * a->n * (size_t)d, sizeof *raw, "features of answers");
    if (!err && answer_features(raw, model, of, (int)(2 * a->n), &bad, &a->cut))
        err = err_add("item %lld", (long long)a->pair[bad / 2].id);
    if (!err)
        err = differences(a, raw, d);
    free(raw);
    free(of);
    return err;
}

/* Of any head: the trunk alone is read. */
static enum err open_any(struct open_model *out, const char *path)
{
    if (!open_model_all(out, path, HEAD_LM, NULL))
        return OK;
    open_model_close(out);
    return open_model_all(out, path, HEAD_STEP, NULL);
}

enum err active_open(struct active **out, struct prefs *prefs, const struct active_conf *conf)
{
    struct active *a = mem_new(1, sizeof *a);
    struct open_model model;
    enum err err;

    *out = NULL;
    a->conf = *conf;
    err = prefs_item_visit(prefs, take, a);
    if (!err && (!a->n || a->n > INT32_MAX / 2))
        err = err_set(ERR_RANGE, "%s has no pairs to choose from", prefs_path(prefs));
    if (!err) {
        err = open_any(&model, conf->model);
        if (!err)
            err = features(a, &model);
        open_model_close(&model);
    }
    let_go(a);
    if (err)
        active_close(a);
    else
        *out = a;
    return err;
}

void active_close(struct active *active)
{
    if (!active)
        return;
    free(active->pair);
    free(active->x);
    free(active);
}

/* ---- each time */

/* Items are visited in the order of adding, in which their ids rise. */
static int by_id(const void *key, const void *pair)
{
    const int64_t a = *(const int64_t *)key, b = ((const struct active_pair *)pair)->id;

    return (a > b) - (a < b);
}

static struct active_pair *find(const struct active *a, int64_t id)
{
    return bsearch(&id, a->pair, a->n, sizeof *a->pair, by_id);
}

static enum err stand(void *self, const struct prefs_item *item)
{
    struct active_pair *pair = find(self, item->id);

    if (pair) {
        pair->wins = pair->said = 0;
        pair->closed = item->withdrawn;
        pair->active = item->active != NULL;
        pair->priority = item->priority;
    }
    return OK;
}

/* Repeats are the same person once more: no new verdict. */
static enum err hear(void *self, const struct prefs_row *row)
{
    struct active_pair *pair = find(self, row->assignment.item);

    if (!pair || row->assignment.why == PREFS_REPEAT)
        return OK;
    pair->said++;
    pair->wins += row->verdict == PREFS_CHOSEN ? row->choice == 0 : 0.5;
    return OK;
}

static enum err held(void *self, const struct prefs_assignment *it)
{
    struct active_pair *pair = find(self, it->item);

    if (pair)
        pair->closed = true;
    return OK;
}

/* Where people stand: verdicts, and who has what. */
static enum err look(struct active *a, struct prefs *prefs)
{
    const struct prefs_which which = {.standing = true};
    enum err err = prefs_item_visit(prefs, stand, a);

    if (!err)
        err = prefs_visit(prefs, &which, hear, a);
    return err ? err : prefs_open_visit(prefs, 0, held, a);
}

/* The batch of before that nobody was given is by plan again; ours goes before whatever priority the
 * other items have, and is served from its first place on. */
static enum err ask(struct active *a, struct prefs *prefs, const struct choosing_one *one,
                    size_t chosen)
{
    double above = 0;
    enum err err = OK;

    for (size_t i = 0; i < a->n && !err; i++) {
        struct active_pair *const p = &a->pair[i];
        if (p->active && !p->said && !p->closed)
            err = prefs_item_prioritise(prefs, p->id, NULL, 0, 1);
        else if (!p->active)
            above = fmax(above, p->priority);
    }
    for (size_t i = 0; i < chosen && !err; i++)
        err = prefs_item_prioritise(prefs, a->pair[one[i].row].id, choosing_words[a->conf.way],
                                    above + (double)(chosen - i), one[i].chance);
    return err;
}

static enum err choose(struct active *a, struct prefs *prefs, struct active_told *told)
{
    const size_t d = (size_t)a->d;
    bool *taken = mem_new(a->n, sizeof *taken);
    double *x = NULL, *y = mem_new(a->n, sizeof *y), *weight = mem_new(a->n, sizeof *weight);
    struct choosing_one *one = mem_new((size_t)a->conf.batch, sizeof *one);
    const struct choosing_pool pool = {a->x, a->n, a->d, taken};
    struct choosing_conf conf = {a->conf.way, a->conf.penalty, a->conf.epsilon,
                                 8,           a->conf.seed,    0};
    enum err err = mem_big(&x, a->n * d, sizeof *x, "features of judged pairs");

    for (size_t i = 0; i < a->n && !err; i++) {
        const struct active_pair *const p = &a->pair[i];
        taken[i] = p->closed || p->said > 0;
        told->pool += !taken[i];
        if (p->said > 0) {
            memcpy(x + told->judged * d, a->x + i * d, d * sizeof *x);
            y[told->judged] = p->wins / p->said;
            weight[told->judged++] = p->said;
        }
    }
    /* Each number of judged pairs has draws of its own, so that a repeated command repeats itself
     * and a later one does not. */
    conf.round = (uint32_t)told->judged;
    if (!err)
        err = choosing_batch(one, (size_t)a->conf.batch, &told->chosen, &pool,
                             &(struct margin_rows){x, y, weight, told->judged}, &conf);
    if (!err)
        err = ask(a, prefs, one, told->chosen);
    free(taken);
    free(x);
    free(y);
    free(weight);
    free(one);
    return err;
}

enum err active_choose(struct active *active, struct prefs *prefs, struct active_told *told)
{
    enum err err = prefs_begin(prefs);

    *told = (struct active_told){.cut = active->cut};
    if (err)
        return err;
    err = look(active, prefs);
    if (!err)
        err = choose(active, prefs, told);
    return prefs_finish(prefs, err);
}
