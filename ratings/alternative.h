/* alternative: may a judge stand for people? The alternative annotator test.
 *
 * Calderon, Reichart and Dror 2025 (ACL; arXiv:2501.10970, section 3): each person j in turn
 * is left out; on each item that he, others and the judge judged, the judge wins where it
 * agrees with the others at least as much as j does, and j where he does at least as much as
 * the judge. What is tested is that the judge wins no less often than j less epsilon, the
 * price of a person; Student's paired test, one-sided, on fewer than 30 items Wilcoxon's; the
 * false discovery rate over people by Benjamini and Yekutieli. omega is the share of people
 * for whom that holds: the judge may replace them from omega = 1/2 on. Agreement with the
 * others is the share who say the same; at interval and ratio levels minus the root mean
 * squared difference.
 *
 * With prompts the standard error is by prompt. */

#ifndef RATINGS_ALTERNATIVE_H
#define RATINGS_ALTERNATIVE_H

#include "ratings/agreement.h"

enum { ALTERNATIVE_ITEMS = 30 }; /* fewer in all: it cannot tell */

enum alternative_verdict {
    ALTERNATIVE_YES, /* omega >= 1/2 */
    ALTERNATIVE_NO,
    ALTERNATIVE_CANNOT_TELL, /* fewer than ALTERNATIVE_ITEMS items, or one person */
};

struct alternative_person {
    uint32_t annotator;
    size_t items;
    double judge_wins, person_wins; /* shares; both count where they are equal */
    double p, p_adjusted;           /* NAN: fewer than 2 items */
    bool replaced;                  /* the null hypothesis is refused for him */
};

struct alternative {
    uint32_t judge;
    double epsilon, q;
    struct alternative_person *person; /* [people] */
    size_t people, items;              /* items that the judge and two people or more judged */
    double omega, advantage;           /* share of people; mean of judge_wins */
    enum alternative_verdict verdict;
    bool weak; /* two people: each is measured by the other alone */
};

/* Among planned judgements. epsilon: .2 of experts, .15 of trained people, .1 of a crowd; q
 * .05. Errors: ERR_RANGE (no such annotator; epsilon or q out of [0, 1)). Free with
 * alternative_fini. */
enum err alternative_run(struct alternative *out, const struct judgements *all,
                         const char *judge, double epsilon, double q) MUST_CHECK;
void alternative_fini(struct alternative *alternative);

json_t *alternative_json(const struct alternative *alternative, const struct judgements *all);
void alternative_say(FILE *to, const struct alternative *alternative,
                     const struct judgements *all);

#endif
