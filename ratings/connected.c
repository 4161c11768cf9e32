/* How: a matrix of who has won against whom, then stats/components.h. The words name the groups,
 * best first, as far as they have room: those that lost to nobody outside, or won against nobody,
 * or never met others, are what is to be mended by further votes. */

#include "ratings/connected.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "stats/components.h"

#include <stdlib.h>

enum { GROUPS_TOLD = 6, NAMES_TOLD = 5 };

/* Whoever stands before somebody in a ranking has won against him; sharing a place is a tie. The
 * next place is enough: what lies further is reached through it. */
static void add_ranking(bool *won, size_t models, const struct votes_placed *p, int n)
{
    for (int i = 0; i < n; i++)
        for (int j = i + 1, places = 0; j < n; j++) {
            places += !p[j].with_last;
            if (places > 1)
                break;
            won[p[i].model * models + p[j].model] = true;
            if (!places)
                won[p[j].model * models + p[i].model] = true;
        }
}

/* A matrix: has i won against j, or tied? */
static bool *wins_of(const struct votes *votes)
{
    const size_t m = (size_t)votes->models;
    bool *won = mem_new(m * m + 1, sizeof *won);

    for (size_t i = 0; i < votes->n; i++) {
        const struct vote *v = &votes->vote[i];
        won[v->a * m + v->b] |= v->winner != WINNER_B;
        won[v->b * m + v->a] |= v->winner != WINNER_A;
    }
    for (size_t r = 0; r < votes->rankings; r++)
        add_ranking(won, m, votes->placed + votes->ranking[r].at, votes->ranking[r].n);
    return won;
}

int connected_groups(int *group, const struct votes *votes)
{
    bool *won = wins_of(votes);
    const int groups = components_strong(group, won, votes->models);

    free(won);
    return groups;
}

/* A group may have hundreds: the first few names tell which it is. */
static void put_group(struct strbuf *to, const int *group, int which, const struct votes *votes)
{
    int told = 0, left = 0;

    strbuf_print(to, "{");
    for (int i = 0; i < votes->models; i++) {
        if (group[i] != which)
            continue;
        if (told < NAMES_TOLD)
            strbuf_print(to, "%s%.60s", told++ ? ", " : "", votes->model[i]);
        else
            left++;
    }
    if (left)
        strbuf_print(to, ", and %d more", left);
    strbuf_print(to, "}");
}

/* What sets a group apart: whom of the others it has won against or lost to. */
static const char *apart(const int *group, int which, const bool *won, int models)
{
    bool wins = false, losses = false;

    for (int i = 0; i < models; i++)
        for (int j = 0; j < models; j++) {
            if (group[i] == group[j] || !won[i * models + j])
                continue;
            wins |= group[i] == which;
            losses |= group[j] == which;
        }
    return !wins && !losses ? "met no other"
           : !wins          ? "won against no other"
           : !losses        ? "lost to no other"
                            : "in between";
}

char *connected_words(const int *group, int groups, const struct votes *votes)
{
    bool *won = wins_of(votes);
    struct strbuf words = {.n = 0};

    strbuf_print(&words,
                 "the votes do not connect the models, which fall into %d groups: ", groups);
    for (int g = 0; g < groups && g < GROUPS_TOLD; g++) {
        strbuf_print(&words, "%s", g ? "; " : "");
        put_group(&words, group, g, votes);
        strbuf_print(&words, " (%s)", apart(group, g, won, votes->models));
    }
    if (groups > GROUPS_TOLD)
        strbuf_print(&words, "; and %d more", groups - GROUPS_TOLD);
    strbuf_print(&words, ". Strengths between them would be infinite, or anything: get votes "
                         "between the groups, or say penalty=0.1");
    free(won);
    return words.text;
}
