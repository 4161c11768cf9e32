/* All of it is votes on pairs of candidates: a choice of one among n is n - 1 votes, a ranking
 * one for each pair, a tie or "both bad" a vote of its own. The two candidates of a pair have
 * no order: who counts or fits must come to the same when they are exchanged; so the model
 * counts every vote both ways round. */

#include "annotate/exchange/labels.h"

#include "base/mem.h"
#include "stats/dawid_skene.h"

#include <stdlib.h>
#include <string.h>

const char *const labels_words[LABELS_HOWS + 1] = {"each", "majority", "consensus", NULL};

enum labels_vote { VOTE_FIRST, VOTE_SECOND, VOTE_TIE, VOTE_BAD, VOTES, VOTE_NONE = VOTES };

struct labels_model {
    struct dawid_skene_row *row; /* while it is made */
    size_t n, room;
    uint32_t pairs;  /* items of the model */
    uint32_t people; /* numbers of annotators are used as they are */
    struct dawid_skene fit;
    bool fitted;
    uint32_t at; /* the next pair that labels_of looks at */
};

/* Also of labels that were never filled. */
void labels_free(struct labels *labels)
{
    free(labels->one);
    *labels = (struct labels){.one = NULL};
}

static void put(struct labels *out, struct labels_one one)
{
    if (out->n == out->room) {
        out->room = out->room ? 2 * out->room : 16;
        out->one = mem_grow(out->one, out->room, sizeof *out->one);
    }
    out->one[out->n++] = one;
}

/* ---- votes */

/* Rankings were checked when they were written: every candidate is somewhere. */
static int place_in(const json_t *ranking, int candidate)
{
    for (size_t i = 0; i < json_array_size(ranking); i++) {
        const json_t *const group = json_array_get(ranking, i);
        for (size_t k = 0; k < json_array_size(group); k++)
            if (json_integer_value(json_array_get(group, k)) == candidate)
                return (int)i;
    }
    return -1;
}

/* What a judgement says of candidates i and j. */
static enum labels_vote vote_on(const struct gather_said *said, int i, int j)
{
    int first, second;

    switch (said->verdict) {
    case PREFS_CHOSEN:
        return said->choice == i ? VOTE_FIRST : said->choice == j ? VOTE_SECOND : VOTE_NONE;
    case PREFS_TIE:
        return VOTE_TIE;
    case PREFS_BOTH_BAD:
        return VOTE_BAD;
    case PREFS_RANKING:
        first = place_in(said->ranking, i);
        second = place_in(said->ranking, j);
        return first < second ? VOTE_FIRST : first > second ? VOTE_SECOND : VOTE_TIE;
    default:
        return VOTE_NONE;
    }
}

/* Ties keep the order of the candidates: they have a better one as little as a worse one. */
static struct labels_one label_of(enum labels_vote vote, int i, int j, double weight)
{
    return (struct labels_one){.verdict = vote == VOTE_TIE   ? PREFS_TIE
                                          : vote == VOTE_BAD ? PREFS_BOTH_BAD
                                                             : PREFS_CHOSEN,
                               .better = vote == VOTE_SECOND ? j : i,
                               .worse = vote == VOTE_SECOND ? i : j,
                               .step = -1,
                               .weight = weight};
}

/* Steps and rewrites have one candidate: there is nothing to compare it with. */
static bool is_pairs(const struct prefs_item *item)
{
    return item->n > 1;
}

/* One judgement's pairs share `weight`. */
static void put_said(struct labels *out, const struct gather *gather,
                     const struct gather_said *said, double weight)
{
    const size_t from = out->n;

    for (int i = 0; i < gather->item->n; i++)
        for (int j = i + 1; j < gather->item->n; j++) {
            const enum labels_vote vote = vote_on(said, i, j);
            if (vote != VOTE_NONE)
                put(out, label_of(vote, i, j, weight));
        }
    for (size_t i = from; i < out->n; i++) {
        out->one[i].weight /= (double)(out->n - from);
        out->one[i].said = said;
    }
}

