/* One way in (open_at): the path is resolved, an adapter opens its base first and is merged
 * into it, a folder or a GGUF file gives shape, tokenizer and template, and last the weights,
 * which are by far the longest to read: whatever can be refused without them has been by then.
 * Whatever the source, model_meta is made of the same parts (fill), so two files of one model
 * give the same meta; and whatever changes a part later (another template, head, reach of the
 * rotation) has to make the meta anew, for actors and rewarders go by nothing else.
 *
 * Programs that people type come through open_model, for which weights are packed as they are read;
 * the learner and `drover merge` keep them as params. One way out (gather): a folder with the same parts. */

#include "lm/file/model_files.h"

#include "base/fs.h"
#include "base/mem.h"
#include "lm/file/adapter.h"
#include "lm/file/adapter_write.h"
#include "lm/file/chat_tokens.h"
#include "lm/file/folder.h"
#include "lm/file/gguf.h"
#include "lm/file/ggufmodel.h"
#include "lm/file/ggufmodel_write.h"
#include "lm/file/ggufshape.h"
#include "lm/file/model_meta.h"
#include "lm/file/source.h"
#include "lm/file/unopened.h"
#include "lm/file/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A template that cannot be read is no error before somebody chats. An adapter's own takes the
 * place of its base's. */
static void detect_chat(struct model_files *files, const char *template_text)
{
    json_t *tokens = chat_tokens(&files->shape, files->tokenizer, files->tokens);

    chat_free(files->chat);
    files->chat = NULL;
    if (chat_open(&files->chat, template_text, tokens))
        files->chat_error = mem_text(err_text());
    json_decref(tokens);
}

/* More rows than tokens are padding, and usual; an id without a row would read past the table. */
static enum err check_tokens(const struct model_files *files, const char *name)
{
    const int tokens = tokenizer_count(files->tokenizer);

    if (tokens <= files->shape.vocab)
        return OK;
    return err_set(
        ERR_RANGE,
        "%s: the tokenizer has %d tokens, the model's embedding %d rows: they do not "
        "belong together",
        name, tokens, files->shape.vocab);
}

/* Gives the model files its tokenizer-side parts, but for the tokenizer itself. */
static enum err fill(struct model_files *files, const struct model_meta *card, const char *name)
{
    enum err err;

    files->shape = card->shape;
    json_decref(files->tokens);
    files->tokens = json_incref(card->tokens);
    err = check_tokens(files, name);
    if (!err && !files->runs)
        err = model_meta_write(card, &files->card, &files->card_size);
    if (!err)
        detect_chat(files, card->template_text);
    return err;
}

/* The weights, and what they say of the shape: a card alone is made of their headers. */
static enum err take_weights(struct model_files *files, struct model_meta *card,
                             const char *path, enum model_files_want want, const char *name)
{
    struct weights *weights = NULL;
    enum err err = model_files_weights_open(&weights, files, &card->shape, path, want);

    if (!err)
        err = fill(files, card, name);
    if (!err && weights)
        err = model_files_weights_folder(files, weights, want);
    weights_close(weights);
    return err;
}

/* In this order because each needs the one before: names of special tokens need the tokenizer,
 * the meta needs the shape as folder_tokens and weights_untie leave it. */
static enum err open_folder(struct model_files *files, const char *path,
                            enum model_files_want want, enum precision compute)
{
    struct folder folder;
    char *name = mem_print("%s/tokenizer.json", path);
    enum err err = folder_read(&folder, path);

    folder.card.shape.compute = compute;
    if (!err)
        err = tokenizer_json(&files->tokenizer, folder.card.tokenizer,
                             strlen(folder.card.tokenizer), name);
    if (!err)
        err = folder_tokens(&folder, files->tokenizer, path);
    if (!err)
        err = take_weights(files, &folder.card, path, want, name);
    if (!err) {
        files->generation = folder.generation;
        folder.generation = NULL;
        files->start = mem_text(path);
    }
    folder_fini(&folder);
    free(name);
    return err;
}

/* Its lists become a tokenizer.json first: the meta, and a folder saved from this model, hold
 * that and know nothing of GGUF. */
static enum err open_gguf(struct model_files *files, const char *path,
                          enum model_files_want want, enum precision compute)
{
    struct gguf *file = NULL;
    struct model_meta card = {0};
    size_t n;
    enum err err = gguf_open(&file, path);

    if (!err)
        err = ggufshape_read(&card.shape, file);
    card.shape.compute = compute;
    if (!err)
        err = ggufmodel_tokenizer(&files->tokenizer, file);
    if (!err && !files->runs)
        err = tokenizer_write(files->tokenizer, &card.tokenizer, &n);
    if (!err)
        err = ggufmodel_template(&card.template_text, file);
    if (!err)
        err = fill(files, &card, path);
    if (!err)
        err = model_files_weights_gguf(files, file, want);
    model_meta_fini(&card);
    gguf_close(file);
    return err;
}

