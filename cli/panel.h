/* panel: the world's annotators: three of the five see each pair, the majority decides. */

#ifndef CLI_PANEL_H
#define CLI_PANEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct panel {
    uint64_t seed;
    long pairs;            /* decided so far */
    long agreed, compared; /* pairs of annotators who saw the same pair */
    long right, clear;     /* decisions that follow the hidden utility, where it differs */
};

struct panel_pair {
    const char *first, *second;           /* answers */
    bool first_finished, second_finished; /* ended by themselves */
};

/* The decision about pair number `pair` as a preference row: {"prompt", "chosen", "rejected"}.
 */
json_t *panel_choose(struct panel *panel, uint32_t pair, int question, const char *prompt,
                     const struct panel_pair *answers);

/* One line: how far they agree, with each other and with the hidden utility. */
void panel_tell(const struct panel *panel);

#endif
