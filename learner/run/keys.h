/* keys: the configuration that the methods share, by TRL's names and defaults.
 *
 * A method's own struct begins with a struct keys, so that keys_table_shared fills both. In the
 * list of tables for conf_load the method's own table stands first: its defaults win. */

#ifndef LEARNER_RUN_KEYS_H
#define LEARNER_RUN_KEYS_H

#include "base/conf.h"
#include "data/dataset.h"
#include "data/order.h"
#include "lm/model/batch.h"
#include "lm/model/lora.h"
#include "lm/optim/optim.h"

struct keys {
    char *model_name_or_path, *model_revision, *output_dir, *run_name;
    char *dataset_name, *dataset_config, *dataset_train_split, *dataset_test_split, *format;
    char *labels;
    json_t *datasets;
    double test_split_size;
    bool strict;
    int per_device_train_batch_size, per_device_eval_batch_size, gradient_accumulation_steps;
    double num_train_epochs;
    int max_steps; /* -1: from the epochs */
    double learning_rate;
    char *lr_scheduler_type;
    json_t *lr_scheduler_kwargs;
    double warmup_steps, warmup_ratio;
    char *optim, *optim_args;
    double weight_decay, adam_beta1, adam_beta2, adam_epsilon, max_grad_norm;
    bool gradient_checkpointing;
    char *logging_strategy, *eval_strategy, *save_strategy;
    double logging_steps, eval_steps, save_steps, save_minutes;
    bool logging_first_step, logging_nan_inf_filter, eval_on_start, do_eval;
    double eval_delay;
    int save_total_limit;
    bool save_only_model, overwrite_output_dir;
    char *resume_from_checkpoint;
    int seed, data_seed, threads;
    char *train_sampling_strategy, *shuffle;
    bool dataloader_drop_last, disable_tqdm;
    int max_length; /* INT_MIN: no limit */
    char *compute, *dtype, *eos_token, *chat_template, *chat_template_path;
    json_t *chat_template_kwargs;
    char *max_memory;
    bool use_peft, use_rslora, use_dora, load_best_model_at_end, disable_dropout;
    char *metric_for_best_model, *greater_is_better;
    int lora_r;
    double lora_alpha, lora_dropout;
    json_t *lora_target_modules, *lora_target_parameters, *lora_modules_to_save;
    char *lora_task_type;
    double neftune_noise_alpha;
    json_t *env;
};

extern const struct conf_key keys_table_shared[];
extern const struct conf_key keys_table_ignored[]; /* no meaning on a fleet of CPUs */

/* What the words of struct keys mean, checked against one another. */
enum keys_when { KEYS_NO, KEYS_STEPS, KEYS_EPOCH, KEYS_BEST /* `save` alone */ };
struct keys_plan {
    enum keys_when logging, eval, save;
    enum order order;
    enum schedule schedule;
    size_t memory_bytes; /* what the run may hold */
    size_t memory_roomy; /* of it, up to what activations are kept instead of computed again */
    const char *memory_whose; /* by what: "max_memory", "this machine" */
    enum precision compute;   /* of the model, its reference and its critic */
    const char *dtype;        /* of the written model: "float32" or "bfloat16" */
    bool best, greater;       /* evaluations are compared; the greater figure is better */
    bool peft;                /* lora learns; its words are the keys' */
    struct lora_conf lora;
};
/* Errors: ERR_PARSE, ERR_RANGE naming the key. keys_length, with the number of records, follows. */
enum err keys_check(struct keys_plan *out, const struct keys *keys) MUST_CHECK;

/* How long a run is. */
struct keys_length {
    int64_t batches_per_epoch, steps_per_epoch, steps, warmup;
};
enum err keys_length(struct keys_length *out, const struct keys *keys, size_t rows) MUST_CHECK;

/* A number of steps: below 1 it is a share of all of them, rounded up; at least 1. */
int64_t keys_steps(double value, int64_t steps);

/* The rates of the run; lr_scheduler_kwargs included. Errors: ERR_RANGE, ERR_PARSE. */
enum err keys_schedule(struct schedule_plan *out, const struct keys *keys,
                       const struct keys_plan *plan,
                       const struct keys_length *length) MUST_CHECK;

struct adamw keys_adamw(const struct keys *keys);
/* What training goes by before its memory is planned (memory_plan_keep). */
struct train_options keys_training(const struct keys *keys);
/* The data set that the keys name. */
struct dataset_conf keys_dataset(const struct keys *keys);

/* "6GB", "512 MiB", "2e9" in bytes. Errors: ERR_PARSE. */
enum err keys_bytes(size_t *out, const char *text) MUST_CHECK;

/* Reads the command line (as config_tree_args) over `tables`; `conf` begins with a struct keys.
 * Errors as conf_load's. The tree that was read is handed back through `tree` (may be NULL). */
enum err keys_read(const struct conf_key *const *tables, void *conf, int argc, char **argv,
                   json_t **tree) MUST_CHECK;

/* Every key with its value (unset ones left out): for run.json and for telling two runs apart.
 */
json_t *keys_resolved(const struct conf_key *const *tables, const void *conf);

#endif
