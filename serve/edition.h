/* edition: the served model in one version of its weights.
 *
 * A request is answered by one edition to its end. The newest gets what begins; an older one
 * stays as long as anything that it began is not done. */

#ifndef SERVE_EDITION_H
#define SERVE_EDITION_H

#include "lm/model/model.h"

#include <stdbool.h>
#include <stdint.h>

enum { EDITION_NAME = 96 };

struct edition_conf {
    const struct model *model; /* borrowed until `release` */
    const char *name; /* as answers and the log tell it, ≤ 95 bytes; "": they tell nothing */
    void (*release)(void *self); /* nobody uses the model any more; NULL: nothing to do */
    void *self;
};

struct edition {
    const struct model *model;
    char name[EDITION_NAME];
    int jobs; /* that it answers */
    struct edition *older;
    void (*release)(void *self);
    void *self;
};

/* In a list, the newest first. */
void edition_add(struct edition **newest, const struct edition_conf *conf);
int edition_count(const struct edition *newest);
/* Releases the older ones that answer nothing; with `all` each. */
void edition_sweep(struct edition **newest, bool all);

#endif
