/* A list of two or three: what is new stands first and is never swept, since the next request is
 * its own; what stands behind it goes with its last job. Whoever holds the engine's lock calls
 * these; the model that is released is in no step then, for the calling thread makes them. */

#include "serve/edition.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

void edition_add(struct edition **newest, const struct edition_conf *conf)
{
    struct edition *edition = mem_new(1, sizeof *edition);

    edition->model = conf->model;
    edition->release = conf->release;
    edition->self = conf->self;
    snprintf(edition->name, sizeof edition->name, "%s", conf->name);
    edition->older = *newest;
    *newest = edition;
}

int edition_count(const struct edition *newest)
{
    int n = 0;

    for (; newest; newest = newest->older)
        n++;
    return n;
}

void edition_sweep(struct edition **newest, bool all)
{
    struct edition **at = newest;

    while (*at) {
        struct edition *const edition = *at;

        if (!all && (at == newest || edition->jobs)) {
            at = &edition->older;
            continue;
        }
        *at = edition->older;
        if (edition->release)
            edition->release(edition->self);
        free(edition);
    }
}