/* Its folder is what the words' line reads. */
static enum err refuse_pickle(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? mem_print("%.*s", (int)(slash - path), path) : mem_text(".");
    const enum err err = unopened_pickle(folder, slash ? slash + 1 : path);

    free(folder);
    return err;
}

/* By its first bytes, not by its name. A pickle is a zip file, or begins with its version. */
static enum err open_file(struct model_files *files, const char *path,
                          enum model_files_want want, enum precision compute)
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
        return open_gguf(files, path, want, compute);
    if (magic == 0x04034B50 || (magic & 0xFF) == 0x80)
        return refuse_pickle(path);
    return err_set(
        ERR_PARSE,
        "%s: byte 0: no GGUF file; a model is a .gguf file or a folder with config.json", path);
}

enum { DEPTH = 4 }; /* adapters on adapters */

/* The tokenizer and template that lie beside the adapter. */
static enum err own_tokenizer(struct model_files *files, const char *path)
{
    char *name = mem_print("%s/tokenizer.json", path);
    struct tokenizer *tokenizer = NULL;
    struct folder folder = {.card = {.shape = files->shape}};
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
        /* only now: one that does not read leaves the base's in place */
        tokenizer_free(files->tokenizer);
        files->tokenizer = tokenizer;
        tokenizer = NULL;
        free(files->card);
        free(files->chat_error);
        free(files->start);
        files->start = mem_text(path);
        files->card = files->chat_error = NULL;
        files->card_size = 0;
        err = fill(files, &folder.card, name);
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
static enum err take_head(struct model_files *files, enum head head, const char *path)
{
    struct params *params;

    if (files->shape.head == head)
        return OK;
    if (files->shape.head != HEAD_LM)
        return err_set(ERR_RANGE, "%s: an adapter for a model with another head", path);
    if (files->params) {
        if (params_reheaded(&params, files->params, head, 0, true))
            return ERR_NOMEM;
        params_free(files->params);
        files->params = params;
    }
    files->shape.head = head;
    if (head == HEAD_SCALAR)
        files->shape.pad = folder_pad(&files->shape, files->tokenizer);
    return model_files_make_meta(files);
}

/* The head first, since the adapter may learn its score, and before the tokenizer, which fills
 * the meta with what the head has changed. Without weights the words are all there is to do. */
static enum err adapt(struct model_files *files, struct adapter *adapter, const char *path,
                      bool any_base)
{
    struct lora *lora = NULL;
    enum err err = take_head(files, adapter_head(adapter), path);

    if (!err)
        err = own_tokenizer(files, path);
    if (err || !files->params)
        return err;
    files->params->shape = files->shape;
    err = adapter_load(&lora, adapter, files->params, any_base);
    if (!err) {
        lora_merge(lora, files->params);
        params_round_all(files->params);
    }
    lora_free(lora);
    return err;
}

enum err model_files_adapt(struct model_files *files, const char *folder, bool any_base)
{
    struct adapter *adapter;
    enum err err = adapter_open(&adapter, folder);

    if (!err)
        err = adapt(files, adapter, folder, any_base);
    adapter_close(adapter);
    return err;
}

/* The one door. An adapter's base is a path like any other, and may be an adapter again: to a depth, as two may name each other. */
static enum err open_at(struct model_files **out, const char *path, enum model_files_want want,
                        enum precision compute, int depth)
{
    const bool packs = want >= MODEL_FILES_PACKED;
    struct model_files *files;
    struct adapter *adapter = NULL;
    char *found = NULL, *base = NULL;
    enum err err = want == MODEL_FILES_META ? model_files_find_text(&found, path)
                                            : model_files_find(&found, path);

