/* How it works: keys_read fills a method's struct from the command line by its tables; then
 * keys_check reads the words among them once (an unknown one is an error that names the key), and
 * keys_length follows when the number of records is known. keys_resolved is the same walk over
 * the tables in the other direction: run.json, and telling whether a run is the one that it goes
 * on with. */
#include "learner/run/keys.h"

#include "data/format.h"

#include "base/amount.h"
#include "base/config_tree.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/memory_limit.h"
#include "base/repo.h"
#include "learner/run/keys_older.h"
#include "learner/run/rundir.h"
#include "lm/optim/optim_rule.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum err keys_bytes(size_t *out, const char *text)
{
    return amount_parse(out, text);
}

/* What became of a key that is read otherwise than it says. */
static void older(const char *key, const char *words)
{
    log_info("older", "key=%s: %s", key, words);
}

/* Only a checkpoint can wait for the best evaluation. */
static enum err when(enum keys_when *out, const char *key, const char *word)
{
    static const char *const words[] = {"no", "steps", "epoch", NULL};
    static const char *const of_save[] = {"no", "steps", "epoch", "best", NULL};
    int found = 0;
    const bool save = !strcmp(key, "save_strategy");
    const enum err err = conf_word(&found, key, word, save ? of_save : words);

    *out = (enum keys_when)found;
    return err;
}

static bool no(const char *word)
{
    return word &&
           (!strcasecmp(word, "false") || !strcasecmp(word, "no") || !strcmp(word, "0"));
}

static enum err check_names(struct keys_plan *out, const struct keys *keys)
{
    enum format format;

    if (!strcmp(keys->dtype, "bfloat16"))
        out->dtype = "bfloat16";
    else if (!strcmp(keys->dtype, "float32") || !strcmp(keys->dtype, "auto"))
        out->dtype = "float32";
    else
        return err_set(ERR_RANGE, "dtype: '%s': expected float32 or bfloat16", keys->dtype);
    if (precision_named(&out->compute, keys->compute))
        return ERR_RANGE;
    return keys->format ? format_named(&format, keys->format) : OK;
}

/* transformers reads them for some rules and passes them over for the others: so do we, aloud. */
static enum err check_optim_args(const struct keys *keys, enum optim_rule rule)
{
    const bool reads = rule == OPTIM_SGD || rule == OPTIM_RMSPROP || rule == OPTIM_ADAGRAD;
    const char *unread = NULL;
    struct optim_args args;
    enum err err = OK;

    if (reads)
        err = optim_rule_args(&args, &unread, rule, keys->optim_args);
    if (!err && unread)
        older("optim_args", "decay is set by weight_decay, not here");
    if (!reads && keys->optim_args && *keys->optim_args)
        older("optim_args", "read of sgd, rmsprop and adagrad; others are set by "
                            "learning_rate, weight_decay and adam_*");
    return err;
}

static enum err check_words(struct keys_plan *out, const struct keys *keys)
{
    enum optim_rule rule;
    enum err err = when(&out->logging, "logging_strategy", keys->logging_strategy);

    if (!err)
        err = when(&out->eval, "eval_strategy", keys->eval_strategy);
    if (!err)
        err = when(&out->save, "save_strategy", keys->save_strategy);
    if (!err)
        err = order_named(&out->order, keys->train_sampling_strategy);
    if (!err)
        err = optim_schedule(&out->schedule, keys->lr_scheduler_type);
    if (err)
        return err;
    if (no(keys->shuffle))
        out->order = ORDER_SEQUENTIAL;
    err = optim_rule_named(&rule, NULL, keys->optim);
    if (!err && strstr(keys->optim, "4bit"))
        older("optim", "moments are kept in float32, not in 4 bits; adamw_8bit has 8");
    if (!err)
        err = check_optim_args(keys, rule);
    return err ? err : check_names(out, keys);
}

/* Which evaluation a run ends with; the metric's name is compared with the first evaluation's
 * figures, for no one knows them before. */
static enum err check_best(struct keys_plan *out, const struct keys *keys)
{
    const char *metric = keys->metric_for_best_model ? keys->metric_for_best_model : "loss";
    const size_t n = strlen(metric);
    int greater;
    enum err err = conf_tristate(&greater, "greater_is_better", keys->greater_is_better);

