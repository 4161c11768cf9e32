/* An adapter is read in two steps: its configuration when it is opened (adapter_open), its
 * tensors when there is a base to lay them on (adapter_load); model_files opens the base in
 * between.
 *
 * Which weights have a pair is asked of the file itself (kind_of) and not of target_modules,
 * whose rules (ends of names, patterns, "all-linear") are PEFT's own. lora then makes the list
 * of tensors that such an adapter has, and check_tensors holds the file against it both ways:
 * each is there in its shape, none is left over. All of this is done on an outline, before
 * memory for weights is taken. Last, where the file says the hash of its base, the base must be
 * that one. */

#include "lm/file/adapter.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/repo.h"
#include "lm/file/grouped.h"
#include "lm/file/hfconfig.h"
#include "lm/file/safetensors.h"
#include "lm/file/source.h"
#include "lm/file/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIG_BYTES = 4 << 20, WORD = 200 };

/* PEFT's names of what the model underneath does. */
static const char *const tasks[] = {
    [HEAD_LM] = "CAUSAL_LM", [HEAD_SCALAR] = "SEQ_CLS", [HEAD_STEP] = "TOKEN_CLS"};
/* PEFT wraps a model twice: names of all its tensors begin with both wrappers. */
static const char prefix[] = "base_model.model.";

struct adapter {
    char *folder, *base, *revision; /* of the base, where that is a name on a hub */
    struct lora_conf conf;
    enum head head;
    bool turned; /* fan_in_fan_out */
    struct safetensors *file;
};

bool adapter_is(const char *folder)
{
    char *path = mem_print("%s/adapter_config.json", folder);
    const bool there = fs_exists(path);

    free(path);
    return there;
}

/* ---- the configuration */

/* PEFT writes every key that it knows, and an unused one as any of these. */
static bool empty(const json_t *value)
{
    return !value || json_is_null(value) || json_is_false(value) ||
           (json_is_object(value) && !json_object_size(value)) ||
           (json_is_array(value) && !json_array_size(value));
}

/* Keys that must say nothing, because what they ask for is not done here. */
static enum err refuse_others(const json_t *config, const char *name)
{
    static const char *const keys[] = {"use_dora",
                                       "lora_bias",
                                       "rank_pattern",
                                       "alpha_pattern",
                                       "trainable_token_indices",
                                       "use_qalora",
                                       "target_parameters",
                                       "alora_invocation_tokens",
                                       "layer_replication",
                                       "arrow_config",
                                       "use_bdlora",
                                       "velora_config",
                                       "monteclora_config",
                                       "kasa_config"};
    /* by their beginnings: pissa_niter_16. They take what A and B start from out of the base's
     * weights, and the base that is named here still has it */
    static const char *const inits[] = {"pissa", "olora", "corda", "loftq", "lora_ga"};
    const char *bias = json_string_value(json_object_get(config, "bias"));
    const char *init = json_string_value(json_object_get(config, "init_lora_weights"));

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!empty(json_object_get(config, keys[i])))
            return err_set(ERR_RANGE, "%s: %s: adapters with it are not read", name, keys[i]);
    if (bias && strcmp(bias, "none") != 0)
        return err_set(ERR_RANGE, "%s: bias: only none is read", name);
    for (size_t i = 0; init && i < sizeof inits / sizeof *inits; i++)
        if (!strncmp(init, inits[i], strlen(inits[i])))
            return err_set(ERR_RANGE,
                           "%s: init_lora_weights: %s changes the base: such adapters are not "
                           "read",
                           name, inits[i]);
    return OK;
}

/* No task_type: a language model; whether that is true, the tensors say later. */
static enum err take_task(struct adapter *a, const json_t *config, const char *name)
{
    const char *type = json_string_value(json_object_get(config, "peft_type"));
    const char *task = json_string_value(json_object_get(config, "task_type"));
    char shown[SOURCE_SHOWN];

