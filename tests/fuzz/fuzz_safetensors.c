/* fuzz_safetensors: any bytes as a safetensors file: opened, and all of it read. */
#include "base/mem.h"
#include "lm/file/safetensors.h"
#include "lm/file/source.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct safetensors *file;
    struct source *source;

    source_memory(&source, bytes, n, "fuzz");
    if (safetensors_take(&file, source))
        return 0;
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const struct safetensors_tensor *tensor = safetensors_at(file, i);
        char shape[SAFETENSORS_SHAPE];
        float *to;
        safetensors_shape(shape, tensor);
        if (tensor->bytes > n)
            __builtin_trap(); /* more data than the file has */
        to = mem_new(tensor->values, sizeof *to);
        if (safetensors_read(file, tensor, to))
            to[0] = 0;
        free(to);
    }
    safetensors_close(file);
    return 0;
}