    *out = NULL;
    if (err)
        return err;
    if (fs_is_dir(found) && adapter_is(found)) {
        files = NULL;
        err = depth < DEPTH ? adapter_open(&adapter, found)
                            : err_set(ERR_RANGE, "%s: an adapter on %d others", found, DEPTH);
        if (!err)
            err = adapter_base(&base, adapter);
        if (!err)
            err = open_at(&files, base, packs ? MODEL_FILES_ALL : want, compute, depth + 1);
        if (!err)
            err = adapt(files, adapter, found, false);
        if (!err) {
            files->store = packed_store_of(&files->shape);
            files->merged = true;
        }
        if (!err && packs) /* what was merged is no bfloat16 any more */
            err = packed_instead(&files->image, &files->layout, &files->params);
        adapter_close(adapter);
        free(base);
    } else {
        files = mem_new(1, sizeof *files);
        files->runs = want == MODEL_FILES_RUN;
        err = fs_is_dir(found) ? open_folder(files, found, want, compute)
                               : open_file(files, found, want, compute);
    }
    free(found);
    if (err)
        model_files_free(files);
    else
        *out = files;
    return err;
}

enum err model_files_open_as(struct model_files **out, const char *path,
                             enum model_files_want want, enum precision compute)
{
    return open_at(out, path, want, compute, 0);
}

void model_files_free(struct model_files *files)
{
    if (!files)
        return;
    params_free(files->params);
    free(files->image);
    packed_layout_free(files->layout);
    tokenizer_free(files->tokenizer);
    chat_free(files->chat);
    free(files->chat_error);
    free(files->generation);
    free(files->start);
    free(files->card);
    json_decref(files->tokens);
    free(files);
}

/* What an actor does with the meta that it pulled: everything but the weights. */
enum err model_files_from_meta(struct model_files **out, const char *text, size_t n,
                               const char *name)
{
    struct model_files *files = mem_new(1, sizeof *files);
    struct model_meta card;
    enum err err = model_meta_read(&card, text, n, name);

    *out = NULL;
    if (!err)
        err = tokenizer_json(&files->tokenizer, card.tokenizer, strlen(card.tokenizer), name);
    if (!err)
        err = fill(files, &card, name);
    model_meta_fini(&card);
    if (err)
        model_files_free(files);
    else
        *out = files;
    return err;
}

/* The template to write: that of files->chat, or one that cannot be read, as it is. */
static char *template_for(const struct model_files *files, char *own)
{
    const char *text = chat_source(files->chat);

    if (own && files->chat_error)
        return own;
    free(own);
    return text ? mem_text(text) : NULL;
}

/* Tokenizer and template from the card that is there, or from the parts; shape as given. */
static enum err gather(struct model_meta *card, const struct model_files *files,
                       const struct shape *shape)
{
    enum err err = OK;
    size_t n;

    memset(card, 0, sizeof *card);
    if (files->card)
        err = model_meta_read(card, files->card, files->card_size, "model card");
    else
        err = tokenizer_write(files->tokenizer, &card->tokenizer, &n);
    card->shape = *shape;
    json_decref(card->tokens); /* those of the template that was there */
    card->tokens = json_incref(files->tokens);
    if (!err)
        card->template_text = template_for(files, card->template_text);
    if (shape->head == HEAD_SCALAR)
        card->shape.pad = folder_pad(shape, files->tokenizer);
    return err;
}

enum err model_files_make_meta(struct model_files *files)
{
    struct model_meta card;
    char *text = NULL;
    size_t n = 0;
    enum err err;

    if (files->runs)
        return OK;
    err = gather(&card, files, &files->shape);
    if (!err)
        err = model_meta_write(&card, &text, &n);
    model_meta_fini(&card);
    if (err)
        return err;
    free(files->card);
    files->card = text;
    files->card_size = n;
    return OK;
}

enum err model_files_save(const char *folder, const struct model_files *files,
                          const struct params *params, const char *dtype)
{
    struct model_meta card;
    enum err err;

    if (strcmp(dtype, "float32") != 0 && strcmp(dtype, "bfloat16") != 0)
        return err_set(ERR_RANGE, "dtype %.20s: float32 and bfloat16 are written", dtype);
    err = gather(&card, files, &params->shape);
    if (!err)
        err = folder_write(folder, &card, files->tokenizer, params, files->generation,
                           files->start, dtype);
    model_meta_fini(&card);
    return err;
}

enum err model_files_save_gguf(struct ggufmodel_written *out, const char *path,
                               const struct model_files *files, const char *name,
                               const char *dtype, const char *pre)
{
    struct ggufmodel_write what = {files->params,        NULL, files->tokenizer,
                                   gguf_mix_find(dtype), name, pre};
    struct model_meta card;
    enum err err;

    if (!what.mix)
        return err_set(ERR_RANGE, "dtype %.20s: GGUF is written as %s", dtype, gguf_mix_list());
    err = gather(&card, files, &files->shape);
    what.card = &card;
    if (!err)
        err = ggufmodel_write(out, path, &what);
    model_meta_fini(&card);
    return err;
}

struct adapter_files {
    const struct model_meta *card;
    const struct tokenizer *tokenizer;
    const struct lora *lora;
    const char *base, *start, *dtype;
};

/* folder_replace's writer: the adapter, and the tokenizer so that the folder serves alone. */
static enum err write_adapter(void *self, const char *path)
{
    const struct adapter_files *a = self;
    const enum err err = adapter_write(path, a->lora, a->base, a->dtype);

    return err ? err : folder_write_tokenizer(path, a->card, a->tokenizer, a->start);
}

enum err model_files_save_adapter(const char *folder, const struct model_files *files,
                                  const struct lora *lora, const char *base, const char *dtype)
{
    struct model_meta card;
    struct adapter_files parts = {&card, files->tokenizer, lora, base, files->start, dtype};
    enum err err = gather(&card, files, &lora->base->shape);

    if (!err)
        err = folder_replace(folder, write_adapter, &parts);
    model_meta_fini(&card);
    return err;
}
