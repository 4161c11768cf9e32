/* A SentencePiece model file, and behind its last zero byte a text for it. What loads must encode,
 * decode, and write a tokenizer.json that gives the same ids. */

#define _GNU_SOURCE /* memrchr */

#include "lm/text/tokenizer.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char other[] = "Hello  w\xC3\xB6rld \xE2\x96\x81<s> e\xCC\x81\n\xFF";
    const char *zero = n ? memrchr(bytes, 0, n) : NULL;
    const char *text = zero ? zero + 1 : other;
    size_t m = zero ? n - (size_t)(text - (const char *)bytes) : strlen(other);
    struct tokenizer *tokenizer, *again;
    int *ids = NULL, *ids2 = NULL;
    size_t count = 0, count2 = 0, written;
    char *file, *back;

    if (tokenizer_spm(&tokenizer, (const char *)bytes, n, NULL, "fuzz"))
        return 0;
    m = m < 4096 ? m : 4096;
    if (!tokenizer_encode(tokenizer, text, m, true, &ids, &count)) {
        for (size_t i = 0; i < count; i++)
            assert(ids[i] >= 0 && ids[i] < tokenizer_count(tokenizer));
        if (!tokenizer_decode(tokenizer, ids, count, false, &back, &written))
            free(back);
        assert(!tokenizer_write(tokenizer, &file, &written));
        assert(!tokenizer_json(&again, file, written, "written"));
        assert(!tokenizer_encode(again, text, m, true, &ids2, &count2));
        assert(count == count2 && (!count || !memcmp(ids, ids2, count * sizeof *ids)));
        tokenizer_free(again);
        free(file);
    }
    free(ids);
    free(ids2);
    tokenizer_free(tokenizer);
    return 0;
}
