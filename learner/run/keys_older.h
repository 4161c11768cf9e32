/* keys_older: keys of older TRL, of transformers 4 and of the alignment handbook, as today's. */

#ifndef LEARNER_RUN_KEYS_OLDER_H
#define LEARNER_RUN_KEYS_OLDER_H

#include "base/conf.h"

/* Rewrites them in place in a tree as config_tree reads it: torch_dtype, max_seq_length,
 * evaluation_strategy, group_by_length, adafactor, packing_strategy: ffd, rpo_alpha,
 * dataset_mixture, dataset_mixer with its splits and configurations, no_KEY for a
 * truth of the method's and others. What a table of the method has is left to it, and a value
 * of today's key wins over one of its older name. `told` (may be NULL) hears each key once and
 * what became of it. Errors: ERR_PARSE, ERR_RANGE; the words name the key. */
enum err keys_older(json_t *tree, const struct conf_key *const *tables,
                    void (*told)(const char *key, const char *words)) MUST_CHECK;

#endif