    if (err)
        return err;
    out->best = keys->load_best_model_at_end || out->save == KEYS_BEST;
    /* transformers' rule: of what is called a loss the least is best. */
    out->greater = greater >= 0 ? greater : n < 4 || strcmp(metric + n - 4, "loss") != 0;
    if (!out->best && (keys->metric_for_best_model || greater >= 0))
        older("metric_for_best_model",
              "read with load_best_model_at_end: true or save_strategy: best");
    if (out->best && (out->eval == KEYS_NO || !keys->do_eval))
        return err_set(
            ERR_RANGE, "%s: needs evaluations to choose from: eval_strategy: steps or epoch",
            keys->load_best_model_at_end ? "load_best_model_at_end" : "save_strategy: best");
    return OK;
}

/* No word of `datasets`, a path or not, names what the run would replace. */
static enum err apart(const char *folder, const json_t *value)
{
    const char *path = json_string_value(value), *name;
    enum err err = path ? rundir_apart(folder, "dataset", path) : OK;
    json_t *item;

    for (size_t i = 0; i < json_array_size(value) && !err; i++)
        err = apart(folder, json_array_get(value, i));
    json_object_foreach((json_t *)(uintptr_t)value, name, item)
    {
        if (!err)
            err = apart(folder, item);
    }
    return err;
}

static enum err check_folder(const struct keys *keys)
{
    enum err err = rundir_check(keys->output_dir);

    if (!err)
        err = rundir_apart(keys->output_dir, "model", keys->model_name_or_path);
    if (!err && keys->dataset_name)
        err = rundir_apart(keys->output_dir, "dataset", keys->dataset_name);
    return err ? err : apart(keys->output_dir, keys->datasets);
}

/* A list of words, or one. */
static enum err module_words(const char *key, const json_t *tree, const char **out, int *n)
{
    const size_t count = json_is_array(tree) ? json_array_size(tree) : tree ? 1 : 0;

    *n = 0;
    if (count > LORA_WORDS)
        return err_set(ERR_RANGE, "%s: at most %d modules", key, LORA_WORDS);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_is_array(tree) ? json_array_get(tree, i) : tree;
        const char *word = json_string_value(item);

        if (json_is_null(item))
            continue;
        if (!word || !*word || strpbrk(word, " ,"))
            return err_set(ERR_PARSE, "%s: expected a list such as [q_proj, v_proj]", key);
        out[(*n)++] = word;
    }
    return OK;
}

static enum err check_task(const char *task)
{
    static const char *const known[] = {"CAUSAL_LM", "SEQ_CLS", "TOKEN_CLS"};

    for (size_t i = 0; task && i < sizeof known / sizeof *known; i++)
        if (!strcmp(task, known[i]))
            return OK;
    return task ? err_set(ERR_RANGE,
                          "lora_task_type: '%s': expected CAUSAL_LM, SEQ_CLS or "
                          "TOKEN_CLS",
                          task)
                : OK;
}

/* What the LoRA keys mean; its words are borrowed from the keys. */
static enum err check_lora(struct keys_plan *out, const struct keys *keys)
{
    struct lora_conf *lora = &out->lora;
    enum err err;

    out->peft = keys->use_peft;
    if (!keys->use_peft)
        return OK;
    if (keys->use_dora)
        return err_set(ERR_RANGE, "use_dora: not available; set it to false");
    if (keys->lora_target_parameters && !json_is_null(keys->lora_target_parameters))
        return err_set(ERR_RANGE, "lora_target_parameters: not available; name modules in "
                                  "lora_target_modules");
    *lora = (struct lora_conf){.r = keys->lora_r,
                               .alpha = keys->lora_alpha,
                               .dropout = keys->disable_dropout ? 0 : keys->lora_dropout,
                               .rslora = keys->use_rslora};
    err = check_task(keys->lora_task_type);
    if (!err)
        err = module_words("lora_target_modules", keys->lora_target_modules, lora->target,
                           &lora->targets);
    if (!err)
        err = module_words("lora_modules_to_save", keys->lora_modules_to_save, lora->save,
                           &lora->saves);
    return err;
}

/* What is here, or less by the key; more only than a machine, which may swap: a group's bound is
 * one at which the kernel kills. */
static enum err check_memory(struct keys_plan *out, const struct keys *keys)
{
    struct memory_limit here;
    size_t asked = 0;

