#include "lm/file/bundle.h"

#include "base/fs.h"
#include "base/mem.h"
#include "lm/file/card.h"
#include "lm/file/folder.h"
#include "lm/file/gguf.h"
#include "lm/file/ggufmodel.h"
#include "lm/file/source.h"
#include "lm/file/weights.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An unknown template is no error before somebody chats. */
static void detect_chat(struct bundle *bundle, const char *template_text)
{
    if (chat_detect(&bundle->chat, template_text)) {
        bundle->chat = CHAT_NONE;
        bundle->chat_error = mem_text(err_text());
    }
}

static enum err check_tokens(const struct bundle *bundle, const char *name)
{
    const int tokens = tokenizer_count(bundle->tokenizer);

    if (tokens <= bundle->shape.vocab)
        return OK;
    return err_set(
        ERR_RANGE,
        "%s: the tokenizer has %d tokens, the model's embedding %d rows: they do not "
        "belong together",
        name, tokens, bundle->shape.vocab);
}

/* Gives the bundle its tokenizer-side parts, but for the tokenizer itself. */
static enum err fill(struct bundle *bundle, const struct card *card, const char *name)
{
    enum err err;

    bundle->shape = card->shape;
    err = check_tokens(bundle, name);
    if (!err)
        err = card_write(card, &bundle->card, &bundle->card_size);
    if (!err)
        detect_chat(bundle, card->template_text);
    return err;
}

static enum err open_folder(struct bundle *bundle, const char *path, enum bundle_want want)
{
    struct weights *weights = NULL;
    struct folder folder;
    char *name = mem_print("%s/tokenizer.json", path);
    enum err err = folder_read(&folder, path);

    if (!err)
        err = tokenizer_json(&bundle->tokenizer, folder.card.tokenizer,
                             strlen(folder.card.tokenizer), name);
    if (!err)
        err = folder_tokens(&folder, bundle->tokenizer, path);
    if (!err)
        err = fill(bundle, &folder.card, name);
    if (!err && want == BUNDLE_ALL) {
        err = weights_open(&weights, path);
        if (!err)
            err = weights_read(&bundle->params, weights, &bundle->shape);
        weights_close(weights);
    }
    folder_fini(&folder);
    free(name);
    return err;
}

static enum err open_gguf(struct bundle *bundle, const char *path, enum bundle_want want)
{
    struct gguf *file = NULL;
    struct card card = {0};
    size_t n;
    enum err err = gguf_open(&file, path);

    if (!err)
        err = ggufmodel_shape(&card.shape, file);
    if (!err)
        err = ggufmodel_tokenizer(&bundle->tokenizer, file);
    if (!err)
        err = tokenizer_write(bundle->tokenizer, &card.tokenizer, &n);
    if (!err)
        err = ggufmodel_template(&card.template_text, file);
    if (!err)
        err = fill(bundle, &card, path);
    if (!err && want == BUNDLE_ALL)
        err = ggufmodel_weights(&bundle->params, file, &bundle->shape);
    card_fini(&card);
    gguf_close(file);
    return err;
}

/* The number at the end of a checkpoint's name; -1 if there is none. */
static long step_of(const char *name)
{
    const size_t n = strlen(name);
    size_t at = n;

    while (at && name[at - 1] >= '0' && name[at - 1] <= '9')
        at--;
    return at == n ? -1 : strtol(name + at, NULL, 10);
}

/* A model in the checkpoint folder `name` of `folder`: in its model/ or in itself. */
static char *model_in(const char *folder, const char *name)
{
    static const char *const inner[] = {"/model", ""};

    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
        char *path = mem_print("%s/%s%s", folder, name, inner[i]);
        char *config = mem_print("%s/config.json", path);
        const bool there = fs_exists(config);
        free(config);
        if (there)
            return path;
        free(path);
    }
    return NULL;
}

/* The newest checkpoint with a model in it, or NULL. */
static char *newest(const char *folder)
{
    DIR *dir = fs_is_dir(folder) ? opendir(folder) : NULL;
    struct dirent *entry;
    char *best = NULL;
    long most = -1;

    while (dir && (entry = readdir(dir))) {
        const long step = step_of(entry->d_name);
        char *path = step > most ? model_in(folder, entry->d_name) : NULL;
        if (!path)
            continue;
        free(best);
        best = path;
        most = step;
    }
    if (dir)
        closedir(dir);
    return best;
}

/* The folder that holds config.json: `path` itself, its model/ or its newest checkpoint. */
static char *model_folder(const char *path)
{
    char *checkpoints = mem_print("%s/checkpoints", path);
    char *found = NULL;
    char *config = mem_print("%s/config.json", path);

    if (fs_exists(config))
        found = mem_text(path);
    if (!found)
        found = model_in(path, "model");
    if (!found)
        found = newest(checkpoints);
    if (!found)
        found = newest(path); /* transformers' checkpoint-500 */
    free(checkpoints);
    free(config);
    return found;
}

