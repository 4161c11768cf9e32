/* paired: how likely each outcome of one comparison is, and how that changes with what is fitted.
 *
 * eta: how much stronger the first is; tie: the parameter of ties, where the model has one.
 *   PAIRED_HALF        P(first) = 1 / (1 + exp(-eta)), no ties        Bradley and Terry 1952
 *   PAIRED_DAVIDSON    exp(eta/2) : nu : exp(-eta/2), tie = ln nu     Davidson 1970
 *   PAIRED_RAO_KUPPER  P(first) = 1 / (1 + exp(tie - eta)), P(second) = 1 / (1 + exp(tie + eta)),
 *                      theta = exp(tie) > 1: a threshold              Rao and Kupper 1967
 *   PAIRED_PROBIT      P(first) = Phi(eta), no ties                   Thurstone 1927, case V
 * The log-likelihood of each is concave in (eta, tie). */

#ifndef STATS_PAIRED_H
#define STATS_PAIRED_H

#include <stdbool.h>

enum paired_model { PAIRED_HALF, PAIRED_DAVIDSON, PAIRED_RAO_KUPPER, PAIRED_PROBIT };
enum paired_outcome { PAIRED_FIRST, PAIRED_TIE, PAIRED_SECOND, PAIRED_OUTCOMES };

/* Of each outcome: ln P, its slopes, and minus its second derivatives. */
struct paired {
    double log_p[PAIRED_OUTCOMES];
    double by_eta[PAIRED_OUTCOMES], by_tie[PAIRED_OUTCOMES];
    double eta_eta[PAIRED_OUTCOMES], eta_tie[PAIRED_OUTCOMES], tie_tie[PAIRED_OUTCOMES];
};

/* Does the model have a parameter for ties? Without one a tie counts as half a win for each. */
bool paired_has_tie(enum paired_model model);

/* ln P alone, which is what a line search asks for. NAN where Rao and Kupper's tie <= 0. */
void paired_chances(double log_p[PAIRED_OUTCOMES], enum paired_model model, double eta,
                    double tie);
void paired_slopes(struct paired *out, enum paired_model model, double eta, double tie);

#endif
