/* finding: which item a person is to be given, and why. */

#ifndef PREFS_FINDING_H
#define PREFS_FINDING_H

#include "prefs/prefs.h"

/* What was found for somebody. */
struct finding {
    int64_t item, repeats;
    enum prefs_why why;
    double chance;
    int n;
    char active[PREFS_NAME_MAX];
};

struct finding_person {
    int64_t id, given, lean;
    int standing, role;
};

/* *found false: nothing that is planned is left for this person. Errors: the store's. */
enum err finding_choose(struct prefs *prefs, const struct finding_person *person, int64_t now,
                        struct finding *out, bool *found) MUST_CHECK;

#endif
