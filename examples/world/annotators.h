/* panel: the world's annotators: three of the five see each pair, the majority decides. */

#ifndef EXAMPLES_ANNOTATORS_H
#define EXAMPLES_ANNOTATORS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct annotators {
    uint64_t seed;
    long pairs;            /* decided so far */
    long agreed, compared; /* pairs of annotators who saw the same pair */
    long right, clear;     /* decisions that follow the hidden utility, where it differs */
};

struct annotators_pair {
    const char *first, *second;           /* answers */
    bool first_finished, second_finished; /* ended by themselves */
};

/* The decision about pair number `pair` as a preference row: {"prompt", "chosen", "rejected"}.
 */
json_t *annotators_choose(struct annotators *panel, uint32_t pair, int question,
                          const char *prompt, const struct annotators_pair *answers);

/* One line: how far they agree, with each other and with the hidden utility. */
void annotators_tell(const struct annotators *panel);

#endif
