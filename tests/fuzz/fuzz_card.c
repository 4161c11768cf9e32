/* fuzz_card: any bytes as a model card, which an actor takes from the wire. */
#include "lm/file/model_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct model_files *files;

    if (!model_files_from_meta(&files, (const char *)bytes, n, "fuzz"))
        model_files_free(files);
    return 0;
}
