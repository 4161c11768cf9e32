/* What a client may send to `drover serve`: a body as JSON, read as both kinds of request, beside
 * a small model's template and tokenizer; and what a model may write as calls of tools. */

#include "serve/ask.h"
#include "serve/tool_calls.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct open_model loaded;

static const struct ask_model *model(void)
{
    static struct ask_model own;

    if (own.loaded)
        return &own;
    if (open_model_all(&loaded, GOLDEN "/model/qwen5", HEAD_LM, NULL)) {
        fprintf(stderr, "fuzz: %s\n", err_text());
        exit(2);
    }
    own = (struct ask_model){&loaded, "m", 64, 0};
    return &own;
}

/* Whatever was read holds what the engine counts on. */
static void look(const struct ask_request *a)
{
    const struct shape *shape = model_shape(loaded.model);

    if (a->prompts < 1 || a->n < 1 || a->prompts * a->n > ASK_TOGETHER_MAX)
        abort();
    for (int i = 0; i < a->prompts; i++) {
        const int n = a->prompt[i].n, most = ask_most(a, model(), i);

        if (n < 1 || most < 0 || n + most > 64 || (!most && !a->echo))
            abort();
        for (int k = 0; k < n; k++)
            if (a->prompt[i].ids[k] < 0 || a->prompt[i].ids[k] >= shape->vocab)
                abort();
    }
    if (a->sampling.max_new && sample_check(&a->sampling))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    json_t *body = json_loadb((const char *)bytes, n, 0, NULL);
    struct fields fields;
    struct ask_request a;
    size_t before;
    bool unknown;

    json_decref(tool_calls_read((const char *)bytes, n, NULL, "x", &before));
    for (int chat = 0; chat < 2 && body; chat++) {
        if (!ask_read(&a, &fields, chat, body, model(), 1, &unknown))
            look(&a);
        ask_free(&a);
    }
    json_decref(body);
    return 0;
}
