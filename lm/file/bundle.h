/* bundle: a model as people name it: a Hugging Face folder, a .gguf file, a run folder or a
 * PEFT adapter's folder, which means its base with the adapter merged (lm/model/lora.h).
 *
 * Everything that generation, scoring and training need, in memory: weights, shape, tokenizer,
 * chat template. Hostile files are refused with file, offset and reason. */

#ifndef LM_FILE_BUNDLE_H
#define LM_FILE_BUNDLE_H

#include "lm/model/lora.h"
#include "lm/text/chat.h"
#include "lm/text/tokenizer.h"

struct bundle {
    struct shape shape;
    struct params *params;       /* f32; NULL with BUNDLE_CARD */
    struct tokenizer *tokenizer; /* never NULL */
    enum chat chat;
    char *chat_error; /* why the template is not usable, or NULL: only chat input fails on it */
    char *card;       /* JSON: config, tokenizer.json, template: all but the weights */
    size_t card_size;
    char *generation; /* text of the folder's generation_config.json, which a saved model keeps;
                         NULL: none. It is no part of the card */
};

enum bundle_want { BUNDLE_ALL, BUNDLE_CARD /* no weights: tokenize, inspect */ };

/* The .gguf file, or the folder with config.json or adapter_config.json, that `path` means: a
 * run folder means its model/, or its newest checkpoint's model. *out is freed with free().
 * Errors: ERR_IO. */
enum err bundle_find(char **out, const char *path) MUST_CHECK;

/* Errors name the file. A tokenizer with more tokens than the embedding has rows is refused. */
enum err bundle_open(struct bundle **out, const char *path, enum bundle_want want) MUST_CHECK;
void bundle_free(struct bundle *bundle);

/* Writes config.json, generation_config.json, model.safetensors (f32, or bf16), tokenizer.json,
 * tokenizer_config.json (and special tokens) into `folder` so that a crash leaves the old
 * folder or the new: a sibling is written, fsynced and renamed. Opens in transformers 4.56 and
 * 5 with equal logits. */
enum err bundle_save(const char *folder, const struct bundle *bundle,
                     const struct params *params, const char *dtype) MUST_CHECK;

/* Merges the adapter in `folder` into the bundle's weights, and takes over its tokenizer if it
 * brings one; a reward model's adapter makes a reward model of a language model. any_base: also
 * into weights that it was not trained on. Errors: adapter_open's and adapter_load's. */
enum err bundle_adapt(struct bundle *bundle, const char *folder, bool any_base) MUST_CHECK;

/* As bundle_save: a PEFT folder with the adapter and the tokenizer; `base` is the path of the
 * model that it belongs to. */
enum err bundle_save_adapter(const char *folder, const struct bundle *bundle,
                             const struct lora *lora, const char *base,
                             const char *dtype) MUST_CHECK;

/* A bundle without weights from a card (what an actor pulls over the wire); `name` for errors.
 */
enum err bundle_from_card(struct bundle **out, const char *card, size_t n,
                          const char *name) MUST_CHECK;

/* A card for a model made from nothing. bundle->shape, tokenizer and chat must be set. */
enum err bundle_make_card(struct bundle *bundle) MUST_CHECK;

#endif
