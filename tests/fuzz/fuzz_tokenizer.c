/* A tokenizer.json and a text for it, split at the first zero byte; without one, the bytes are
 * both. What loads must encode, decode to the text where all bytes are tokens, and write a file
 * that gives the same ids. */

#include "lm/text/tokenizer.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void same_again(const struct tokenizer *tokenizer, const char *text, size_t n)
{
    struct tokenizer *again;
    int *ids = NULL, *ids2 = NULL;
    size_t count = 0, count2 = 0, written;
    char *file, *back;

    if (tokenizer_encode(tokenizer, text, n, true, &ids, &count))
        return;
    for (size_t i = 0; i < count; i++)
        assert(ids[i] >= 0 && ids[i] < tokenizer_count(tokenizer));
    if (!tokenizer_decode(tokenizer, ids, count, false, &back, &written))
        free(back);
    assert(!tokenizer_write(tokenizer, &file, &written));
    assert(!tokenizer_json(&again, file, written, "written"));
    assert(!tokenizer_encode(again, text, n, true, &ids2, &count2));
    assert(count == count2 && (!count || !memcmp(ids, ids2, count * sizeof *ids)));
    tokenizer_free(again);
    free(file);
    free(ids);
    free(ids2);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const char *file = (const char *)bytes;
    const char *zero = n ? memchr(file, 0, n) : NULL;
    const size_t head = zero ? (size_t)(zero - file) : n;
    const char *text = zero ? zero + 1 : file;
    size_t m = zero ? n - head - 1 : n;
    struct tokenizer *tokenizer;

    if (tokenizer_json(&tokenizer, file, head, "fuzz"))
        return 0;
    m = m < 4096 ? m : 4096;
    same_again(tokenizer, text, m);
    tokenizer_free(tokenizer);
    return 0;
}
