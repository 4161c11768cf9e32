/* spec: what a process of a fleet is told, wherever it is started: program, arguments,
 * environment.
 *
 * Pure: starts nothing and asks nothing of the machine. local.h starts one here; what starts
 * them elsewhere, or writes them down for another supervisor, reads the same. */

#ifndef DEPLOY_SPEC_H
#define DEPLOY_SPEC_H

#include "deploy/plan.h"

#include <stddef.h>

struct endpoint;

enum { SPEC_ENVIRONMENT = 4 };

struct spec {
    enum plan_role role;
    int number; /* from 1, as plan_name has it; 0 for broker and learner, of which there is one */
    const struct plan *plan;
    const struct endpoint *fleet; /* where it joins */
    const char *key;              /* with this key: a file; the broker's: its keys folder */
    long cores;                   /* of its machine */
    bool again; /* it was started before: what it has begun goes on, it does not begin anew */
};

struct spec_told {
    char **word; /* [n_words] the program's name, then its arguments; NULL behind the last */
    size_t n_words;
    char *env[SPEC_ENVIRONMENT]; /* "NAME=value" over what is there, NULL-ended */
};

/* Of a worker of the user's: sh -c and its command. Release with spec_free. */
void spec_make(struct spec_told *out, const struct spec *spec);
void spec_free(struct spec_told *told);

/* One more word behind the others; takes it. */
void spec_add(struct spec_told *told, char *word);

#endif
