/* How it works: questions are shuffled once, and the first `train` of them are for training,
 * the next `heldout` for nobody. The tokenizer is written by hand: bytes, and a token for
 * each word of the world with the blank before it, reached by merges letter by letter. The
 * model is random (params_init) with the tokens' number rounded up to what the kernels like.
 * Then the files of lines; each is collected and written whole, so that a world is there or
 * not.
 *
 * Everything follows from the seed: tests compare the hashes of two worlds. */
#include "examples/world/world_make.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"
#include "examples/world/annotators.h"
#include "examples/world/world.h"
#include "lm/file/model_files.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A tokenizer in which each word of the world, with the space before it, becomes one token:
 * merges grow every word from its left end, so all merges are prefixes of words. */
struct vocabulary {
    char **token, **merge;
    int32_t *type;
    size_t tokens, merges;
};

/* Takes the text. */
static void token_add(struct vocabulary *v, char *text, int32_t type)
{
    v->token = mem_grow(v->token, v->tokens + 1, sizeof *v->token);
    v->type = mem_grow(v->type, v->tokens + 1, sizeof *v->type);
    v->type[v->tokens] = type;
    v->token[v->tokens++] = text;
}

/* The word letter by letter: a merge joins what is there with the next letter. */
static void grow_word(struct vocabulary *v, const char *word)
{
    for (size_t n = 1; n <= strlen(word); n++) {
        char *left = mem_print("\u0120%.*s", (int)n - 1, word);
        char *whole = mem_print("\u0120%.*s", (int)n, word);
        bool known = false;
        for (size_t i = 0; i < v->tokens && !known; i++)
            known = !strcmp(v->token[i], whole);
        if (known) {
            free(whole);
        } else {
            v->merge = mem_grow(v->merge, v->merges + 1, sizeof *v->merge);
            v->merge[v->merges++] = mem_print("%s %c", left, word[n - 1]);
            token_add(v, whole, 1);
        }
        free(left);
    }
}

/* The byte-level alphabet (GPT-2): printable bytes are themselves, the others U+0100 + n. */
static char *byte_token(int byte, int *spare)
{
    const bool printable = (byte > 32 && byte < 127) || (byte > 160 && byte != 173);
    const int code = printable ? byte : 256 + (*spare)++;

    if (code < 128)
        return mem_print("%c", code);
    return mem_print("%c%c", 0xC0 | code >> 6, 0x80 | (code & 63));
}

/* In GGUF's terms, since the reader of those takes a list of tokens and merges as it is. */
static enum err make_tokenizer(struct tokenizer **out)
{
    struct vocabulary v = {.tokens = 0};
    struct tokenizer_gguf parts = {.model = "gpt2", .pre = "gpt-2", .bos = -1};
    int spare = 0;
    enum err err;

    token_add(&v, mem_text("<|pad|>"), 3);
    token_add(&v, mem_text("<|endoftext|>"), 3);
    for (int byte = 0; byte < 256; byte++)
        token_add(&v, byte_token(byte, &spare), 1);
    for (const char *const *w = world_words(); *w; w++)
        grow_word(&v, *w);
    parts.tokens = v.tokens;
    parts.merges = v.merges;
    parts.token = (const char *const *)v.token;
    parts.merge = (const char *const *)v.merge;
    parts.type = v.type;
    err = tokenizer_gguf(out, &parts, "world");
    for (size_t i = 0; i < v.tokens; i++)
        free(v.token[i]);
    for (size_t i = 0; i < v.merges; i++)
        free(v.merge[i]);
    free(v.token);
    free(v.merge);
    free(v.type);
    return err;
}

/* Llama's shape, small, with tied embeddings: the demo trains it on two cores. */
static enum err make_model(const struct world_plan *plan)
{
    struct model_files files = {.chat = NULL};
    struct params *params = NULL;
    char *folder = mem_print("%s/model", plan->dir);
    enum err err = make_tokenizer(&files.tokenizer);

    if (!err) {
        files.shape = (struct shape){.family = FAMILY_LLAMA,
                                     .head = HEAD_LM,
                                     .layers = plan->layers,
                                     .width = plan->width,
                                     .heads = plan->heads,
                                     .kv_heads = plan->heads,
                                     .head_dim = plan->width / plan->heads,
                                     .ffn = plan->width * 3,
                                     .vocab = (tokenizer_count(files.tokenizer) + 31) / 32 * 32,
                                     .context = plan->context,
                                     .tied = true,
                                     .norm_eps = 1e-5f,
                                     .rope_theta = 1e4,
                                     .rope_factor = 1,
                                     .init_std = 0.05,
                                     .bos = -1,
                                     .pad = 0,
                                     .eos = {1},
                                     .eos_count = 1};
        err = model_files_make_meta(&files);
    }
    if (!err)
        err = params_new(&params, &files.shape);
    if (!err) {
        params_init(params, (uint64_t)plan->seed, false);
        err = model_files_save(folder, &files, params, "float32");
    }
    if (!err)
        printf("model: %zu parameters, %d tokens, from nothing: %s\n", params->count,
               tokenizer_count(files.tokenizer), folder);
    params_free(params);
    tokenizer_free(files.tokenizer);
    free(files.card);
    free(folder);
    return err;
}

