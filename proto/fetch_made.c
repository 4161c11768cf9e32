/* A way, and the image that it is of, are pulled beside what is wanted: nobody but fetch_ways waits
 * for them, unless the owner wants the same bytes, whose pull then is not ended here. */

#include "proto/fetch_made.h"

static enum err want(void *self, const struct artifact *what)
{
    return fetch_wire_want(((struct fetch_made *)self)->wire, what);
}

static void drop(void *self, const struct hash *hash)
{
    const struct fetch_made *const made = self;

    if (!made->wanted(made->self, hash))
        fetch_wire_drop(made->wire, hash);
}

static void pause(void *self, const struct hash *of, bool on)
{
    struct blob_pull *const image = fetch_wire_pull(((struct fetch_made *)self)->wire, of);

    if (image)
        blob_pull_hold(image, on);
}

static enum err say(void *self, struct msg *msg)
{
    return fetch_wire_say(((struct fetch_made *)self)->wire, msg);
}

static void view(void *self, const struct hash *of, uint64_t *left, double *rate)
{
    const struct fetch_made *const made = self;
    const struct blob_pull *const image = fetch_wire_pull(made->wire, of);

    *left = image ? blob_pull_stats(image).missing * HASH_CHUNK : 0;
    *rate = fetch_wire_rate(made->wire);
}

static enum err rebuild(void *self, struct fetch_rebuild *job)
{
    const struct fetch_made *const made = self;

    return made->rebuild(made->owner, job);
}

void fetch_made_new(struct fetch_ways **out, struct fetch_made *made)
{
    const struct fetch_ways_conf conf = {want, drop, pause, say, view, rebuild, made};

    fetch_ways_new(out, &conf);
}