static enum err open_file(struct bundle *bundle, const char *path, enum bundle_want want)
{
    struct source *source;
    uint32_t magic = 0;
    size_t at = 0;
    enum err err = source_open(&source, path);

    if (err)
        return err;
    if (source_size(source) >= 4)
        err = source_u32(source, &at, &magic);
    source_close(source);
    if (err)
        return err;
    if (magic == 0x46554747)
        return open_gguf(bundle, path, want);
    if (magic == 0x04034B50 || (magic & 0xFF) == 0x80)
        return err_set(ERR_PARSE,
                       "%s: a Python pickle, which can run code, is not opened; save the model "
                       "with safetensors",
                       path);
    return err_set(
        ERR_PARSE,
        "%s: byte 0: no GGUF file; a model is a .gguf file or a folder with config.json", path);
}

enum err bundle_find(char **out, const char *path)
{
    char *old = mem_print("%s.old", path); /* see folder_write */
    enum err err = OK;

    *out = NULL;
    if (!fs_exists(path) && fs_is_dir(old))
        path = old;
    if (!fs_exists(path))
        err = err_set(ERR_IO, "%s: there is no such file or folder", path);
    else
        *out = fs_is_dir(path) ? model_folder(path) : mem_text(path);
    if (!err && !*out)
        err = err_set(ERR_IO, "%s: no config.json here, in model/ or in checkpoints/", path);
    free(old);
    return err;
}

enum err bundle_open(struct bundle **out, const char *path, enum bundle_want want)
{
    struct bundle *bundle;
    char *found;
    enum err err = bundle_find(&found, path);

    *out = NULL;
    if (err)
        return err;
    bundle = mem_new(1, sizeof *bundle);
    err = fs_is_dir(found) ? open_folder(bundle, found, want) : open_file(bundle, found, want);
    free(found);
    if (err)
        bundle_free(bundle);
    else
        *out = bundle;
    return err;
}

void bundle_free(struct bundle *bundle)
{
    if (!bundle)
        return;
    params_free(bundle->params);
    tokenizer_free(bundle->tokenizer);
    free(bundle->chat_error);
    free(bundle->card);
    free(bundle);
}

enum err bundle_from_card(struct bundle **out, const char *text, size_t n, const char *name)
{
    struct bundle *bundle = mem_new(1, sizeof *bundle);
    struct card card;
    enum err err = card_read(&card, text, n, name);

    *out = NULL;
    if (!err)
        err = tokenizer_json(&bundle->tokenizer, card.tokenizer, strlen(card.tokenizer), name);
    if (!err)
        err = fill(bundle, &card, name);
    card_fini(&card);
    if (err)
        bundle_free(bundle);
    else
        *out = bundle;
    return err;
}

/* The template to write: the model's own as long as it means bundle->chat. */
static char *template_for(const struct bundle *bundle, char *own)
{
    const char *text = chat_template(bundle->chat);
    enum chat means;

    if (own && (bundle->chat_error || (!chat_detect(&means, own) && means == bundle->chat)))
        return own;
    free(own);
    return text ? mem_text(text) : NULL;
}

/* Tokenizer and template from the card that is there, or from the parts; shape as given. */
static enum err gather(struct card *card, const struct bundle *bundle,
                       const struct shape *shape)
{
    enum err err = OK;
    size_t n;

    memset(card, 0, sizeof *card);
    if (bundle->card)
        err = card_read(card, bundle->card, bundle->card_size, "model card");
    else
        err = tokenizer_write(bundle->tokenizer, &card->tokenizer, &n);
    card->shape = *shape;
    if (!err)
        card->template_text = template_for(bundle, card->template_text);
    if (shape->head == HEAD_SCALAR)
        card->shape.pad = folder_pad(shape, bundle->tokenizer);
    return err;
}

enum err bundle_make_card(struct bundle *bundle)
{
    struct card card;
    char *text = NULL;
    size_t n = 0;
    enum err err = gather(&card, bundle, &bundle->shape);

    if (!err)
        err = card_write(&card, &text, &n);
    card_fini(&card);
    if (err)
        return err;
    free(bundle->card);
    bundle->card = text;
    bundle->card_size = n;
    return OK;
}

enum err bundle_save(const char *folder, const struct bundle *bundle,
                     const struct params *params, const char *dtype)
{
    struct card card;
    enum err err;

    if (strcmp(dtype, "float32") != 0 && strcmp(dtype, "bfloat16") != 0)
        return err_set(ERR_RANGE, "dtype %.20s: float32 and bfloat16 are written", dtype);
    err = gather(&card, bundle, &params->shape);
    if (!err)
        err = folder_write(folder, &card, bundle->tokenizer, params, dtype);
    card_fini(&card);
    return err;
}