/* Lines of one file, collected and written whole. */
struct sheet {
    char *text;
    size_t n;
};

/* Takes the line. */
static void sheet_add(struct sheet *sheet, json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT);
    const size_t n = strlen(text);

    sheet->text = mem_grow(sheet->text, sheet->n + n + 2, 1);
    memcpy(sheet->text + sheet->n, text, n);
    sheet->n += n;
    sheet->text[sheet->n++] = '\n';
    free(text);
    json_decref(line);
}

/* The whole sheet at once, and the sheet is empty again. */
static enum err sheet_write(struct sheet *sheet, const char *dir, const char *name)
{
    char *path = mem_print("%s/%s", dir, name);
    enum err err = fs_write(path, sheet->text, sheet->n);

    free(path);
    free(sheet->text);
    memset(sheet, 0, sizeof *sheet);
    return err;
}

/* Some of the shuffled questions. */
static enum err make_prompts(const struct world_plan *plan, const uint32_t *order, int from,
                             int n, const char *name)
{
    struct sheet sheet = {NULL, 0};
    char prompt[WORLD_TEXT];

    for (int i = from; i < from + n; i++) {
        world_prompt(prompt, (int)order[i]);
        sheet_add(&sheet, json_pack("{s:s}", "prompt", prompt));
    }
    return sheet_write(&sheet, plan->dir, name);
}

/* Questions come again when there are more demonstrations; their draws differ. */
static enum err make_demonstrations(const struct world_plan *plan, const uint32_t *order)
{
    struct sheet sheet = {NULL, 0};
    char prompt[WORLD_TEXT], answer[WORLD_TEXT];

    for (int i = 0; i < plan->demonstrations; i++) {
        const int q = (int)order[i % plan->train];
        world_prompt(prompt, q);
        world_demonstration(answer, q, (uint64_t)plan->seed, (uint32_t)i);
        sheet_add(&sheet, json_pack("{s:s,s:s}", "prompt", prompt, "completion", answer));
    }
    return sheet_write(&sheet, plan->dir, "sft.jsonl");
}

/* Pairs of demonstrations, as the panel chooses. */
static enum err make_pairs(const struct world_plan *plan, const uint32_t *order)
{
    struct sheet sheet = {NULL, 0};
    struct annotators panel = {.seed = (uint64_t)plan->seed};
    char prompt[WORLD_TEXT], text[2][WORLD_TEXT];
    enum err err;

    for (uint32_t i = 0; panel.pairs < plan->pairs; i++) {
        const int q = (int)order[i % (uint32_t)plan->train];
        for (uint32_t k = 0; k < 2; k++)
            world_demonstration(text[k], q, (uint64_t)plan->seed + 1, 2 * i + k);
        if (!strcmp(text[0], text[1]))
            continue;
        world_prompt(prompt, q);
        sheet_add(&sheet,
                  annotators_choose(&panel, i, q, prompt,
                                    &(struct annotators_pair){text[0], text[1], true, true}));
    }
    err = sheet_write(&sheet, plan->dir, "pairs.jsonl");
    if (!err)
        annotators_tell(&panel);
    return err;
}

enum err world_make(const struct world_plan *plan)
{
    uint32_t *order = mem_new(WORLD_PROMPTS, sizeof *order);
    enum err err = OK;

    if (plan->train + plan->heldout > WORLD_PROMPTS)
        err = err_set(ERR_RANGE, "train + heldout: the world has %d questions", WORLD_PROMPTS);
    if (!err && plan->width % (16 * plan->heads))
        err = err_set(ERR_RANGE, "width: a multiple of 16 x heads");
    if (!err)
        err = fs_mkdir(plan->dir);
    rng_shuffle(order, WORLD_PROMPTS, (uint64_t)plan->seed, RNG_WORLD, 0);
    if (!err)
        err = make_model(plan);
    if (!err)
        err = make_demonstrations(plan, order);
    if (!err)
        err = make_pairs(plan, order);
    if (!err)
        err = make_prompts(plan, order, 0, plan->train, "prompts.jsonl");
    if (!err)
        err = make_prompts(plan, order, plan->train, plan->heldout, "heldout.jsonl");
    free(order);
    return err;
}
