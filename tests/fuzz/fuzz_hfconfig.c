/* fuzz_hfconfig: any bytes as config.json; what is read is written and reads the same. */
#include "lm/file/hfconfig.h"
#include "lm/file/hfconfig_write.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct shape shape, again;
    json_t *config;
    enum err err;

    if (hfconfig_parse(&config, (const char *)bytes, n, "fuzz", 0))
        return 0;
    err = hfconfig_read(&shape, config, "fuzz");
    if (!err && hfconfig_generation(&shape, config, "fuzz"))
        err = ERR_RANGE;
    json_decref(config);
    if (err)
        return 0;
    config = hfconfig_write(&shape, "float32");
    if (hfconfig_read(&again, config, "written") || memcmp(&shape, &again, sizeof shape) != 0)
        __builtin_trap();
    json_decref(config);
    return 0;
}