/* Of one candidate: a step, a rewrite. */
static void put_single(struct labels *out, const struct gather_said *said, double weight)
{
    put(out, (struct labels_one){
                 .verdict = said->verdict, .step = said->step, .weight = weight, .said = said});
}

/* By what the item is, not by the verdict: a choice among n is pairs as well. */
static void put_each(struct labels *out, const struct gather *gather,
                     const struct gather_said *said, double weight)
{
    if (is_pairs(gather->item))
        put_said(out, gather, said, weight);
    else
        put_single(out, said, weight);
}

/* ---- the three ways */

static size_t people_of(const struct gather *gather)
{
    size_t n = 0;

    for (size_t i = 0; i < gather->n; i++)
        n += gather_counts(&gather->said[i]);
    return n;
}

/* The weights of an item are 1 together, whether one person saw it or ten: an item that many
 * were asked about because they differ does not count for more. */
static void label_each(struct labels *out, const struct gather *gather)
{
    const double weight = 1 / (double)people_of(gather);

    for (size_t i = 0; i < gather->n; i++)
        if (gather_counts(&gather->said[i]))
            put_each(out, gather, &gather->said[i], weight);
}

/* The vote that has more than each other one; VOTE_NONE: none has, `*any`: though people
 * voted. */
static enum labels_vote top(const struct gather *gather, int i, int j, bool *any)
{
    int count[VOTES] = {0}, best = 0, alike = 0;

    for (size_t k = 0; k < gather->n; k++) {
        const enum labels_vote vote =
            gather_counts(&gather->said[k]) ? vote_on(&gather->said[k], i, j) : VOTE_NONE;
        if (vote != VOTE_NONE)
            count[vote]++;
    }
    for (int v = 1; v < VOTES; v++)
        best = count[v] > count[best] ? v : best;
    for (int v = 0; v < VOTES; v++)
        alike += count[v] == count[best];
    *any = count[best] > 0;
    return *any && alike == 1 ? (enum labels_vote)best : VOTE_NONE;
}

/* As of one judgement: an item's labels together weigh 1. */
static void share_weight(struct labels *out)
{
    for (size_t i = 0; i < out->n; i++)
        out->one[i].weight = 1 / (double)out->n;
}

/* Pair by pair, not ranking by ranking: two people may agree about the best and not the rest. */
static void majority_pairs(struct labels *out, const struct gather *gather)
{
    for (int i = 0; i < gather->item->n; i++)
        for (int j = i + 1; j < gather->item->n; j++) {
            bool any;
            const enum labels_vote vote = top(gather, i, j, &any);
            if (vote != VOTE_NONE)
                put(out, label_of(vote, i, j, 1));
            else
                out->undecided += any;
        }
    share_weight(out);
}

/* Steps: the one that most name, likewise. Rewrites have no majority: all of them are kept. */
static void majority_single(struct labels *out, const struct gather *gather)
{
    size_t best = 0, alike = 0;
    const struct gather_said *which = NULL;

    if (gather->item->mode == PREFS_REWRITE) {
        label_each(out, gather);
        return;
    }
    for (size_t i = 0; i < gather->n; i++) {
        size_t count = 0, before = 0;
        if (!gather_counts(&gather->said[i]))
            continue;
        for (size_t k = 0; k < gather->n; k++)
            if (gather_counts(&gather->said[k]) &&
                gather->said[k].step == gather->said[i].step) {
                count++;
                before += k < i;
            }
        if (before || count < best) /* each step once */
            continue;
        alike = count == best ? alike + 1 : 1;
        best = count;
        which = &gather->said[i];
    }
    if (which && alike == 1) {
        put_single(out, which, 1);
        out->one[out->n - 1].said = NULL;
    } else if (which) {
        out->undecided++;
    }
}

