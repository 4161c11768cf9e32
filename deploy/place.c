/* How it works: a machine's power is the rate that its actors were seen to have together; where
 * none was seen, its cores times the power of a core elsewhere. Actors are dealt out one by one,
 * each to the machine that has most power for each actor then (D'Hondt's rule), so the result is
 * proportional, whole, and the same for the same figures. */
#include "deploy/place.h"

#include <stdio.h>
#include <string.h>

enum err place_read(struct placing *out, const char *hosts)
{
    json_t *list = json_loads(hosts, 0, NULL), *one;
    size_t i;

    memset(out, 0, sizeof *out);
    if (!json_is_array(list)) {
        json_decref(list);
        return err_set(ERR_PARSE, "the broker's list of hosts is none");
    }
    json_array_foreach(list, i, one)
    {
        const char *name = json_string_value(json_object_get(one, "host"));
        struct place_host *host = &out->host[out->n];
        const json_int_t cores = json_integer_value(json_object_get(one, "cores"));
        const json_int_t actors = json_integer_value(json_object_get(one, "actors"));

        if (!name || !json_is_true(json_object_get(one, "supervised")) || out->n == PLACE_HOSTS)
            continue;
        snprintf(host->name, sizeof host->name, "%s", name);
        host->cores = cores > 0 && cores < 1 << 16 ? (int)cores : 0;
        host->actors = actors > 0 && actors < 1 << 16 ? (int)actors : 0;
        host->rate = json_real_value(json_object_get(one, "tokens_s"));
        out->n++;
    }
    json_decref(list);
    return OK;
}

/* One that does not say has at least one. */
static double cores_of(const struct place_host *host)
{
    return host->cores ? host->cores : 1;
}

/* Tokens a second of one core, where any was measured; 1 without. */
static double of_a_core(const struct placing *place)
{
    double rate = 0, cores = 0;

    for (int i = 0; i < place->n; i++)
        if (place->host[i].rate > 0) {
            rate += place->host[i].rate;
            cores += cores_of(&place->host[i]);
        }
    return cores > 0 ? rate / cores : 1;
}

enum err place_spread(struct placing *place, int n, bool force)
{
    const double core = of_a_core(place);
    double power[PLACE_HOSTS];

    if (!place->n)
        return err_set(ERR_STATE,
                       "no host has a supervisor: `drover up`, or start actors by hand");
    for (int i = 0; i < place->n; i++) {
        place->host[i].wanted = 0;
        power[i] =
            place->host[i].rate > 0 ? place->host[i].rate : core * cores_of(&place->host[i]);
    }
    for (int left = n; left > 0; left--) {
        int best = -1;

        for (int i = 0; i < place->n; i++)
            if ((force || place->host[i].wanted < cores_of(&place->host[i])) &&
                (best < 0 || power[i] / (place->host[i].wanted + 1) >
                                 power[best] / (place->host[best].wanted + 1)))
                best = i;
        if (best < 0)
            return err_set(
                ERR_RANGE,
                "actors: %d are %d more than all hosts have cores: force=true if that "
                "is meant",
                n, left);
        place->host[best].wanted++;
    }
    return OK;
}
