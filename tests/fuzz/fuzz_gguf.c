/* fuzz_gguf: any bytes as a GGUF file: opened, every tensor dequantised, shape, weights,
 * tokenizer and template taken from it. */
#include "base/mem.h"
#include "lm/file/gguf.h"
#include "lm/file/ggufmodel.h"
#include "lm/file/ggufshape.h"
#include "lm/file/source.h"
#include "lm/text/tokenizer.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void read_tensors(struct gguf *file, size_t n)
{
    for (size_t i = 0; i < gguf_count(file); i++) {
        const struct gguf_tensor *tensor = gguf_at(file, i);
        float *to;
        if (tensor->bytes > n || tensor->values > 8 * n)
            __builtin_trap(); /* more data than the file has */
        to = mem_new(tensor->values, sizeof *to);
        if (gguf_read(file, tensor, 0, tensor->values / tensor->dim[0], to))
            __builtin_trap(); /* checked when it was opened */
        free(to);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct params *params;
    struct tokenizer *tokenizer;
    struct source *source;
    struct shape shape;
    struct gguf *file;
    char *text;

    source_memory(&source, bytes, n, "fuzz");
    if (gguf_take(&file, source))
        return 0;
    read_tensors(file, n);
    if (!ggufshape_read(&shape, file) && !ggufmodel_weights(&params, file, &shape))
        params_free(params);
    if (!ggufmodel_tokenizer(&tokenizer, file))
        tokenizer_free(tokenizer);
    if (!ggufmodel_template(&text, file))
        free(text);
    gguf_close(file);
    return 0;
}
