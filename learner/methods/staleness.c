/* Each key by itself, before the method is asked; what follows of them for importance and for comparing bits
 * is fleet_keys.c's, and what a method refuses its own. */

#include "learner/methods/staleness.h"

#include "proto/limit.h"

#include <stdlib.h>
#include <string.h>

enum err staleness_overlap(uint64_t *lag, bool *any, const json_t *overlap)
{
    const char *word = json_string_value(overlap);
    const char *older = json_string_value(json_object_get(overlap, "lag"));
    const char *loose = json_string_value(json_object_get(overlap, "free"));
    const char *const number = older ? older : loose;
    char *end = NULL;
    long k = 0;

    if (!overlap || (word && !strcmp(word, "none")))
        return OK;
    if (number)
        k = strtol(number, &end, 10);
    if (json_object_size(overlap) != 1 || !number || end == number || *end || k < 0 ||
        k > MAX_LAG)
        return err_set(ERR_RANGE,
                       "overlap: expected none, {lag: k} or {free: k} with k up to %d",
                       MAX_LAG);
    *lag = (uint64_t)k;
    *any = loose != NULL;
    return OK;
}

/* Of the published bfloat16 alone can int8 be made, and nothing else of int8. */
enum err staleness_generation(bool *answers_int8, const char *generation,
                              enum precision compute)
{
    enum precision as = compute;

    if (generation && precision_named(&as, generation))
        return err_add("generation");
    *answers_int8 = as != compute;
    if (as == compute || (as == PRECISION_INT8 && compute == PRECISION_BFLOAT16))
        return OK;
    return err_set(ERR_RANGE,
                   "generation: %s of a run with compute: %s: int8 alone is another than "
                   "compute, and that is made of bfloat16",
                   precision_name(as), precision_name(compute));
}
