/* direct: what the commands share that learn from preferences without a reward model.
 *
 * Keys, names and defaults are TRL's. drover's own: share_prompt, precompute_ref_cache,
 * assistant_only_loss (of both answers, where TRL learns all that follows the prompt); and
 * precompute_ref_log_probs may be left unset, which makes the reference's figures beforehand
 * whenever the reference stays what it is (the same bits as a forward pass beside the training,
 * and no second model in memory). */

#ifndef LEARNER_METHODS_DIRECT_H
#define LEARNER_METHODS_DIRECT_H

#include "learner/offline/prepare.h"

/* A method's own struct begins with it. */
struct direct_keys {
    struct keys keys;
    char *truncation_mode;
    bool padding_free, share_prompt, assistant_only_loss;
    char *precompute_ref_log_probs, *precompute_ref_cache;
    int precompute_ref_batch_size, ref_model_sync_steps;
    bool sync_ref_model;
    double ref_model_mixup_alpha;
};

extern const struct conf_key direct_table[];           /* every direct method */
extern const struct conf_key direct_table_reference[]; /* those with a reference */

/* The beginning of a method's check: pairs under a language head, and the rule for them.
 * Errors: ERR_RANGE, naming the key. */
enum err direct_check(struct prepare *out, const struct direct_keys *keys) MUST_CHECK;

/* How the reference is had. Errors: ERR_RANGE, ERR_PARSE, naming the key. */
enum err direct_reference(struct reference_conf *out,
                          const struct direct_keys *keys) MUST_CHECK;

#endif
