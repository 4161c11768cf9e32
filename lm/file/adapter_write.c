/* The inverse of adapter.c, in PEFT's layout, into a folder that is not in its place yet
 * (model_files_save_adapter, folder_replace). First the configuration, then the tensors in name
 * order, so equal weights give equal bytes.
 *
 * target_modules is as short as PEFT's rule allows: it compares the ends of names, so a last
 * word stands for all of its modules or is not used. */

#include "lm/file/adapter_write.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/repo.h"
#include "lm/file/adapter.h"
#include "lm/file/grouped.h"
#include "lm/file/hfconfig.h"
#include "lm/file/safetensors.h"

#include <stdlib.h>
#include <string.h>

/* Whether weight i of the base has a pair or, with `whole`, stands in the adapter itself. */
static bool chosen(const struct lora *l, int i, bool whole)
{
    return whole ? l->site[i].whole != NULL : l->site[i].a != NULL;
}

static bool ends(const char *module, const char *word)
{
    const size_t n = strlen(module), m = strlen(word);

    return n >= m && !strcmp(module + n - m, word);
}

/* The module of a weight; freed with free(). Biases go with their module. */
static char *module_of(const struct tensor *t)
{
    return ends(t->name, ".weight")
               ? mem_print("%.*s", (int)(strlen(t->name) - strlen(".weight")), t->name)
               : NULL;
}

/* Whether PEFT, which compares ends, would take nothing but chosen modules for this word. */
static bool means_chosen(const struct lora *l, const char *word, bool whole)
{
    bool all = true;

    for (int i = 0; i < l->base->n && all; i++) {
        char *module = module_of(&l->base->tensor[i]);

        if (module && ends(module, word))
            all = chosen(l, i, whole);
        free(module);
    }
    return all;
}

static bool listed(const json_t *list, const char *word)
{
    size_t i;
    json_t *item;

    json_array_foreach((json_t *)(uintptr_t)list, i, item)
    {
        if (!strcmp(json_string_value(item), word))
            return true;
    }
    return false;
}

/* The modules of one kind: by their last word where that is enough, else whole names. */
static void put_modules(json_t *list, const struct lora *l, enum part part, bool whole)
{
    const struct params *base = l->base;

    for (int i = 0; i < base->n; i++) {
        const struct tensor *t = &base->tensor[i];
        char *module = t->part == part && chosen(l, i, whole) ? module_of(t) : NULL;
        const char *last = module ? strrchr(module, '.') : NULL;
        const char *word = module;

        if (last && part != PART_NORM_FINAL && means_chosen(l, last + 1, whole))
            word = last + 1;
        if (module && !listed(list, word))
            json_array_append_new(list, json_string(word));
        free(module);
    }
}

/* 16, not 16.0, where it is whole: PEFT's own files have it so. */
static json_t *number(double x)
{
    return x == (double)(json_int_t)x ? json_integer((json_int_t)x) : json_real(x);
}

/* The keys that PEFT's own writer gives, inference_mode with the value that it gives them when
 * it saves. What adapter.c refuses is written as unused. */
static json_t *make_config(const struct lora *l, const char *base)
{
    char name[REPO_NAME], revision[REPO_NAME];
    json_t *targets = json_array(), *saves = json_array();
    json_t *config = json_pack(
        "{s:s, s:s, s:s, s:i, s:o, s:f, s:b, s:b, s:s, s:b, s:b, s:b, s:{}, s:{}, s:n, s:n}",
        "peft_type", "LORA", "task_type", adapter_task(l->base->shape.head),
        "base_model_name_or_path", base, "r", l->conf.r, "lora_alpha", number(l->conf.alpha),
        "lora_dropout", l->conf.dropout, "use_rslora", l->conf.rslora, "use_dora", false,
        "bias", "none", "fan_in_fan_out", params_turned(l->base), "inference_mode", true,
        "init_lora_weights", true, "rank_pattern", "alpha_pattern", "layers_to_transform",
        "revision");

    /* kind by kind, as a last word is one kind's */
    for (int part = 0; part < PARTS; part++) {
        put_modules(targets, l, (enum part)part, false);
        put_modules(saves, l, (enum part)part, true);
    }
    /* PEFT opens names of a hub, and has the revision in a key of its own */
    if (!fs_exists(base) && repo_parts(base, name, revision)) {
        json_object_set_new(config, "base_model_name_or_path", json_string(name));
        json_object_set_new(config, "revision", json_string(revision));
    }
    json_object_set_new(config, "target_modules", targets);
    if (json_array_size(saves))
        json_object_set(config, "modules_to_save", saves);
    else
        json_object_set_new(config, "modules_to_save", json_null());
    json_decref(saves);
    return config;
}

/* The base's hash goes into the file's metadata, which PEFT does not look at: check_base knows
 * by it when an adapter is laid on another model of the same shapes. */
static enum err write_tensors(const char *folder, const struct lora *l, bool bf16)
{
    const struct params *w = l->weights;
    struct safetensors_put *put = mem_new((size_t)w->n, sizeof *put);
    int *order = grouped_order(&l->base->shape);
    char *path = mem_print("%s/adapter_model.safetensors", folder);
    const struct hash base = lora_base(l);
    char text[HASH_TEXT];
    const struct safetensors_note note[] = {{ADAPTER_BASE_NOTE, hash_text(text, &base)},
                                            {NULL, NULL}};
    enum err err;

    for (int i = 0; i < w->n; i++) {
        const struct tensor *t = &w->tensor[i];
        const bool vector = t->rows == 1 && part_is_vector(t->row);

        put[i] = (struct safetensors_put){.name = t->name,
                                          .rows = vector ? 0 : (size_t)t->rows,
                                          .cols = (size_t)t->cols,
                                          .data = w->data + t->at,
                                          .order = adapter_grouped(l, t) ? order : NULL,
                                          .bf16 = bf16};
    }
    err = safetensors_write(path, put, (size_t)w->n, note);
    free(path);
    free(order);
    free(put);
    return err;
}

enum err adapter_write(const char *folder, const struct lora *lora, const char *base,
                       const char *dtype)
{
    char *path = mem_print("%s/adapter_config.json", folder);
    json_t *config = make_config(lora, base);
    char *text = hfconfig_text(config, JSON_INDENT(2));
    enum err err = fs_write(path, text, strlen(text));

    if (!err)
        err = write_tensors(folder, lora, !strcmp(dtype, "bfloat16"));
    json_decref(config);
    free(text);
    free(path);
    return err;
}
