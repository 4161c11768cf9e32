/* fitted: strengths and their covariance, whichever model they are of.
 *
 * Models bear numbers of places here, best first. */

#ifndef RATINGS_FITTED_H
#define RATINGS_FITTED_H

#include "ratings/cells.h"
#include "stats/plackett.h"

enum fitted_model {
    FITTED_BRADLEY_TERRY,
    FITTED_DAVIDSON,
    FITTED_RAO_KUPPER,
    FITTED_THURSTONE,
    FITTED_PLACKETT_LUCE,
    FITTED_ELO,
};
enum fitted_se { SE_SANDWICH, SE_INFORMATION, SE_BOOTSTRAP };

struct fitted_conf {
    enum fitted_model model;
    enum fitted_se se;
    enum cells_group group;
    double penalty;
    uint32_t draws;
    uint64_t seed;
};

struct fitted {
    int models, effects, params; /* params: models, effects, the logarithms of ties */
    int *at;                     /* [models] which model bears the number */
    double *theta;               /* [params] */
    double *cov;                 /* [params,params] */
    int tie_at[PLACKETT_TIES_MAX +
               1];      /* where ln of the tie of k is in theta; 0: there is none */
    double groups;      /* what was drawn again or counted together; rows for information */
    uint32_t undefined; /* draws without a maximum, left out */
    double loglik;
};

/* All models but Elo. Errors: ERR_RANGE: no finite maximum, of the votes or of more than a tenth of
 * the draws, or what plackett_fit refuses; ERR_NOMEM. Free with fitted_fini. */
enum err fitted_run(struct fitted *out, const struct votes *votes,
                    const struct fitted_conf *conf) MUST_CHECK;
void fitted_fini(struct fitted *fitted);

#endif