    if (!type || strcmp(type, "LORA") != 0)
        return err_set(ERR_RANGE, "%s: peft_type: only LORA is read, not '%s'", name,
                       source_shown(shown, type ? type : "", type ? strlen(type) : 0));
    a->head = HEAD_LM;
    for (int head = 0; task && head <= HEAD_STEP; head++)
        if (!strcmp(task, tasks[head])) {
            a->head = (enum head)head;
            return OK;
        }
    return task ? err_set(ERR_RANGE,
                          "%s: task_type: '%s': expected CAUSAL_LM, SEQ_CLS or TOKEN_CLS", name,
                          source_shown(shown, task, strlen(task)))
                : OK;
}

static enum err take_numbers(struct adapter *a, const json_t *config, const char *name)
{
    const json_t *r = json_object_get(config, "r"),
                 *alpha = json_object_get(config, "lora_alpha"),
                 *dropout = json_object_get(config, "lora_dropout");
    const json_int_t rank = json_is_integer(r) ? json_integer_value(r) : 0;

    if (rank < 1 || rank > LORA_RANK)
        return err_set(ERR_RANGE, "%s: r: not a whole number in 1..%d", name, LORA_RANK);
    if (!json_is_number(alpha))
        return err_set(ERR_RANGE, "%s: lora_alpha: not a number", name);
    a->conf.r = (int)rank;
    a->conf.alpha = json_number_value(alpha);
    a->conf.dropout = json_is_number(dropout) ? json_number_value(dropout) : 0;
    a->turned = json_is_true(json_object_get(config, "fan_in_fan_out"));
    a->conf.rslora = json_is_true(json_object_get(config, "use_rslora"));
    return OK;
}

/* The type before all else, so that another method's adapter is named as such and not by the
 * first of its keys that is strange here. */
static enum err read_config(struct adapter *a)
{
    char *path = mem_print("%s/adapter_config.json", a->folder);
    const char *base, *revision;
    json_t *config = NULL;
    char *text = NULL;
    size_t n;
    enum err err = fs_read(&text, &n, path, CONFIG_BYTES);

    if (!err)
        err = hfconfig_parse(&config, text, n, path, 0);
    if (!err)
        err = take_task(a, config, path);
    if (!err)
        err = refuse_others(config, path);
    if (!err)
        err = take_numbers(a, config, path);
    base = json_string_value(json_object_get(config, "base_model_name_or_path"));
    a->base = mem_text(base ? base : "");
    revision = json_string_value(json_object_get(config, "revision"));
    a->revision = mem_text(revision ? revision : "main");
    json_decref(config);
    free(text);
    free(path);
    return err;
}

/* A pickle gets its own words only where nothing better lies beside it. */
static enum err open_file(struct adapter *a)
{
    char *path = mem_print("%s/adapter_model.safetensors", a->folder);
    char *pickle = mem_print("%s/adapter_model.bin", a->folder);
    enum err err;

    if (!fs_exists(path) && fs_exists(pickle))
        err =
            err_set(ERR_PARSE,
                    "%s: a Python pickle, which can run code, is not opened; save the adapter "
                    "with safetensors",
                    pickle);
    else
        err = safetensors_open(&a->file, path);
    free(path);
    free(pickle);
    return err;
}

enum err adapter_open(struct adapter **out, const char *folder)
{
    struct adapter *a = mem_new(1, sizeof *a);
    enum err err;

    a->folder = mem_text(folder);
    err = read_config(a);
    if (!err)
        err = open_file(a);
    if (err) {
        adapter_close(a);
        a = NULL;
    }
    *out = a;
    return err;
}

void adapter_close(struct adapter *adapter)
{
    if (!adapter)
        return;
    safetensors_close(adapter->file);
    free(adapter->folder);
    free(adapter->base);
    free(adapter->revision);
    free(adapter);
}

const struct lora_conf *adapter_conf(const struct adapter *adapter)
{
    return &adapter->conf;
}

const char *adapter_task(enum head head)
{
    return tasks[head];
}

enum head adapter_head(const struct adapter *adapter)
{
    return adapter->head;
}

const struct safetensors *adapter_tensors(const struct adapter *adapter)
{
    return adapter->file;
}

