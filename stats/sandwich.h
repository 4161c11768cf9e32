/* sandwich: the covariance of a maximum-likelihood fit whose rows belong together, or whose model
 * is not quite true.
 *
 *   C/(C-1) B (sum u_c u_c') B
 *
 * B: the inverse of the information; u_c: the slope that the rows of cluster c make together; C
 * clusters. White 1982, Econometrica 50:1; Liang and Zeger 1986, Biometrika 73:13. Below some 30
 * clusters it is too small on average: Student's t with C - 1 degrees of freedom makes up for most
 * of that (Cameron and Miller 2015, J. Human Resources 50:317). */

#ifndef STATS_SANDWICH_H
#define STATS_SANDWICH_H

struct sandwich {
    int n;
    double clusters; /* so far */
    double *meat;    /* [n,n] sum of u u' */
    double *u;       /* [n] of the cluster that is open */
    int *at, touched;
};

void sandwich_init(struct sandwich *s, int n);
void sandwich_fini(struct sandwich *s);

/* A row of the open cluster: by[i] at parameter at[i], each below n. */
void sandwich_add(struct sandwich *s, const int *at, const double *by, int terms);
/* Ends the cluster; there are `times` of exactly this kind (1). */
void sandwich_next(struct sandwich *s, double times);

/* bread [n,n] and cov [n,n], which may be the same. One cluster alone: infinite. With `plain` the
 * factor C/(C-1) is left out. */
void sandwich_cov(const struct sandwich *s, const double *bread, double *cov, int plain);

#endif
