/* folder: a Hugging Face model folder without its weights: read, and written whole. */

#ifndef LM_FILE_FOLDER_H
#define LM_FILE_FOLDER_H

#include "lm/file/model_meta.h"

struct params;
struct tokenizer;

/* config.json, generation_config.json, tokenizer.json, tokenizer_config.json and
 * chat_template.jinja. The tokenizer's own EOS becomes the shape's first stop and its PAD the
 * shape's where the configuration has none; those names are found in the text by
 * folder_tokens once there is a tokenizer. Errors name the file. */
struct folder {
    struct model_meta card;
    char *eos, *bos, *pad; /* as tokenizer_config.json names them; NULL if it does not */
    char *generation;      /* text of generation_config.json; NULL: none */
    json_t *config;        /* tokenizer_config.json's object; NULL: none */
};
enum err folder_read(struct folder *out, const char *path) MUST_CHECK;
enum err folder_tokens(struct folder *folder, const struct tokenizer *tokenizer,
                       const char *path) MUST_CHECK;
void folder_fini(struct folder *folder);

/* Writes the whole folder beside `path` and swaps it in: a crash leaves the old one or the new.
 * A folder that holds files this function would not write is not touched. `card.shape` must be
 * the params'. generation: the start model's (NULL: none), whose ids become the shape's. start: the
 * start model's folder, from which what training does not change goes along (NULL: none). dtype:
 * "float32" or "bfloat16". Errors: ERR_IO, ERR_RANGE, ERR_STATE. */
enum err folder_write(const char *path, const struct model_meta *card,
                      const struct tokenizer *tokenizer, const struct params *params,
                      const char *generation, const char *start, const char *dtype) MUST_CHECK;

/* The same swap around any writer of a folder's files. */
enum err folder_replace(const char *path, enum err (*write)(void *self, const char *path),
                        void *self) MUST_CHECK;
/* Only tokenizer.json, tokenizer_config.json and special_tokens_map.json, into `path`, and what
 * else `start` (may be NULL) has of its tokenizer. */
enum err folder_write_tokenizer(const char *path, const struct model_meta *card,
                                const struct tokenizer *tokenizer,
                                const char *start) MUST_CHECK;
/* The text of the folder's chat template; free it. Errors: ERR_IO, ERR_PARSE (none there). */
enum err folder_template(char **out, const char *path) MUST_CHECK;
/* The tokenizer's files alone; out->card.shape is the caller's. */
enum err folder_read_tokenizer(struct folder *out, const char *path) MUST_CHECK;

/* A token that a reward model may be padded with: no stop, so that transformers, which reads
 * the last token that is not the pad, reads what was trained. -1 if there is none. */
int folder_pad(const struct shape *shape, const struct tokenizer *tokenizer);

#endif