const char *adapter_base_name(const struct adapter *adapter)
{
    return adapter->base;
}

enum err adapter_base(char **out, const struct adapter *adapter)
{
    char *below = mem_print("%s/%s", adapter->folder, adapter->base);
    char shown[SOURCE_SHOWN];
    enum err err = OK;

    *out = NULL;
    if (*adapter->base && fs_exists(adapter->base))
        *out = mem_text(adapter->base);
    else if (*adapter->base && fs_exists(below))
        *out = mem_text(below);
    else if (repo_is_name(adapter->base)) /* PEFT's usual: the name that the base has */
        *out = repo_at(adapter->base, adapter->revision);
    else
        err =
            err_set(ERR_IO,
                    "%s/adapter_config.json: base_model_name_or_path: '%s' is not here: put it "
                    "there, or join the two with `drover merge --model BASE --adapter %s --out "
                    "FOLDER`",
                    adapter->folder, source_shown(shown, adapter->base, strlen(adapter->base)),
                    adapter->folder);
    free(below);
    return err;
}

/* ---- the tensors */

/* lora's question for each weight of the base: has the file a pair for its module, the weight
 * itself (modules_to_save, a reward model's score), or neither? */
static enum lora_kind kind_of(void *self, const struct tensor *tensor, const char *module)
{
    const struct adapter *a = self;
    char name[WORD];

    snprintf(name, sizeof name, "%s%s.lora_A.weight", prefix, module);
    if (safetensors_find(a->file, name))
        return LORA_PAIR;
    snprintf(name, sizeof name, "%s%s", prefix, tensor->name);
    return safetensors_find(a->file, name) ? LORA_WHOLE : LORA_FROZEN;
}

/* A vector stands as [n] in a file, and as one row in params. */
static bool same_shape(const struct safetensors_tensor *from, const struct tensor *t)
{
    if (part_is_vector(t->row) && t->rows == 1 && from->dims == 1)
        return from->dim[0] == (size_t)t->cols;
    return from->dims == 2 && from->dim[0] == (size_t)t->rows &&
           from->dim[1] == (size_t)t->cols;
}

/* wanted: the adapter's own tensors, under PEFT's names. What is too much is refused, never
 * skipped: an adapter of which a part was dropped would answer, and wrongly. */
static enum err check_tensors(const struct adapter *a, const struct params *wanted, bool tied)
{
    static const char head[] = "base_model.model.lm_head.";
    char shape[SAFETENSORS_SHAPE], shown[SOURCE_SHOWN];

    for (int i = 0; i < wanted->n; i++) {
        const struct tensor *t = &wanted->tensor[i];
        const struct safetensors_tensor *from = safetensors_find(a->file, t->name);

        if (!from)
            return err_set(ERR_RANGE, "%s: tensor %s is missing", a->folder, t->name);
        if (!same_shape(from, t))
            return err_set(ERR_RANGE,
                           "%s: tensor %s is %s, rank and base model make it [%d, %d]: an "
                           "adapter for another model",
                           a->folder, t->name, safetensors_shape(shape, from), t->rows,
                           t->cols);
    }
    for (size_t i = 0; i < safetensors_count(a->file); i++) {
        const char *name = safetensors_at(a->file, i)->name;

        /* a tied head is no weight of its own, so its pair has no place; the general words
         * below would blame the base */
        if (!params_name(wanted, name) && tied && !strncmp(name, head, strlen(head)))
            return err_set(ERR_RANGE,
                           "%s: tensor '%s' changes the head, and the base has none of its own "
                           "(tie_word_embeddings): such adapters are not read; merge it with "
                           "PEFT into a base with tie_word_embeddings false, or train it "
                           "without lm_head",
                           a->folder, source_shown(shown, name, strlen(name)));
        if (!params_name(wanted, name))
            return err_set(ERR_RANGE,
                           "%s: tensor '%s' has no place in the base model: an adapter for "
                           "another model",
                           a->folder, source_shown(shown, name, strlen(name)));
    }
    return OK;
}

