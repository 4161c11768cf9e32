#include "learner/run/card.h"

#include "base/fs.h"
#include "base/mem.h"
#include "lm/text/reading.h"

#include <stdlib.h>
#include <string.h>

enum { TEMPLATE_MAX = 1 << 20, CONFIG_MAX = 64 << 20 };

/* The template's text out of a Jinja file, or out of a model folder. */
static enum err template_text(const char *path, char **text, size_t *n)
{
    char *file = fs_is_dir(path) ? mem_print("%s/chat_template.jinja", path) : mem_text(path);
    enum err err;

    if (fs_is_dir(path) && !fs_exists(file)) {
        json_t *config;
        free(file);
        file = mem_print("%s/tokenizer_config.json", path);
        err = fs_read(text, n, file, CONFIG_MAX);
        config = err ? NULL : json_loads(*text, 0, NULL);
        if (!err) {
            const char *found = json_string_value(json_object_get(config, "chat_template"));
            free(*text);
            *text = mem_text(found ? found : "");
            *n = strlen(*text);
        }
        json_decref(config);
    } else {
        err = fs_read(text, n, file, TEMPLATE_MAX);
    }
    free(file);
    return err;
}

static enum err take_template(struct bundle *card, const char *path)
{
    char *text = NULL;
    size_t n;
    enum err err = template_text(path, &text, &n);

    if (!err)
        err = chat_detect(&card->chat, text);
    free(text);
    if (!err) {
        free(card->chat_error);
        card->chat_error = NULL;
        err = bundle_make_card(card);
    }
    return err ? err_add("chat_template_path") : OK;
}

/* The end token: named in the configuration, or the model's first. *text NULL: none. */
static enum err take_eos(struct bundle *card, const char *name, char **text)
{
    int id = card->shape.eos_count ? card->shape.eos[0] : -1;
    enum err err;

    *text = NULL;
    if (name) {
        id = tokenizer_id(card->tokenizer, name);
        if (id < 0)
            return err_set(ERR_RANGE, "eos_token: the tokenizer has no '%s'", name);
        card->shape.eos[0] = id;
        if (!card->shape.eos_count)
            card->shape.eos_count = 1;
        err = bundle_make_card(card);
        if (err)
            return err;
    }
    *text = reading_end(card->tokenizer, id);
    return OK;
}

enum err card_open(struct bundle **out, const struct keys *keys, enum bundle_want want,
                   char **eos)
{
    enum err err = bundle_open(out, keys->model_name_or_path, want);

    *eos = NULL;
    if (!err && keys->chat_template_path)
        err = take_template(*out, keys->chat_template_path);
    if (!err)
        err = take_eos(*out, keys->eos_token, eos);
    return err;
}
