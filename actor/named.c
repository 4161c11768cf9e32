/* Nobody leases a sample to who lacks its weights, so what tasks name has to come by itself. One
 * place is left free: the newest has to fit beside them, or the two would drive each other out. */

#include "actor/named.h"

#include "actor/weights.h"

void named_take(struct named_versions *named, const struct version *version, uint32_t n,
                struct actor_weights *weights)
{
    named->n = n < MAX_LIVE - 1 ? n : MAX_LIVE - 1;
    for (uint32_t i = 0; i < named->n; i++) {
        named->version[i] = version[i];
        weights_want(weights, &version[i]);
    }
}

bool named_has(const struct named_versions *named, const struct version *version)
{
    for (uint32_t i = 0; i < named->n; i++)
        if (named->version[i].number == version->number &&
            hash_same(&named->version[i].hash, &version->hash))
            return true;
    return false;
}
