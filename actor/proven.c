/* An image that has come goes to the compute thread, which reads a few tokens with it and gives the
 * number back. Only then is it said to be held: so no lease can name it before the broker has compared
 * that number with the learner's. */

#include "actor/proven.h"

#include "actor/compute_item.h"
#include "actor/weights.h"

static bool is_loaded(const struct actor_weights *weights, const struct version *v)
{
    for (uint32_t i = 0; i < weights->n_loaded; i++)
        if (weights->loaded[i].number == v->number &&
            hash_same(&weights->loaded[i].hash, &v->hash))
            return true;
    return false;
}

/* What went away since. */
static void trim(struct proven *p, const struct actor_weights *weights)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < p->n; i++)
        if (is_loaded(weights, &p->version[i])) {
            p->version[n] = p->version[i];
            p->golden[n++] = p->golden[i];
        }
    p->n = n;
}

/* One that was given up and came again is computed again: the same number in the same place. */
bool proven_add(struct proven *p, const struct actor_weights *weights,
                const struct compute_item *item)
{
    uint32_t at = 0;

    trim(p, weights);
    if (!is_loaded(weights, &item->version))
        return false;
    while (at < p->n && !(p->version[at].number == item->version.number &&
                          hash_same(&p->version[at].hash, &item->version.hash)))
        at++;
    if (at == p->n)
        p->n++; /* no more than are loaded: MAX_LIVE */
    p->version[at] = item->version;
    p->golden[at] = item->golden;
    return true;
}

uint32_t proven_list(struct proven *p, const struct actor_weights *weights,
                     const struct version **version, const uint32_t **golden)
{
    trim(p, weights);
    *version = p->version;
    *golden = p->golden;
    return p->n;
}
