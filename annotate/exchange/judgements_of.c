/* All that judgements_walk gives, into memory. */

#include "annotate/exchange/judgements_of.h"

#include "annotate/exchange/judgements_walk.h"
#include "base/say.h"
#include "prefs/prefs.h"

#include <stdio.h>

static enum err add(void *self, const struct judgements_said *said)
{
    return judgements_add(self, said);
}

enum err judgements_of(struct judgements *out, struct prefs *prefs, size_t *other)
{
    struct judgements_walk *walk = judgements_walk_new(prefs, add, out);
    bool more = true;
    enum err err = OK;

    while (!err && more)
        err = judgements_walk_on(walk, &more);
    if (other)
        *other = judgements_walk_other(walk);
    judgements_walk_free(walk);
    return err;
}

enum err judgements_of_file(struct judgements *out, const char *path)
{
    struct prefs *prefs;
    size_t other = 0;
    enum err err = prefs_open(&prefs, path, PREFS_READ);

    if (err)
        return err;
    err = judgements_of(out, prefs, &other);
    prefs_close(prefs);
    if (!err && other)
        say(stderr,
            "agreement: %s: %zu judgements of rankings, steps and rewrites are no pairs\n",
            path, other);
    return err ? err : judgements_end(out);
}