/* Pairs of which nobody said anything get no label, though the model has a guess: its prior. */
static enum err label_consensus(struct labels *out, const struct gather *gather,
                                struct labels_model *model)
{
    if (!is_pairs(gather->item))
        return err_set(ERR_RANGE,
                       "labels=consensus is of pairs and rankings; item '%s' is of mode %s",
                       gather->item->key, words_mode[gather->item->mode]);
    for (int i = 0; i < gather->item->n; i++)
        for (int j = i + 1; j < gather->item->n; j++) {
            const double *const p = &model->fit.posterior[VOTES * (size_t)model->at++];
            int best = 0;
            bool any;
            (void)top(gather, i, j, &any);
            for (int v = 1; v < VOTES; v++)
                best = p[v] > p[best] ? v : best;
            if (any)
                put(out, label_of((enum labels_vote)best, i, j, 1));
        }
    share_weight(out);
    return OK;
}

/* A reviewer's decision replaces an item's labels where there is one label an item; where each
 * person has one it is no further person's view. */
enum err labels_of(struct labels *out, const struct gather *gather, enum labels_how how,
                   struct labels_model *model)
{
    const struct gather_said *const decision =
        how == LABELS_EACH ? NULL : gather_decision(gather);
    enum err err = OK;

    out->n = 0;
    out->undecided = out->decided = 0;
    if (gather->item->gold)
        return OK;
    if (how == LABELS_CONSENSUS) /* also where a reviewer has decided: the model counts on */
        err = label_consensus(out, gather, model);
    else if (how == LABELS_EACH)
        label_each(out, gather);
    else if (is_pairs(gather->item))
        majority_pairs(out, gather);
    else
        majority_single(out, gather);
    if (err || !decision)
        return err;
    out->n = 0;
    out->undecided = 0;
    out->decided = 1;
    put_each(out, gather, decision, 1);
    for (size_t i = 0; i < out->n; i++)
        out->one[i].said = NULL;
    return OK;
}

/* ---- the model */

static void model_put(struct labels_model *m, uint32_t item, int64_t annotator,
                      enum labels_vote vote)
{
    if (m->n == m->room) {
        m->room = m->room ? 2 * m->room : 1024;
        m->row = mem_grow(m->row, m->room, sizeof *m->row);
    }
    m->row[m->n++] = (struct dawid_skene_row){item, (uint32_t)annotator, vote};
    if ((uint32_t)annotator >= m->people)
        m->people = (uint32_t)annotator + 1;
}

/* The same order in which labels_of comes by later: a pair is known by its number alone. */
static enum err model_item(void *self, const struct gather *gather)
{
    struct labels_model *const m = self;

    if (gather->item->gold || !is_pairs(gather->item))
        return OK;
    for (int i = 0; i < gather->item->n; i++)
        for (int j = i + 1; j < gather->item->n; j++, m->pairs++)
            for (size_t k = 0; k < gather->n; k++) {
                const struct gather_said *const said = &gather->said[k];
                const enum labels_vote vote = vote_on(said, i, j);
                if (!gather_counts(said) || vote == VOTE_NONE ||
                    said->annotator > UINT16_MAX * 16)
                    continue;
                model_put(m, m->pairs, said->annotator, vote);
            }
    return OK;
}

/* Annotators are few and numbered from 1, so their numbers index the model as they are. */
enum err labels_fit(struct labels_model **out, struct prefs *prefs, enum labels_how how)
{
    static const uint32_t mirror[VOTES] = {VOTE_SECOND, VOTE_FIRST, VOTE_TIE, VOTE_BAD};
    struct labels_model *m;
    enum err err;

    *out = NULL;
    if (how != LABELS_CONSENSUS)
        return OK;
    m = mem_new(1, sizeof *m);
    err = gather_visit(prefs, model_item, m);
    if (!err)
        err =
            dawid_skene_fit_mirrored(&m->fit, m->row, m->n, m->pairs, m->people, VOTES, mirror);
    m->fitted = !err;
    if (err == ERR_RANGE)
        err = err_add("labels=consensus");
    free(m->row);
    m->row = NULL;
    if (err)
        labels_model_free(m);
    else
        *out = m;
    return err;
}

/* One whose fit failed holds rows and no figures. */
void labels_model_free(struct labels_model *model)
{
    if (!model)
        return;
    if (model->fitted)
        dawid_skene_fini(&model->fit);
    free(model->row);
    free(model);
}