/* Whether it was trained on this base as bfloat16 rounds it. For an error's words alone. */
static bool was_rounded(const char *was, const struct lora *lora)
{
    struct params base = *lora->base;
    struct lora of = *lora;
    char text[HASH_TEXT];
    struct hash hash;

    if (base.shape.compute != PRECISION_FLOAT32 ||
        mem_big(&base.data, base.count, sizeof *base.data, "rounded base"))
        return false;
    memcpy(base.data, lora->base->data, base.count * sizeof *base.data);
    base.shape.compute = PRECISION_BFLOAT16;
    params_round_all(&base);
    of.base = &base;
    hash = lora_base(&of);
    free(base.data);
    return !strcmp(was, hash_text(text, &hash));
}

/* By hash, as two models of one shape cannot be told apart by the tensors' sizes. */
static enum err check_base(const struct adapter *a, const struct lora *lora)
{
    const char *was = safetensors_note(a->file, ADAPTER_BASE_NOTE);
    char now[HASH_TEXT], shown[SOURCE_SHOWN];
    struct hash base;

    if (!was) /* not written here: shapes are all there is to go by */
        return OK;
    base = lora_base(lora);
    if (!strcmp(was, hash_text(now, &base)))
        return OK;
    if (was_rounded(was, lora))
        return err_set(ERR_RANGE,
                       "%s: this adapter was trained on its base rounded to bfloat16: say "
                       "compute=bfloat16, or int8 if it was that",
                       a->folder);
    return err_set(ERR_RANGE,
                   "%s: an adapter for another model: its base has the hash %.16s, this one "
                   "%.16s (`drover merge` with any_base=true joins them all the same)",
                   a->folder, source_shown(shown, was, strlen(was)), now);
}

/* What can be known without reading a weight. fan_in_fan_out says that the base's file has its
 * matrices as [in, out], as GPT-2's: params has turned those already, so the key only has to
 * agree. A score must come with the adapter: the base had none, and its own is untrained. */
static enum err fits(struct adapter *a, const struct params *base,
                     const struct lora_choice *choice)
{
    const struct tensor *score = params_part(base, PART_SCORE, -1);
    struct lora *outline;
    enum err err = lora_outline(&outline, base, &a->conf, choice);

    if (err)
        return err_add("%s", a->folder);
    if (a->turned && !params_turned(base))
        err =
            err_set(ERR_RANGE,
                    "%s/adapter_config.json: fan_in_fan_out: adapters with it are not read for "
                    "this base",
                    a->folder);
    if (!err && score && !lora_at(outline, score)->whole)
        err = err_set(ERR_RANGE, "%s: tensor %s%s is missing", a->folder, prefix, score->name);
    if (!err)
        err =
            check_tensors(a, outline->weights, base->shape.tied && base->shape.head == HEAD_LM);
    lora_free(outline);
    return err;
}

bool adapter_grouped(const struct lora *lora, const struct tensor *tensor)
{
    for (int i = 0; i < lora->base->n; i++)
        if (lora->base->tensor[i].row->grouped &&
            (lora->site[i].b == tensor || lora->site[i].whole == tensor))
            return true;
    return false;
}

enum err adapter_load(struct lora **out, struct adapter *a, const struct params *base,
                      bool any_base)
{
    const struct lora_choice choice = {kind_of, a};
    struct lora *lora = NULL;
    enum err err = fits(a, base, &choice);

    *out = NULL;
    if (!err)
        err = lora_new(&lora, base, &a->conf, &choice);
    for (int i = 0; !err && i < lora->weights->n; i++) {
        const struct tensor *t = &lora->weights->tensor[i];

        err = safetensors_read(a->file, safetensors_find(a->file, t->name),
                               lora->weights->data + t->at);
        if (!err && adapter_grouped(lora, t))
            grouped_apart(&base->shape, t, lora->weights->data + t->at);
    }
    /* last: the hash reads all of the base */
    if (!err && !any_base)
        err = check_base(a, lora);
    if (err)
        lora_free(lora);
    else
        *out = lora;
    return err;
}
