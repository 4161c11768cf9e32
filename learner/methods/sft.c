/* sft: supervised fine-tuning on demonstrations, by TRL's keys and defaults. */
#include "base/log.h"
#include "learner/corpus/corpus_read.h"
#include "learner/objective/objective_sft.h"
#include "learner/offline/prepare.h"

#include <stdlib.h>
#include <string.h>

struct sft {
    struct keys keys;
    char *dataset_text_field, *truncation_mode;
    int packing_strategy, loss_type;
    char *completion_only_loss, *eval_packing;
    bool shuffle_dataset, packing, padding_free, assistant_only_loss;
    double label_smoothing_factor;
    json_t *dataset_kwargs;
    struct objective_sft_conf loss;
};

static const char *const strategies[] = {"bfd", "bfd_split", "wrapped", NULL};
enum { LOSS_DFT = 1 };
static const char *const loss_types[] = {"nll", "dft", "chunked_nll", NULL};

static const struct conf_key table[] = {
    CONF_REAL(keys, learning_rate, "2e-5", 0, 1e3, "peak learning rate"),
    CONF_TEXT(sft, dataset_text_field, "text", "column of plain text"),
    CONF_TEXT(sft, truncation_mode, "keep_start", "keep_start: cut behind max_length"),
    CONF_BOOL(sft, shuffle_dataset, "false", "no effect: each epoch is shuffled anyway"),
    CONF_BOOL(sft, packing, "false", "a batch counts rows of max_length with several records"),
    CONF_WORD(sft, packing_strategy, strategies, "bfd", "bfd, bfd_split or wrapped"),
    CONF_TEXT(sft, eval_packing, NULL, "the same for the evaluation; unset: as packing"),
    CONF_BOOL(sft, padding_free, "false", "no effect: batches have no padding"),
    CONF_TEXT(sft, completion_only_loss, NULL,
              "learn completions only; unset: where there is a prompt"),
    CONF_BOOL(sft, assistant_only_loss, "false", "learn assistant turns only"),
    CONF_WORD(sft, loss_type, loss_types, "nll", "nll or dft"),
    CONF_REAL(sft, label_smoothing_factor, "0", 0, 1,
              "share of a label's weight that all tokens divide among them; loss_type nll"),
    CONF_TREE(sft, dataset_kwargs, "skip_prepare_dataset: rows hold input_ids"),
    CONF_END};

static const struct conf_key *const tables[] = {table, keys_table_shared, keys_table_ignored,
                                                NULL};

/* Held-out records may be packed otherwise than the training's (eval_packing); unset, alike. */
static enum err packing(const struct sft *conf, struct prepare *out)
{
    const enum corpus_packing how = CORPUS_BFD + (enum corpus_packing)conf->packing_strategy;
    int test;
    const enum err err = conf_tristate(&test, "eval_packing", conf->eval_packing);

    if (err)
        return err;
    test = test < 0 ? conf->packing : test;
    if ((conf->packing || test) &&
        (!conf_has_int(conf->keys.max_length) || conf->keys.max_length < 1))
        return err_set(ERR_RANGE, "packing: needs max_length, the tokens of a row");
    if (conf->packing)
        out->rule.packing = how;
    if (test)
        out->packing_test = how;
    return OK;
}

/* TRL reads one word of it; what older versions read is said to have no effect. */
static void tell_kwargs(const struct sft *conf)
{
    const char *word;
    json_t *value;

    json_object_foreach(conf->dataset_kwargs, word, value)
    {
        if (strcmp(word, "skip_prepare_dataset") != 0)
            log_info("ignored",
                     "key=dataset_kwargs.%s reason=\"texts and templates are "
                     "read as they are, ends as eos_token says\"",
                     word);
    }
}

static enum err check(void *method, struct prepare *out)
{
    struct sft *conf = method;
    enum err err = conf_tristate(&out->rule.completion_only, "completion_only_loss",
                                 conf->completion_only_loss);

    if (err)
        return err;
    if (strcmp(conf->truncation_mode, "keep_start") != 0)
        return err_set(ERR_RANGE, "truncation_mode: '%s': only keep_start",
                       conf->truncation_mode);
    conf->loss.dft = conf->loss_type == LOSS_DFT;
    /* TRL's rule: another loss_type never looks at it, and says nothing of that. */
    if (conf->loss.dft && conf->label_smoothing_factor > 0)
        log_info("ignored", "key=label_smoothing_factor reason=\"of loss_type nll alone\"");
    else
        conf->loss.smoothing = conf->label_smoothing_factor;
    err = packing(conf, out);
    if (err)
        return err;
    tell_kwargs(conf);
    out->objective = &objective_sft;
    out->objective_conf = &conf->loss;
    out->head = HEAD_LM;
    out->encode = corpus_read_sft;
    out->rule.text_field = conf->dataset_text_field;
    out->rule.assistant_only = conf->assistant_only_loss;
    return OK;
}

const struct method sft_method = {
    .name = "sft",
    .help = "supervised fine-tuning on texts, dialogues or demonstrations",
    .tables = tables,
    .size = sizeof(struct sft),
    .check = check};