    memory_limit_look(&here);
    out->memory_bytes = here.bytes;
    out->memory_whose = here.grouped ? "this container or control group" : "this machine";
    out->memory_roomy = here.bytes / 2; /* others run here, too */
    if (!keys->max_memory)
        return OK;
    if (keys_bytes(&asked, keys->max_memory))
        return err_add("max_memory");
    if (here.grouped && asked > here.bytes) {
        older("max_memory", "more than this container or control group may use: that counts");
        return OK;
    }
    out->memory_bytes = out->memory_roomy = asked;
    out->memory_whose = "max_memory";
    return OK;
}

enum err keys_check(struct keys_plan *out, const struct keys *keys)
{
    enum err err;

    memset(out, 0, sizeof *out);
    if (!keys->model_name_or_path)
        return err_set(ERR_PARSE, "model_name_or_path is missing");
    if (!keys->dataset_name && !keys->datasets)
        return err_set(ERR_PARSE,
                       "dataset_name is missing: a file, a folder or owner/name on the hub");
    err = check_folder(keys);
    if (!err)
        err = check_words(out, keys);
    if (!err)
        err = check_best(out, keys);
    if (!err)
        err = check_lora(out, keys);
    return err ? err : check_memory(out, keys);
}

int64_t keys_steps(double value, int64_t steps)
{
    const double n = value < 1 ? ceil(value * (double)steps) : floor(value);

    return n < 1 ? 1 : (int64_t)n;
}

enum err keys_length(struct keys_length *out, const struct keys *keys, size_t rows)
{
    const int64_t n = (int64_t)rows, batch = keys->per_device_train_batch_size;
    const int64_t accumulate = keys->gradient_accumulation_steps;
    const double warmup = keys->warmup_steps > 0
                              ? keys->warmup_steps
                              : (conf_has_real(keys->warmup_ratio) ? keys->warmup_ratio : 0);

    out->batches_per_epoch = keys->dataloader_drop_last ? n / batch : (n + batch - 1) / batch;
    if (out->batches_per_epoch < 1)
        return err_set(ERR_RANGE, "%zu records make no batch of %d", rows, (int)batch);
    out->steps_per_epoch = (out->batches_per_epoch + accumulate - 1) / accumulate;
    if (keys->max_steps > 0)
        out->steps = keys->max_steps;
    else
        out->steps = (int64_t)ceil(keys->num_train_epochs * (double)out->steps_per_epoch);
    if (out->steps < 1)
        return err_set(ERR_RANGE, "num_train_epochs: %g gives no step", keys->num_train_epochs);
    out->warmup =
        warmup < 1 ? (int64_t)ceil(warmup * (double)out->steps) : (int64_t)floor(warmup);
    return OK;
}

static enum err argument(struct schedule_plan *plan, const char *name, const json_t *value)
{
    const struct {
        const char *name;
        double *at;
    } numbers[] = {{"num_cycles", &plan->num_cycles},
                   {"lr_end", &plan->lr_end},
                   {"power", &plan->power},
                   {"min_lr", &plan->min_lr},
                   {"min_lr_rate", &plan->min_lr_rate},
                   {"timescale", &plan->timescale},
                   {"warmup_lr_rate", &plan->warmup_lr_rate},
                   {"num_decay_steps", &plan->num_decay_steps},
                   {"num_stable_steps", &plan->num_stable_steps},
                   {"min_lr_ratio", &plan->min_lr_ratio}};
    const char *text = json_string_value(value);
    char *end = NULL;

    if (text && !strcmp(name, "warmup_type"))
        return optim_ramp(&plan->warmup_type, text);
    if (text && !strcmp(name, "decay_type"))
        return optim_ramp(&plan->decay_type, text);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (!strcmp(name, numbers[i].name)) {
            *numbers[i].at = text ? strtod(text, &end) : NAN;
            if (!text || end == text || *end || !isfinite(*numbers[i].at))
                return err_set(ERR_PARSE, "%s is not a number", name);
            return OK;
        }
    return err_set(ERR_PARSE, "'%s': no such argument of a schedule", name);
}

