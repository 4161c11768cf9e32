/* A reward model is read at the last token that is not its pad, so a pad that is also the end would
 * hide it: one is sought that no text has. First what the model says, then the names that are
 * usual, then a special token that nothing uses, a row without a token, the BOS. */
#include "lm/file/folder.h"
#include "lm/text/tokenizer.h"

static bool is_stop(const struct shape *shape, int id)
{
    for (int i = 0; i < shape->eos_count; i++)
        if (shape->eos[i] == id)
            return true;
    return false;
}

/* Not the BOS either: a text may begin with it, and padding must not look like text. */
static bool can_pad(const struct shape *shape, int id)
{
    return id < shape->vocab && id != shape->bos && !is_stop(shape, id);
}

int folder_pad(const struct shape *shape, const struct tokenizer *tokenizer)
{
    /* what families and their trainers pad with, the plainest names first */
    static const char *const usual[] = {
        "<pad>",
        "[PAD]",
        "<|pad|>",
        "<|finetune_right_pad_id|>",
        "<|endoftext|>",
        "<unk>",
        "<|reserved_special_token_0|>",
    };
    const int count = tokenizer_count(tokenizer);
    int spare = -1;

    if (shape->pad >= 0 && !is_stop(shape, shape->pad))
        return shape->pad;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        const int id = tokenizer_id(tokenizer, usual[i]);
        if (id >= 0 && can_pad(shape, id))
            return id;
    }
    /* else the last special token: the first ones are those in use */
    for (int id = 0; id < count; id++)
        if (tokenizer_is_special(tokenizer, id) && can_pad(shape, id))
            spare = id;
    if (spare >= 0)
        return spare;
    if (count < shape->vocab) /* a row of the embedding that no token has */
        return count;
    return shape->bos >= 0 && !is_stop(shape, shape->bos) ? shape->bos : -1;
}
