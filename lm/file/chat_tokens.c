/* From the shape and the tokenizer, which every form of a model has: a folder, a GGUF file and
 * the card that actors pull give a template the same tokens. */
#include "lm/file/chat_tokens.h"

static void put(json_t *all, const char *name, const struct tokenizer *tokenizer, int id)
{
    const bool there = id >= 0 && id < tokenizer_count(tokenizer);
    size_t n = 0;
    const char *piece = there ? tokenizer_piece(tokenizer, id, &n) : NULL;

    if (piece)
        json_object_set_new(all, name, json_stringn(piece, n));
}

json_t *chat_tokens(const struct shape *shape, const struct tokenizer *tokenizer)
{
    json_t *all = json_object();

    put(all, "bos_token", tokenizer, shape->bos);
    put(all, "eos_token", tokenizer, shape->eos_count ? shape->eos[0] : -1);
    put(all, "pad_token", tokenizer, shape->pad);
    return all;
}
