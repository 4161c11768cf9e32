#include "learner/offline/sft.h"

#include "learner/objective/objective_sft.h"
#include "learner/offline/prepare.h"

#include <stdlib.h>
#include <string.h>

struct sft {
    struct keys keys;
    char *dataset_text_field, *truncation_mode, *packing_strategy, *loss_type;
    char *completion_only_loss, *eval_packing;
    bool shuffle_dataset, packing, padding_free, assistant_only_loss;
    double label_smoothing_factor;
    json_t *dataset_kwargs;
    struct objective_sft_conf objective;
};

static const struct conf_key table[] = {
    CONF_REAL(keys, learning_rate, "2e-5", 0, 1e3, "peak learning rate"),
    CONF_TEXT(sft, dataset_text_field, "text", "column of plain text"),
    CONF_TEXT(sft, truncation_mode, "keep_start", "keep_start: cut behind max_length"),
    CONF_BOOL(sft, shuffle_dataset, "false", "no effect: each epoch is shuffled anyway"),
    CONF_BOOL(sft, packing, "false", "no effect: batches are packed without padding"),
    CONF_TEXT(sft, packing_strategy, "bfd", "bfd: no effect, as packing"),
    CONF_TEXT(sft, eval_packing, NULL, "no effect, as packing"),
    CONF_BOOL(sft, padding_free, "false", "no effect: batches have no padding"),
    CONF_TEXT(sft, completion_only_loss, NULL,
              "learn completions only; unset: where there is a prompt"),
    CONF_BOOL(sft, assistant_only_loss, "false", "learn assistant turns only"),
    CONF_TEXT(sft, loss_type, "nll", "nll or dft"),
    CONF_REAL(sft, label_smoothing_factor, "0", 0, 0, "not available: only 0"),
    CONF_TREE(sft, dataset_kwargs, "skip_prepare_dataset: rows hold input_ids"),
    CONF_END};

static const struct conf_key *const tables[] = {table, keys_table_shared, keys_table_ignored,
                                                NULL};

static enum err check(void *method, struct prepare *out)
{
    struct sft *conf = method;
    struct objective_sft_conf *objective = &conf->objective;
    enum err err = conf_tristate(&out->rule.completion_only, "completion_only_loss",
                                 conf->completion_only_loss);

    if (err)
        return err;
    if (strcmp(conf->truncation_mode, "keep_start") != 0)
        return err_set(ERR_RANGE, "truncation_mode: '%s': only keep_start",
                       conf->truncation_mode);
    if (conf->packing && strcmp(conf->packing_strategy, "bfd") != 0)
        return err_set(ERR_RANGE,
                       "packing_strategy: '%s': only bfd (batches are packed without "
                       "padding; a record stays one sequence)",
                       conf->packing_strategy);
    objective->dft = !strcmp(conf->loss_type, "dft");
    if (!objective->dft && strcmp(conf->loss_type, "nll") != 0 &&
        strcmp(conf->loss_type, "chunked_nll") != 0)
        return err_set(ERR_RANGE, "loss_type: '%s': expected nll or dft", conf->loss_type);
    if (conf->packing)
        fprintf(stderr, "packing: no effect: batches are packed without padding\n");
    out->objective = &objective_sft;
    out->objective_conf = objective;
    out->head = HEAD_LM;
    out->encode = corpus_sft;
    out->rule.text_field = conf->dataset_text_field;
    out->rule.assistant_only = conf->assistant_only_loss;
    return OK;
}

const struct prepare_method sft_method = {
    .tables = tables, .size = sizeof(struct sft), .check = check};
