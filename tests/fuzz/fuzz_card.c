/* fuzz_card: any bytes as a model card, which an actor takes from the wire. */
#include "lm/file/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct bundle *bundle;

    if (!bundle_from_card(&bundle, (const char *)bytes, n, "fuzz"))
        bundle_free(bundle);
    return 0;
}
