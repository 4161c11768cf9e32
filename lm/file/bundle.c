#include "lm/file/bundle.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "lm/file/adapter.h"
#include "lm/file/card.h"
#include "lm/file/folder.h"
#include "lm/file/gguf.h"
#include "lm/file/ggufmodel.h"
#include "lm/file/source.h"
#include "lm/file/weights.h"

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

/* The weights, and what they say of the shape: a card alone is made of their headers. */
static enum err take_weights(struct bundle *bundle, struct card *card, const char *path,
                             enum bundle_want want, const char *name)
{
    const bool tied = card->shape.tied, all = want == BUNDLE_ALL;
    struct weights *weights = NULL;
    enum err err = all || tied ? weights_open(&weights, path) : OK;

    if (!all && err) /* a card without weights has none to look at */
        err = OK;
    if (!err && weights)
        err = weights_untie(&card->shape, weights);
    if (tied && !card->shape.tied && all)
        log_warn("untied",
                 "model=%s its own lm_head.weight is used, whatever "
                 "tie_word_embeddings says",
                 path);
    if (!err)
        err = fill(bundle, card, name);
    if (!err && all)
        err = weights_read(&bundle->params, weights, &bundle->shape);
    weights_close(weights);
    return err;
}

static enum err open_folder(struct bundle *bundle, const char *path, enum bundle_want want)
{
    struct folder folder;
    char *name = mem_print("%s/tokenizer.json", path);
    enum err err = folder_read(&folder, path);

    if (!err)
        err = tokenizer_json(&bundle->tokenizer, folder.card.tokenizer,
                             strlen(folder.card.tokenizer), name);
    if (!err)
        err = folder_tokens(&folder, bundle->tokenizer, path);
    if (!err)
        err = take_weights(bundle, &folder.card, path, want, name);
    if (!err) {
        bundle->generation = folder.generation;
        folder.generation = NULL;
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

/* ---- adapters */

enum { DEPTH = 4 }; /* adapters on adapters */

/* The tokenizer and template that lie beside the adapter. */
static enum err own_tokenizer(struct bundle *bundle, const char *path)
{
    char *name = mem_print("%s/tokenizer.json", path);
    struct tokenizer *tokenizer = NULL;
    struct folder folder = {.card = {.shape = bundle->shape}};
    enum err err = OK;

    if (!fs_exists(name))
        goto out;
    err = folder_read_tokenizer(&folder, path);
    if (!err)
        err = tokenizer_json(&tokenizer, folder.card.tokenizer, strlen(folder.card.tokenizer),
                             name);
    if (!err)
        err = folder_tokens(&folder, tokenizer, path);
    if (!err) {
        tokenizer_free(bundle->tokenizer);
        bundle->tokenizer = tokenizer;
        tokenizer = NULL;
        free(bundle->card);
        free(bundle->chat_error);
        bundle->card = bundle->chat_error = NULL;
        bundle->card_size = 0;
        err = fill(bundle, &folder.card, name);
        if (err == ERR_RANGE)
            err = err_add("an adapter for another model");
    }
    tokenizer_free(tokenizer);
    folder_fini(&folder);
out:
    free(name);
    return err;
}

/* A language model becomes a reward model whose score the adapter brings. */
static enum err take_head(struct bundle *bundle, enum head head, const char *path)
{
    struct params *params;

    if (bundle->shape.head == head)
        return OK;
    if (bundle->shape.head != HEAD_LM)
        return err_set(ERR_RANGE, "%s: an adapter for a model with another head", path);
    if (bundle->params) {
        if (params_reheaded(&params, bundle->params, head, 0, true))
            return ERR_NOMEM;
        params_free(bundle->params);
        bundle->params = params;
    }
    bundle->shape.head = head;
    if (head == HEAD_SCALAR)
        bundle->shape.pad = folder_pad(&bundle->shape, bundle->tokenizer);
    return bundle_make_card(bundle);
}

static enum err adapt(struct bundle *bundle, struct adapter *adapter, const char *path,
                      bool any_base)
{
    struct lora *lora = NULL;
    enum err err = take_head(bundle, adapter_head(adapter), path);

    if (!err)
        err = own_tokenizer(bundle, path);
    if (err || !bundle->params)
        return err;
    bundle->params->shape = bundle->shape;
    err = adapter_load(&lora, adapter, bundle->params, any_base);
    if (!err)
        lora_merge(lora, bundle->params);
    lora_free(lora);
    return err;
}

enum err bundle_adapt(struct bundle *bundle, const char *folder, bool any_base)
{
    struct adapter *adapter;
    enum err err = adapter_open(&adapter, folder);

    if (!err)
        err = adapt(bundle, adapter, folder, any_base);
    adapter_close(adapter);
    return err;
}

static enum err open_at(struct bundle **out, const char *path, enum bundle_want want, int depth)
{
    struct bundle *bundle;
    struct adapter *adapter = NULL;
    char *found = NULL, *base = NULL;
    enum err err = bundle_find(&found, path);

    *out = NULL;
    if (err)
        return err;
    if (fs_is_dir(found) && adapter_is(found)) {
        bundle = NULL;
        err = depth < DEPTH ? adapter_open(&adapter, found)
                            : err_set(ERR_RANGE, "%s: an adapter on %d others", found, DEPTH);
        if (!err)
            err = adapter_base(&base, adapter);
        if (!err)
            err = open_at(&bundle, base, want, depth + 1);
        if (!err)
            err = adapt(bundle, adapter, found, false);
        adapter_close(adapter);
        free(base);
    } else {
        bundle = mem_new(1, sizeof *bundle);
        err = fs_is_dir(found) ? open_folder(bundle, found, want)
                               : open_file(bundle, found, want);
    }
    free(found);
    if (err)
        bundle_free(bundle);
    else
        *out = bundle;
    return err;
}

enum err bundle_open(struct bundle **out, const char *path, enum bundle_want want)
{
    return open_at(out, path, want, 0);
}

void bundle_free(struct bundle *bundle)
{
    if (!bundle)
        return;
    params_free(bundle->params);
    tokenizer_free(bundle->tokenizer);
    free(bundle->chat_error);
    free(bundle->generation);
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
        err = folder_write(folder, &card, bundle->tokenizer, params, bundle->generation, dtype);
    card_fini(&card);
    return err;
}

struct adapter_files {
    const struct card *card;
    const struct tokenizer *tokenizer;
    const struct lora *lora;
    const char *base, *dtype;
};

static enum err write_adapter(void *self, const char *path)
{
    const struct adapter_files *a = self;
    const enum err err = adapter_write(path, a->lora, a->base, a->dtype);

    return err ? err : folder_write_tokenizer(path, a->card, a->tokenizer);
}

enum err bundle_save_adapter(const char *folder, const struct bundle *bundle,
                             const struct lora *lora, const char *base, const char *dtype)
{
    struct card card;
    struct adapter_files files = {&card, bundle->tokenizer, lora, base, dtype};
    enum err err = gather(&card, bundle, &lora->base->shape);

    if (!err)
        err = folder_replace(folder, write_adapter, &files);
    card_fini(&card);
    return err;
}
