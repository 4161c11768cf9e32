/* convert: records of one of TRL's kinds as records of another. */

#ifndef DATA_CONVERT_H
#define DATA_CONVERT_H

#include "data/record_kind.h"

struct convert_rule {
    enum record_kind to;
    const char *separator; /* between steps: "\n" */
    size_t pairs;          /* unpaired to preference: most pairs of one prompt */
};

/* Appends what `row` gives (none, one or two records) to the list `out`. Other columns go
 * along. Errors: ERR_PARSE; ERR_RANGE when there is no way from its kind to that kind. */
enum err convert_row(json_t *out, const json_t *row,
                     const struct convert_rule *rule) MUST_CHECK;

/* Pairs of a right and a wrong answer to the same prompt (the same `task_id`, where there is
 * one) out of a list of unpaired records, in their order. Appends them to `out`. */
enum err convert_pair(json_t *out, const json_t *unpaired,
                      const struct convert_rule *rule) MUST_CHECK;

#endif
