/* How: the figures as they are, in the order of the board. What is not known is null: JSON has no
 * word for not-a-number, and 0 would be one. Names are the votes' own; lists of groups, ranking and
 * pairs all go best first. */

#include "ratings/leaderboard.h"

#include <math.h>

/* An infinite end, of a single cluster, is unknown as well. */
static json_t *real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* Ranks of Elo are 0 within the program: places it has, ranges it cannot have. */
static json_t *ranking(const struct leaderboard *b)
{
    json_t *list = json_array();

    for (int i = 0; i < b->votes->models; i++) {
        const struct leaderboard_row *r = &b->row[i];
        json_t *row =
            json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "name", b->votes->model[r->model],
                      "strength", real(r->strength), "se", real(r->se), "low", real(r->low),
                      "high", real(r->high), "rating", real(r->rating), "rating_low",
                      real(r->rating_low), "rating_high", real(r->rating_high));
        json_object_set_new(row, "rank_low",
                            r->rank_low ? json_integer(r->rank_low) : json_null());
        json_object_set_new(row, "rank_high",
                            r->rank_high ? json_integer(r->rank_high) : json_null());
        json_object_set_new(row, "games", json_integer(r->games));
        json_object_set_new(row, "ties", json_integer(r->ties));
        if (b->conf.model == FITTED_THURSTONE)
            json_object_set_new(row, "least_squares", real(r->by_hand));
        json_array_append_new(list, row);
    }
    return list;
}

/* {"nu"} of Davidson, {"theta"} of Rao and Kupper, {"delta_2", "delta_3"} of rankings: each with
 * its error; null where a tie is half a win or there was none. */
static json_t *ties(const struct leaderboard *b)
{
    json_t *ties = json_object();
    char key[32];

    for (int k = 2; k <= PLACKETT_TIES_MAX; k++) {
        if (!b->fit.tie_at[k])
            continue;
        if (b->conf.model == FITTED_PLACKETT_LUCE)
            snprintf(key, sizeof key, "delta_%d", k);
        else
            snprintf(key, sizeof key, "%s", b->conf.model == FITTED_DAVIDSON ? "nu" : "theta");
        json_object_set_new(
            ties, key,
            json_pack("{s:o,s:o}", "value", real(b->tie[k]), "se", real(b->tie_se[k])));
    }
    if (json_object_size(ties))
        return ties;
    json_decref(ties);
    return json_null();
}

/* By name: who asks for the length's effect need not look through a list. */
static json_t *effects(const struct leaderboard *b)
{
    json_t *all = json_object();

    for (int k = 0; k < b->fit.effects; k++)
        json_object_set_new(all, b->votes->covariate[k],
                            json_pack("{s:o,s:o,s:o,s:o}", "value", real(b->effect[k].value),
                                      "se", real(b->effect[k].se), "low",
                                      real(b->effect[k].low), "high", real(b->effect[k].high)));
    return all;
}

/* One group of all models is the usual case. Within a group names go by the alphabet, for
 * the groups say who may be compared and not who is better. */
static json_t *components(const struct leaderboard *b)
{
    json_t *list = json_array();

    for (int g = 0; g < b->components; g++)
        json_array_append_new(list, json_array());
    for (int i = 0; i < b->votes->models; i++)
        json_array_append_new(json_array_get(list, (size_t)b->component[i]),
                              json_string(b->votes->model[i]));
    return list;
}

/* All of them: n (n - 1) / 2, which 100 models make 4,950 and a program reads with ease.
 * Whether two differ is p_holm's to say, not the two models' own intervals, which may
 * overlap all the same. */
static json_t *pairs(const struct leaderboard *b)
{
    json_t *list = json_array();

    for (size_t k = 0; k < b->pairs; k++) {
        const struct leaderboard_pair *p = &b->pair[k];
        json_array_append_new(
            list, json_pack("{s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o}", "a",
                            b->votes->model[b->row[p->better].model], "b",
                            b->votes->model[b->row[p->worse].model], "difference",
                            real(p->difference), "se", real(p->se), "low", real(p->low), "high",
                            real(p->high), "p", real(p->p), "p_holm", real(p->p_holm)));
    }
    return list;
}

/* What is counted together: null where no error is asked for. */
static json_t *cluster(const struct leaderboard *b)
{
    static const char *const names[] = {"row", "prompt", "judge"};

    return b->conf.model == FITTED_ELO ? json_null() : json_string(names[b->group]);
}

/* How the figures came about, so that a file of them can be read without its command. */
static json_t *head(const struct leaderboard *b)
{
    const bool elo = b->conf.model == FITTED_ELO, fitted = !b->why && !elo;
    json_t *all =
        json_pack("{s:s,s:s,s:o,s:o,s:f}", "model", leaderboard_models[b->conf.model], "scale",
                  b->conf.model == FITTED_THURSTONE ? "probit" : "logit", "cluster", cluster(b),
                  "se", elo ? json_null() : json_string(leaderboard_errors[b->conf.se]),
                  "level", b->conf.level);

    if (b->conf.arena)
        json_object_set_new(all, "like", json_string("arena"));
    json_object_set_new(all, "votes", json_integer((json_int_t)b->votes->n));
    json_object_set_new(all, "rankings", json_integer((json_int_t)b->votes->rankings));
    json_object_set_new(all, "without_verdict", json_integer((json_int_t)b->votes->unheard));
    json_object_set_new(all, "against_itself", json_integer((json_int_t)b->votes->itself));
    json_object_set_new(all, "clusters",
                        fitted ? json_integer((json_int_t)b->fit.groups) : json_null());
    json_object_set_new(all, "penalty", json_real(b->conf.penalty));
    json_object_set_new(all, "loglik", fitted ? real(b->fit.loglik) : json_null());
    if (b->conf.se == SE_BOOTSTRAP && fitted)
        json_object_set_new(all, "draws",
                            json_pack("{s:i,s:i}", "all", (int)b->conf.draws, "without_maximum",
                                      (int)b->fit.undefined));
    return all;
}

/* Every key is there in any case, null where the votes do not say: who reads it need not ask
 * first. */
json_t *leaderboard_json(const struct leaderboard *b)
{
    const bool ranked = !b->why;
    json_t *all = head(b);

    json_object_set_new(all, "ranking", ranked ? ranking(b) : json_null());
    json_object_set_new(all, "tie", ranked ? ties(b) : json_null());
    json_object_set_new(all, "effects", ranked ? effects(b) : json_null());
    json_object_set_new(all, "components", components(b));
    json_object_set_new(all, "pairs", ranked ? pairs(b) : json_null());
    if (b->why)
        json_object_set_new(all, "why", json_string(b->why));
    return all;
}
