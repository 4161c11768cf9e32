/* How: a line a model, then what else was fitted, then what to make of it: how the errors were
 * found, how many pairs differ, and what is doubtful. Names are others': say() makes them fit for a
 * terminal. */

#include "ratings/leaderboard.h"

#include "base/say.h"

#include <math.h>

/* A rank that is sure is one number. */
static void print_row(const struct leaderboard *b, int i, FILE *to)
{
    const struct leaderboard_row *r = &b->row[i];
    char rank[32];

    if (!r->rank_low)
        snprintf(rank, sizeof rank, "%d", i + 1);
    else if (r->rank_low == r->rank_high)
        snprintf(rank, sizeof rank, "%d", r->rank_low);
    else
        snprintf(rank, sizeof rank, "%d-%d", r->rank_low, r->rank_high);
    say(to, "%-9s %-32.32s %8.1f", rank, b->votes->model[r->model], r->rating);
    if (isfinite(r->rating_low))
        say(to, " [%7.1f, %7.1f]", r->rating_low, r->rating_high);
    else
        say(to, " %18s", "");
    say(to, " %+9.4f", r->strength);
    if (isfinite(r->se))
        say(to, " %8.4f", r->se);
    else
        say(to, " %8s", "");
    say(to, " %8ld %7ld\n", r->games, r->ties);
}

/* Effects on log odds: of one more of x in favour of the first. */
static void print_others(const struct leaderboard *b, FILE *to)
{
    const char *const name = b->conf.model == FITTED_DAVIDSON     ? "nu"
                             : b->conf.model == FITTED_RAO_KUPPER ? "theta"
                                                                  : "delta";

    for (int k = 0; k < b->fit.effects; k++)
        say(to, "%-42.42s %+8.4f [%+.4f, %+.4f] s.e. %.4f\n", b->votes->covariate[k],
            b->effect[k].value, b->effect[k].low, b->effect[k].high, b->effect[k].se);
    for (int k = 2; k <= PLACKETT_TIES_MAX; k++)
        if (b->fit.tie_at[k] && b->conf.model == FITTED_PLACKETT_LUCE)
            say(to, "%s of %d sharing a place: %.4f (s.e. %.4f)\n", name, k, b->tie[k],
                b->tie_se[k]);
        else if (b->fit.tie_at[k])
            say(to, "ties: %s %.4f (s.e. %.4f)\n", name, b->tie[k], b->tie_se[k]);
}

/* How the errors were found, and why they may be wrong. */
static void print_errors(const struct leaderboard *b, FILE *to)
{
    static const char *const by[] = {"row", "prompt", "judge"};
    size_t differ = 0;

    for (size_t k = 0; k < b->pairs; k++)
        differ += b->pair[k].p_holm < 1 - b->conf.level;
    say(to, "%s; %zu votes, %zu rankings; errors: %s%s by %s (%.0f)\n",
        leaderboard_models[b->conf.model], b->votes->n, b->votes->rankings,
        b->conf.arena ? "arena-rank's " : "", leaderboard_errors[b->conf.se], by[b->group],
        b->fit.groups);
    say(to, "%zu of %zu pairs differ (all at once, %.3g %%)\n", differ, b->pairs,
        100 * (1 - b->conf.level));
    if (b->conf.se == SE_BOOTSTRAP && b->fit.undefined)
        say(to, "%u of %u draws had no finite maximum and were left out\n", b->fit.undefined,
            b->conf.draws);
    if (b->group == GROUP_ROW && !b->conf.arena && b->votes->prompts)
        say(to, "warning: votes on the same prompt are taken as independent, though there are "
                "prompts\n");
    if (b->conf.se != SE_INFORMATION && !b->conf.arena && b->fit.groups < LEADERBOARD_FEW)
        say(to, "warning: %.0f clusters: below %d the errors are too small as a rule\n",
            b->fit.groups, LEADERBOARD_FEW);
    if (b->conf.penalty > 0)
        say(to,
            "penalty %g: strengths are drawn towards their mean, and the intervals with "
            "them\n",
            b->conf.penalty);
}

/* Whoever stands on a penalty alone is named by the words of connected.h. */
void leaderboard_print(const struct leaderboard *b, FILE *to)
{
    if (b->why) {
        say(to, "no ranking: %s\n", b->why);
        return;
    }
    say(to, "%-9s %-32s %8s %18s %9s %8s %8s %7s\n", "rank", "model", "rating",
        b->conf.model == FITTED_ELO ? "" : "interval", "strength", "s.e.", "games", "ties");
    for (int i = 0; i < b->votes->models; i++)
        print_row(b, i, to);
    print_others(b, to);
    if (b->votes->unheard || b->votes->itself)
        say(to, "left out: %zu rows without a verdict, %zu of a model against itself\n",
            b->votes->unheard, b->votes->itself);
    if (b->conf.model == FITTED_ELO)
        say(to, "elo, k %g: depends on the order of the rows, and knows no errors\n",
            b->conf.k);
    else
        print_errors(b, to);
    if (b->components > 1 && b->conf.model != FITTED_ELO)
        say(to, "%d groups of models are held together by the penalty alone (components)\n",
            b->components);
}
