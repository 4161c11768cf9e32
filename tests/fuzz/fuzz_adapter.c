/* Adapters that a stranger could send, for the image that a host makes of them.
 *
 * Input: a byte of how. Even: the rest is the adapter. Odd: rank, alpha, rslora, a byte by how much its
 * length is wrong, then a kind each weight: an adapter of this model's otherwise, so that merging is
 * reached. It and the images lie in blocks of just their size: a step beyond one is seen by the
 * sanitizer. */

#include "base/log.h"
#include "base/mem.h"
#include "lm/file/hfconfig.h"
#include "lm/model/lora_image.h"
#include "lm/model/packed.h"
#include "lm/model/params.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD = 32, ALIGN = 64, TAKEN = 4 };
static const char card[] =
    "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"hidden_size\":32,"
    "\"intermediate_size\":48,\"num_hidden_layers\":1,\"num_attention_heads\":2,"
    "\"num_key_value_heads\":1,\"vocab_size\":70,\"max_position_embeddings\":64,"
    "\"rms_norm_eps\":1e-5,\"rope_theta\":10000,\"tie_word_embeddings\":true,"
    "\"hidden_act\":\"silu\",\"bos_token_id\":1,\"eos_token_id\":2}";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct shape shape;
static struct params *base;
static float *base_image, *image;

static void must(bool so)
{
    if (!so)
        abort();
}

static void prepare(void)
{
    json_t *config;

    must(!log_level("error"));
    must(!hfconfig_parse(&config, card, sizeof card - 1, "card", 0));
    must(!hfconfig_read(&shape, config, "card"));
    json_decref(config);
    must(!params_outline(&base, &shape));
    must(!mem_big(&base_image, packed_size(&shape), 1, "base"));
    must(!mem_big(&image, packed_size(&shape), 1, "image"));
    memset(base_image, 0, packed_size(&shape));
}

/* Of a pair A [r, in] and B [out, r], of a whole weight its numbers. */
static size_t floats(const uint8_t *kind, size_t r)
{
    size_t all = 0;

    for (int i = 0; i < base->n; i++) {
        const struct tensor *t = &base->tensor[i];

        if (kind[i] == 1)
            all += r * (size_t)(t->rows + t->cols);
        else if (kind[i] == 2)
            all += (size_t)t->rows * (size_t)t->cols;
    }
    return all;
}

static uint8_t *make(const uint8_t *bytes, size_t n, size_t *size)
{
    const uint32_t head[2] = {bytes[0] % 9u, (uint32_t)base->n};
    const double alpha = bytes[1];
    const uint32_t rslora = bytes[2] & 1;
    const size_t at = ((size_t)HEAD + (size_t)base->n + ALIGN - 1) / ALIGN * ALIGN;
    uint8_t *kind = mem_new((size_t)base->n, 1);
    float *out;

    for (size_t i = 0; i < (size_t)base->n; i++)
        kind[i] = i + TAKEN < n ? (uint8_t)(bytes[i + TAKEN] % 4) : 0;
    *size = at + floats(kind, head[0]) * sizeof(float) + bytes[3] % 3;
    must(!mem_big(&out, *size, 1, "adapter"));
    memset(out, 0, *size);
    memcpy(out, "drvadapt", 8);
    memcpy((uint8_t *)out + 8, head, sizeof head);
    memcpy((uint8_t *)out + 16, &alpha, sizeof alpha);
    memcpy((uint8_t *)out + 24, &rslora, sizeof rslora);
    memcpy((uint8_t *)out + HEAD, kind, (size_t)base->n);
    free(kind);
    return (uint8_t *)out;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    uint8_t *adapter;
    float *copy;
    size_t size = n - 1;
    enum err err;

    if (!base)
        prepare();
    if (n < 1 + TAKEN)
        return 0;
    if (bytes[0] & 1) {
        adapter = make(bytes + 1, n - 1, &size);
    } else {
        must(!mem_big(&copy, size, 1, "adapter"));
        adapter = memcpy(copy, bytes + 1, size);
    }
    err = lora_image_merge(image, base_image, &shape, adapter, size);
    must(!err || err == ERR_PARSE || err == ERR_RANGE);
    free(adapter);
    return 0;
}