enum err keys_schedule(struct schedule_plan *out, const struct keys *keys,
                       const struct keys_plan *plan, const struct keys_length *length)
{
    const char *name;
    json_t *value;
    enum err err = OK;

    *out = optim_plan(plan->schedule, keys->learning_rate, length->warmup, length->steps);
    if (keys->lr_scheduler_kwargs && !json_is_object(keys->lr_scheduler_kwargs))
        return err_set(ERR_PARSE, "lr_scheduler_kwargs: expected a map");
    json_object_foreach(keys->lr_scheduler_kwargs, name, value)
    {
        err = argument(out, name, value);
        if (err)
            return err_add("lr_scheduler_kwargs");
    }
    return optim_plan_check(out);
}

/* keys_check read the name; what it refused gets no further than there. */
struct adamw keys_adamw(const struct keys *keys)
{
    struct adamw out = {.beta1 = keys->adam_beta1,
                        .beta2 = keys->adam_beta2,
                        .epsilon = keys->adam_epsilon,
                        .weight_decay = keys->weight_decay,
                        .rule = OPTIM_ADAMW};

    if (optim_rule_named(&out.rule, NULL, keys->optim))
        out.rule = OPTIM_ADAMW;
    if (optim_rule_args(&out.args, NULL, out.rule, keys->optim_args))
        out.args = (struct optim_args){0};
    return out;
}

struct train_options keys_training(const struct keys *keys)
{
    struct train_options out = {.checkpointing = keys->gradient_checkpointing};
    enum optim_rule rule;

    if (optim_rule_named(&rule, &out.eight, keys->optim))
        out.eight = false;
    return out;
}

struct dataset_conf keys_dataset(const struct keys *keys)
{
    return (struct dataset_conf){
        .name = keys->dataset_name,
        .config = keys->dataset_config,
        .mixture = keys->datasets,
        .train = keys->dataset_train_split,
        .test = keys->dataset_test_split,
        .test_size = keys->test_split_size,
        .labels = keys->labels,
        .format = keys->format && strcmp(keys->format, "hh") ? keys->format : NULL,
        .strict = keys->strict,
        .seed = (uint64_t)keys->seed,
        .folder = keys->output_dir,
    };
}

static void ignored(const char *key, const char *why)
{
    log_info("ignored", "key=%s reason=\"%s\"", key, why);
}

/* From here on the name says its revision itself; of a path there is none. */
static void take_revision(struct keys *keys)
{
    char *path = keys->model_name_or_path;

    if (!path || !keys->model_revision || !strcmp(keys->model_revision, "main"))
        return;
    if (fs_exists(path)) {
        ignored("model_revision", "the model is a local path");
        return;
    }
    keys->model_name_or_path = repo_at(path, keys->model_revision);
    free(path);
}

enum err keys_read(const struct conf_key *const *tables, void *conf, int argc, char **argv,
                   json_t **tree)
{
    json_t *root = json_object();
    enum err err = config_tree_args(root, argc, argv);

    if (!err)
        err = keys_older(root, tables, older);
    if (!err)
        err = conf_load(tables, conf, root, ignored);
    if (!err)
        take_revision(conf);
    if (err || !tree)
        json_decref(root);
    else
        *tree = root;
    return err;
}

static json_t *value_of(const struct conf_key *key, const void *conf)
{
    const void *at = (const char *)conf + key->offset;

    switch (key->type) {
    case CONF_TEXT_:
        return *(char *const *)at ? json_string(*(char *const *)at) : NULL;
    case CONF_INT_:
        return conf_has_int(*(const int *)at) ? json_integer(*(const int *)at) : NULL;
    case CONF_REAL_:
        return conf_has_real(*(const double *)at) ? json_real(*(const double *)at) : NULL;
    case CONF_BOOL_:
        return json_boolean(*(const bool *)at);
    case CONF_WORD_:
        return *(const int *)at >= 0 ? json_string(key->words[*(const int *)at]) : NULL;
    case CONF_TREE_:
        return json_incref(*(json_t *const *)at);
    default:
        return NULL;
    }
}

json_t *keys_resolved(const struct conf_key *const *tables, const void *conf)
{
    json_t *out = json_object();

    for (; *tables; tables++)
        for (const struct conf_key *k = *tables; k->name; k++) {
            json_t *value = json_object_get(out, k->name) ? NULL : value_of(k, conf);
            if (value)
                json_object_set_new(out, k->name, value);
        }
    return out;
}
