/* model_files: a model as people name it: a Hugging Face folder, a .gguf file, a run folder or
 * a PEFT adapter's folder, which means its base with the adapter merged (lm/model/lora.h).
 *
 * Everything that generation, scoring and training need, in memory: weights, shape, tokenizer,
 * chat template. Hostile files are refused with file, offset and reason. */

#ifndef LM_FILE_MODEL_FILES_H
#define LM_FILE_MODEL_FILES_H

#include "lm/model/lora.h"
#include "lm/text/chat.h"
#include "lm/text/tokenizer.h"

struct model_files {
    struct shape shape;
    struct params *params;        /* f32; NULL but with MODEL_FILES_ALL */
    float *image;                 /* packed; NULL but with MODEL_FILES_PACKED and _RUN */
    struct packed_layout *layout; /* the image's */
    enum packed_store store; /* of MODEL_FILES_PACKED; a folder's headers tell it with _META */
    bool merged;             /* an adapter was, into its base */
    bool untied; /* the config says that head and embedding are one, and the files have both */
    bool runs;   /* opened with MODEL_FILES_RUN: nothing of it travels */
    struct tokenizer *tokenizer; /* NULL only with model_files_weights */
    struct chat *chat;           /* NULL: none */
    char *chat_error; /* why the template is not usable, or NULL: only chat input fails on it */
    json_t *tokens;   /* chat_tokens_named's, for whichever template comes; NULL: none */
    char *
        card; /* JSON: config, tokenizer.json, template: all but the weights; NULL where it runs */
    size_t card_size;
    char *generation; /* text of the folder's generation_config.json, which a saved model keeps;
                         NULL: none. It is no part of the card */
    char *start; /* the folder that was opened, whose other files a saved one keeps; NULL */
};

enum model_files_want {
    MODEL_FILES_ALL,
    MODEL_FILES_META,   /* no weights: tokenize, inspect */
    MODEL_FILES_PACKED, /* weights ready to run, once in memory: bfloat16 stays (packed.h) */
    MODEL_FILES_RUN /* the same for whoever does nothing else: in int8 they are whole numbers */
};

/* The .gguf file, or the folder with config.json or adapter_config.json, that `path` means: a
 * run folder means its model/, or its newest checkpoint's model; a name on a hub (base/repo.h)
 * means the files that are fetched of it. *out is freed with free(). Errors: ERR_IO, repo's. */
enum err model_files_find(char **out, const char *path) MUST_CHECK;
/* The same for MODEL_FILES_META: of a name on a hub no weights are fetched. */
enum err model_files_find_text(char **out, const char *path) MUST_CHECK;

/* A model that shall compute so: its shape says it, and its weights are rounded for it. Errors name the
 * file. A tokenizer with more tokens than the embedding has rows is refused. */
enum err model_files_open_as(struct model_files **out, const char *path,
                             enum model_files_want want, enum precision compute) MUST_CHECK;
/* The same in float32. */
MUST_CHECK static inline enum err model_files_open(struct model_files **out, const char *path,
                                                   enum model_files_want want)
{
    return model_files_open_as(out, path, want, PRECISION_FLOAT32);
}
void model_files_free(struct model_files *files);

/* The weights (`want`) of a model that was opened with MODEL_FILES_META, `card`: its shape, params or image, and
 * neither tokenizer nor template, which are not read again. An adapter is opened whole. Errors: as model_files_open_as. */
enum err model_files_weights(struct model_files **out, const struct model_files *card,
                             const char *path, enum model_files_want want) MUST_CHECK;
/* Its steps, which opening goes through, too. A folder's files of weights, and what they say of the shape: whether
 * head and embedding are one (files->untied, said where more than a card is wanted); *out is NULL where a card alone
 * is wanted and there are none. Then, of either kind of file, what is wanted, by files->shape. Errors: those of
 * weights.h and ggufmodel.h. */
struct weights;
struct gguf;
enum err model_files_weights_open(struct weights **out, struct model_files *files,
                                  struct shape *shape, const char *folder,
                                  enum model_files_want want) MUST_CHECK;
enum err model_files_weights_folder(struct model_files *files, struct weights *weights,
                                    enum model_files_want want) MUST_CHECK;
enum err model_files_weights_gguf(struct model_files *files, struct gguf *file,
                                  enum model_files_want want) MUST_CHECK;

/* A model whose rotation depends on how long sequences are (longrope) is opened for those of its
 * original context. From now on it is ready for `longest` tokens, or as many as it takes: says so
 * on stderr, and in the meta that actors and rewarders go by. Errors: ERR_PARSE. */
enum err model_files_reach(struct model_files *files, int longest) MUST_CHECK;

/* Writes config.json, generation_config.json, model.safetensors (f32, or bf16), tokenizer.json,
 * tokenizer_config.json (and special tokens) into `folder` so that a crash leaves the old
 * folder or the new: a sibling is written, fsynced and renamed. Opens in transformers 4.56 and
 * 5 with equal logits. */
enum err model_files_save(const char *folder, const struct model_files *files,
                          const struct params *params, const char *dtype) MUST_CHECK;

/* Writes the model as the GGUF file `path` (ggufmodel_write.h), which names it `name`. dtype: one of
 * gguf_mix's; pre: NULL, or llama.cpp's name of the pre-tokenizer. Errors: ggufmodel_write's. */
struct ggufmodel_written;
enum err model_files_save_gguf(struct ggufmodel_written *out, const char *path,
                               const struct model_files *files, const char *name,
                               const char *dtype, const char *pre) MUST_CHECK;

/* Merges the adapter in `folder` into the weights of these files, and takes over its tokenizer
 * if it brings one; a reward model's adapter makes a reward model of a language model.
 * any_base: also into weights that it was not trained on. Errors: adapter_open's and
 * adapter_load's. */
enum err model_files_adapt(struct model_files *files, const char *folder,
                           bool any_base) MUST_CHECK;

/* As model_files_save: a PEFT folder with the adapter and the tokenizer; `base` is the path of
 * the model that it belongs to. */
enum err model_files_save_adapter(const char *folder, const struct model_files *files,
                                  const struct lora *lora, const char *base,
                                  const char *dtype) MUST_CHECK;

/* A model without weights from a card (what an actor pulls over the wire); `name` for
 * errors.
 */
enum err model_files_from_meta(struct model_files **out, const char *card, size_t n,
                               const char *name) MUST_CHECK;

/* A card for a model made from nothing. model files->shape, tokenizer and chat must be set. What runs gets none. */
enum err model_files_make_meta(struct model_files *files) MUST_CHECK;

#endif
