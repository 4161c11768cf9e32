/* Two kinds: pickles, which weights and model_files meet, and checkpoints whose config.json
 * says in quantization_config that their weights are packed integers or 8-bit floats (hfconfig).
 * A refusal that only says no leaves a person searching; each of these says what would open. */

#include "lm/file/unopened.h"

#include "lm/file/source.h"

#include <stdio.h>
#include <string.h>

enum err unopened_pickle(const char *folder, const char *file)
{
    return err_set(
        ERR_PARSE,
        "%s/%s: a Python pickle, which can run code, is not opened; safetensors are, "
        "which this writes beside it: python3 -c \"from transformers import "
        "AutoModelForCausalLM as M; M.from_pretrained('%s', torch_dtype='auto')"
        ".save_pretrained('%s')\"",
        folder, file, folder, folder);
}

/* quant_method as transformers spells it, and what people call it. */
static const struct {
    const char *method, *name;
} schemes[] = {
    {"gptq", "GPTQ (packed integers)"},
    {"awq", "AWQ (packed integers)"},
    {"fp8", "FP8 (F8_E4M3 with scales)"},
    {"fbgemm_fp8", "FBGEMM FP8 (F8_E4M3 with scales)"},
    {"bitsandbytes", "bitsandbytes (8 or 4 bits)"},
    {"compressed-tensors", "compressed-tensors"},
    {"mxfp4", "MXFP4"},
    {"aqlm", "AQLM"},
    {"hqq", "HQQ"},
    {"eetq", "EETQ (8 bits)"},
    {"quanto", "Quanto"},
    {"torchao", "torchao"},
    {"bitnet", "BitNet"},
    {"higgs", "HIGGS"},
    {"vptq", "VPTQ"},
    {"quark", "Quark"},
};

const char *unopened_scheme(char out[UNOPENED_WHY], const char *method)
{
    char shown[SOURCE_SHOWN];
    const char *name = method ? source_shown(shown, method, strlen(method)) : "quantised";

    for (size_t i = 0; method && i < sizeof schemes / sizeof *schemes; i++)
        if (!strcmp(method, schemes[i].method))
            name = schemes[i].name;
    snprintf(
        out, UNOPENED_WHY,
        "%s checkpoints are not read: take the model in bfloat16, float16 or float32, or a "
        ".gguf of it",
        name);
    return out;
}
