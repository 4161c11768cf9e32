/* How it works: two tables that the methods put behind their own (their defaults win), and two
 * functions that their check calls: what every one of them asks of records and model, and, for
 * those that have one, how the reference's log-probabilities are had. They are made beforehand
 * unless the reference moves: a figure made once is the one that a pass beside the training
 * would give, bit for bit. */
#include "learner/methods/direct.h"
#include "learner/corpus/corpus_answers.h"

#include <string.h>

const struct conf_key direct_table[] = {
    CONF_REAL(keys, learning_rate, "1e-6", 0, 1e3, "peak learning rate"),
    CONF_BOOL(keys, disable_dropout, "true", "lora_dropout counts as 0"),
    CONF_TEXT(direct_keys, truncation_mode, "keep_start", "keep_start: cut behind max_length"),
    CONF_BOOL(direct_keys, padding_free, "false", "no effect: batches have no padding"),
    CONF_BOOL(direct_keys, assistant_only_loss, "false",
              "of answers of several turns learn what the assistant says (TRL: all)"),
    CONF_BOOL(direct_keys, share_prompt, "true", "compute a pair's prompt once"),
    CONF_IGNORED("max_completion_length",
                 "of models with an encoder: max_length cuts prompt and answer together"),
    CONF_IGNORED("generate_during_eval",
                 "an evaluation gives means; `drover generate` and `eval win` make answers"),
    CONF_IGNORED("is_encoder_decoder", "models are decoders"),
    CONF_END};

const struct conf_key direct_table_reference[] = {
    CONF_TEXT(direct_keys, precompute_ref_log_probs, NULL,
              "make the reference's figures beforehand; unset: when it does not move"),
    CONF_INT(direct_keys, precompute_ref_batch_size, "", 1, 65536,
             "records a batch beforehand; per_device_train_batch_size unset"),
    CONF_TEXT(direct_keys, precompute_ref_cache, NULL,
              "folder that keeps these figures; output_dir/reference unset"),
    CONF_BOOL(direct_keys, sync_ref_model, "false", "the reference follows the policy"),
    CONF_REAL(direct_keys, ref_model_mixup_alpha, "0.6", 0, 1,
              "the policy's share in the reference when it follows"),
    CONF_INT(direct_keys, ref_model_sync_steps, "512", 1, 1000000000,
             "steps between two times that it follows"),
    CONF_END};

enum err direct_check(struct prepare *out, const struct direct_keys *keys)
{
    if (strcmp(keys->truncation_mode, "keep_start") != 0)
        return err_set(ERR_RANGE, "truncation_mode: '%s': only keep_start",
                       keys->truncation_mode);
    out->head = HEAD_LM;
    out->encode = corpus_answers_pairs;
    out->rule.text_field = "text";
    /* Noise on the embeddings is drawn for each answer's sequence: then a prompt is not one. */
    out->rule.share = keys->share_prompt && !(keys->keys.neftune_noise_alpha > 0);
    out->rule.assistant_only = keys->assistant_only_loss;
    return OK;
}

/* Unset is neither true nor false: beforehand, unless the reference moves. */
enum err direct_reference(struct reference_conf *out, const struct direct_keys *keys)
{
    int before;
    enum err err =
        conf_tristate(&before, "precompute_ref_log_probs", keys->precompute_ref_log_probs);

    if (err)
        return err;
    if (keys->sync_ref_model && before == 1)
        return err_set(ERR_RANGE, "sync_ref_model: the reference moves, so its "
                                  "log-probabilities cannot be made beforehand: set "
                                  "precompute_ref_log_probs to false");
    *out = (struct reference_conf){
        .live = keys->sync_ref_model || !before,
        .follow = {keys->ref_model_mixup_alpha,
                   keys->sync_ref_model ? keys->ref_model_sync_steps : 0},
        .batch = conf_has_int(keys->precompute_ref_batch_size)
                     ? keys->precompute_ref_batch_size
                     : keys->keys.per_device_train_batch_size,
        .folder = keys->precompute_ref_cache,
    };
    return OK;
}
