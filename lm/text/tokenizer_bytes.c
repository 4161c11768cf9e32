/* How it works: a tokenizer.json made in memory (256 byte tokens, no merges) and read as any
 * other, so that a small world's tokenizer has no code of its own behind it. */

#include "lm/text/tokenizer.h"
#include "lm/text/tokenizer_parts.h"

#include "lm/text/alphabet.h"
#include "lm/text/utf8.h"

#include <string.h>

enum err tokenizer_bytes(struct tokenizer **out, const char *const *special, int specials)
{
    struct tokenizer *tokenizer = tokenizer_parts_new();
    json_t *added = json_array();
    json_t *pre = json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0,
                            "trim_offsets", 1, "use_regex", 0);
    enum err err = OK;

    *out = NULL;
    for (int i = 0; i < specials && !err; i++) {
        const size_t n = strlen(special[i]);

        err = !n || !utf8_valid(special[i], n)
                  ? err_set(ERR_RANGE, "special token %d: empty, or not UTF-8", i)
                  : vocab_put(tokenizer->vocab, i, special[i], n);
        if (!err)
            json_array_append_new(added, tokenizer_parts_added(i, special[i], true));
    }
    for (int c = 0; c < 256 && !err; c++) {
        const char byte = (char)c;
        char text[4];

        err = vocab_put(tokenizer->vocab, specials + c, text, alphabet_write(text, &byte, 1));
    }
    if (err) {
        json_decref(added);
        json_decref(pre);
    } else {
        err = tokenizer_parts_ready(
            tokenizer, tokenizer_parts_frame(added, pre, json_null(), false, false));
    }
    if (err) {
        tokenizer_free(tokenizer);
        return err_add("byte tokenizer");
    }
    *out = tokenizer;
    return OK;
}
