/* leaderboard: models in order of strength, with what is known of each place, as figures, JSON, a
 * table and a picture.
 *
 * Strengths have mean 0. On the rating scale 400 points are odds of 10 to 1 and the mean is 1000:
 * rating = 1000 + 400 log10(e) strength; of Thurstone's probit strengths as of 1.702 times them, at
 * which the two curves are nearest. Intervals are strength +- q s.e.: q is the normal's with the
 * information's errors, and Student's with as many degrees of freedom as groups less one with a
 * sandwich or draws. Rank 3 to 5: two models are surely better and as many surely worse as there
 * are below 5, by the differences of all pairs at once (Holm), so that all ranks hold together with
 * the level's chance (Mogstad, Romano, Shaikh and Wilhelm 2024, Review of Economic Studies 91:476,
 * on why one by one is not enough). */

#ifndef RATINGS_LEADERBOARD_H
#define RATINGS_LEADERBOARD_H

#include "ratings/fitted.h"

#include <stdio.h>

extern const char *const leaderboard_models[]; /* names of enum fitted_model, NULL-ended */
extern const char *const leaderboard_errors[]; /* of enum fitted_se */
enum leaderboard_cluster { CLUSTER_AUTO, CLUSTER_PROMPT, CLUSTER_JUDGE, CLUSTER_ROW };
extern const char *const leaderboard_clusters[];

enum { LEADERBOARD_FEW = 30 }; /* groups below which a sandwich is told to be doubtful */

struct leaderboard_conf {
    enum fitted_model model;
    enum fitted_se se;
    enum leaderboard_cluster cluster; /* AUTO: by prompt where one vote has one, else rows */
    double level;                     /* 0.95 */
    double penalty;
    double k; /* Elo */
    uint32_t draws;
    uint64_t seed;
    bool arena; /* arena-rank 0.1.1's conventions */
};

struct leaderboard_row {
    int model; /* of votes */
    double strength, se, low, high;
    double rating, rating_low, rating_high;
    int rank_low, rank_high; /* 0: not known */
    long games, ties;
    double by_hand; /* Thurstone: least squares; else NAN */
};

struct leaderboard_pair {
    int better, worse; /* rows */
    double difference, se, low, high, p, p_holm;
};

struct leaderboard_effect {
    double value, se, low, high;
};

/* What is not known is NAN. */
struct leaderboard {
    struct leaderboard_conf conf;
    const struct votes *votes; /* borrowed */
    enum cells_group group;
    struct fitted fit;
    struct leaderboard_row *row; /* [models] best first */
    struct leaderboard_pair *pair;
    size_t pairs;
    double tie[PLACKETT_TIES_MAX + 1], tie_se[PLACKETT_TIES_MAX + 1]; /* nu, theta, delta_k */
    struct leaderboard_effect effect[VOTES_X_MAX];
    int *component; /* [models] number of the group; models of a smaller one never lost to it */
    int components;
    char *why; /* there is no ranking: why not; NULL: there is */
};

/* No ranking because of the votes (they do not connect the models, and there is no penalty) is no
 * error: `why` has the words and `components` the groups. Errors: ERR_RANGE (a model that cannot
 * read such votes; no maximum for another reason), ERR_NOMEM. Free with leaderboard_fini. */
enum err leaderboard_run(struct leaderboard *out, const struct votes *votes,
                         const struct leaderboard_conf *conf) MUST_CHECK;
void leaderboard_fini(struct leaderboard *board);

/* {"model", "scale", "cluster", "se", "level", "ranking": [...], "tie", "effects", "components",
 * "pairs": [...], ...}. docs/OPERATIONS.md has each. A new reference. */
json_t *leaderboard_json(const struct leaderboard *board);
/* For a terminal. */
void leaderboard_print(const struct leaderboard *board, FILE *to);
/* A picture: an interval a model. Freed with free(). */
char *leaderboard_svg(const struct leaderboard *board);

#endif
