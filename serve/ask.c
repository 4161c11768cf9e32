/* Fields are read in the order of what depends on what: which model, how many answers, how they
 * are drawn, what is told, then the prompts, then whether all of it fits. Names and defaults are
 * OpenAI's where it has them, vLLM's beside them; ranges are the engine's. A seed that nobody
 * gave is drawn by the caller and told in the answer, so that any answer can be had again:
 * answer k to prompt i has the bits of `drover generate` with that seed, task i, sample k. */

#include "serve/ask.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_TOKENS = 16 }; /* of /v1/completions when nobody says: OpenAI's own */

static enum err read_model(struct fields *f, const struct ask_model *model, bool *unknown)
{
    const json_t *name = fields_get(f, "model");

    if (!name)
        return OK;
    if (!json_is_string(name))
        return fields_fault(f, "model", ERR_PARSE, "expected a text");
    /* Another model's answers in silence would be the worst of surprises. */
    *unknown = strcmp(json_string_value(name), model->name) != 0;
    return *unknown ? fields_fault(f, "model", ERR_RANGE, "'%s' is not served here; '%s' is",
                                   json_string_value(name), model->name)
                    : OK;
}

/* One text or a list of them; the engine bounds their length, and says so. */
static enum err read_stop(struct ask_request *a, struct fields *f)
{
    const json_t *stop = fields_get(f, "stop");
    const size_t n = json_is_array(stop) ? json_array_size(stop) : stop != NULL;

    if (n > SHAPE_STOPS)
        return fields_fault(f, "stop", ERR_RANGE, "at most %d texts", SHAPE_STOPS);
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_is_array(stop) ? json_array_get(stop, i) : stop;

        if (!json_string_length(one) || json_string_length(one) > 128)
            return fields_fault(f, "stop", ERR_RANGE, "expected texts of 1..128 bytes");
        a->stop[i] = mem_text(json_string_value(one));
        a->sampling.stop_text[i] = a->stop[i];
        a->sampling.stop_text_count++;
    }
    return OK;
}

/* The model's own end tokens, and more of the client's. */
static enum err read_stop_ids(struct ask_request *a, struct fields *f,
                              const struct shape *shape)
{
    const json_t *list = fields_get(f, "stop_token_ids");
    struct sampling *s = &a->sampling;
    bool ignored = false;
    enum err err = fields_bool(f, "ignore_eos", &ignored);

    for (int i = 0; i < shape->eos_count && !ignored; i++)
        s->stop[s->n_stop++] = shape->eos[i];
    if (err || !list)
        return err;
    if (!json_is_array(list) || json_array_size(list) > (size_t)(SHAPE_STOPS - s->n_stop))
        return fields_fault(f, "stop_token_ids", ERR_RANGE,
                            "expected a list of at most %d ids beside the model's own",
                            SHAPE_STOPS - s->n_stop);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *id = json_array_get(list, i);
        const json_int_t value = json_integer_value(id);

        if (!json_is_integer(id) || value < 0 || value >= shape->vocab)
            return fields_fault(f, "stop_token_ids", ERR_RANGE, "ids are in 0..%d",
                                shape->vocab - 1);
        s->stop[s->n_stop++] = (int)value;
    }
    return OK;
}

static enum err read_length(struct ask_request *a, struct fields *f)
{
    const char *name =
        fields_get(f, "max_completion_tokens") ? "max_completion_tokens" : "max_tokens";
    int64_t most = -1;
    enum err err = fields_int(f, name, a->echo ? 0 : 1, 1 << 20, &most);

    a->fit = most < 0;
    a->sampling.max_new = most >= 0 ? (int)most : a->chat ? 1 << 20 : TEXT_TOKENS;
    return err;
}

static enum err read_sampling(struct ask_request *a, struct fields *f,
                              const struct shape *shape)
{
    struct sampling *s = &a->sampling;
    int64_t top_k = 0, seed = (int64_t)a->seed, n = 1;
    enum err err;

    s->temperature = s->top_p = 1;
    err = fields_real(f, "temperature", 0, 100, &s->temperature);
    if (!err)
        err = fields_real(f, "top_p", 0, 1, &s->top_p);
    if (!err)
        err = fields_real(f, "min_p", 0, 1, &s->min_p);
    if (!err) /* vLLM's -1 is all tokens, as 0 is */
        err = fields_int(f, "top_k", -1, 1000000, &top_k);
    if (!err)
        err = fields_int(f, "seed", 0, (int64_t)1 << 53, &seed);
    if (!err)
        err = fields_int(f, "n", 1, ASK_ANSWERS_MAX, &n);
    if (!err && s->temperature > 0 && s->temperature < 1e-4f)
        err =
            fields_fault(f, "temperature", ERR_RANGE, "not 0 (greedy) and not in 0.0001..100");
    if (!err && !(s->top_p > 0))
        err = fields_fault(f, "top_p", ERR_RANGE, "0: not in (0, 1]");
    s->top_k = top_k > 0 ? (int)top_k : 0;
    a->seed = (uint64_t)seed;
    a->n = (int)n;
    if (!err)
        err = read_stop(a, f);
    return err ? err : read_stop_ids(a, f, shape);
}

/* OpenAI's and transformers' (lm/gen/penalty.h). */
static enum err read_penalties(struct ask_request *a, struct fields *f,
                               const struct shape *shape)
{
    struct penalties *p = &a->sampling.penalties;
    enum err err = fields_real(f, "presence_penalty", -2, 2, &p->presence);

    if (!err)
        err = fields_real(f, "frequency_penalty", -2, 2, &p->frequency);
    if (!err)
        err = fields_real(f, "repetition_penalty", .01, 100, &p->repetition);
    if (err || !fields_get(f, "logit_bias"))
        return err;
    err = penalty_biases(&a->bias, &p->biases, fields_get(f, "logit_bias"), shape->vocab);
    p->bias = a->bias;
    if (err)
        f->wrong = "logit_bias";
    return err;
}

/* Chat has a switch and a number, completions one number. */
static enum err read_logprobs(struct ask_request *a, struct fields *f)
{
    int64_t top = -1;
    enum err err;

    if (!a->chat) {
        err = json_is_false(fields_get(f, "logprobs"))
                  ? OK
                  : fields_int(f, "logprobs", 0, SAMPLE_TOPS, &top);
        a->logprobs = top >= 0;
    } else {
        err = fields_bool(f, "logprobs", &a->logprobs);
        if (!err)
            err = fields_int(f, "top_logprobs", 0, SAMPLE_TOPS, &top);
        if (!err && top > 0 && !a->logprobs)
            err = fields_fault(f, "top_logprobs", ERR_RANGE, "needs logprobs=true");
    }
    a->top = top > 0 ? (int)top : 0;
    return err;
}

/* {"include_usage"} of a stream; {"type": "text"} of a format. */
static enum err read_shapes(struct ask_request *a, struct fields *f)
{
    const json_t *options = fields_get(f, "stream_options");
    const json_t *format = fields_get(f, "response_format");
    const char *type = json_string_value(json_object_get(format, "type"));

    if (options && !json_is_object(options))
        return fields_fault(f, "stream_options", ERR_PARSE, "expected an object");
    if (options && !a->stream)
        return fields_fault(f, "stream_options", ERR_RANGE, "are of a stream: stream=true");
    a->usage = json_is_true(json_object_get(options, "include_usage"));
    if (format && (!type || strcmp(type, "text") != 0))
        return fields_fault(f, "response_format", ERR_RANGE,
                            "answers follow no grammar here: {\"type\": \"text\"} alone");
    return OK;
}

static enum err read_told(struct ask_request *a, struct fields *f)
{
    enum err err = fields_bool(f, "stream", &a->stream);

    if (!err)
        err = fields_bool(f, "echo", &a->echo);
    if (!err)
        err = fields_bool(f, "return_token_ids", &a->ids);
    if (!err)
        err = fields_bool(f, "return_tokens_as_token_ids", &a->names);
    if (!err)
        err = fields_bool(f, "include_stop_str_in_output", &a->keep_stop);
    if (!err)
        err = read_logprobs(a, f);
    return err ? err : read_shapes(a, f);
}

int ask_most(const struct ask_request *a, const struct ask_model *model, int i)
{
    const int left = model->length - a->prompt[i].n;

    return a->fit && left < a->sampling.max_new ? left : a->sampling.max_new;
}

/* Whether there is room: in the model for each prompt, and in the answer's body for all that is
 * to be told. */
static enum err fits(const struct ask_request *a, struct fields *f,
                     const struct ask_model *model)
{
    const char *prompt = a->chat ? "messages" : "prompt";
    const int64_t each = a->logprobs ? 1 + a->top : 1;
    int64_t told = 0;

    if (a->prompts * a->n > ASK_TOGETHER_MAX)
        return fields_fault(f, "n", ERR_RANGE, "%d prompts x %d answers: at most %d together",
                            a->prompts, a->n, ASK_TOGETHER_MAX);
    for (int i = 0; i < a->prompts; i++) {
        const int n = a->prompt[i].n, most = ask_most(a, model, i);

        if (!n)
            return fields_fault(f, prompt, ERR_RANGE, "prompt %d has no tokens", i);
        /* one token of room also where none is wanted: an engine's slot is prompt and answer */
        if (n >= model->length)
            return fields_fault(f, prompt, ERR_RANGE,
                                "prompt %d has %d tokens: at most %d have room", i, n,
                                model->length - 1);
        if (n + most > model->length)
            return fields_fault(f, "max_tokens", ERR_RANGE,
                                "prompt %d of %d tokens and max_tokens=%d do not fit %d: at "
                                "most %d",
                                i, n, most, model->length, model->length - n);
        told += each * ((int64_t)most * a->n + (a->echo ? n * (int64_t)a->n : 0));
    }
    if (told > ASK_TOLD_MAX)
        return fields_fault(f, "max_tokens", ERR_RANGE,
                            "answers x tokens x (1 + top_logprobs) are up to %lld: at most %d",
                            (long long)told, ASK_TOLD_MAX);
    return OK;
}

enum err ask_read(struct ask_request *a, struct fields *f, bool chat, const json_t *body,
                  const struct ask_model *model, uint64_t seed, bool *unknown)
{
    enum err err;

    memset(a, 0, sizeof *a);
    memset(f, 0, sizeof *f);
    f->object = body;
    *unknown = false;
    a->chat = chat;
    a->seed = seed;
    a->warnings = json_array();
    err = json_is_object(body) ? fields_known(f, chat, a->warnings)
                               : err_set(ERR_PARSE, "the body is not a JSON object");
    if (!err)
        err = read_model(f, model, unknown);
    if (!err)
        err = read_told(a, f);
    if (!err)
        err = read_sampling(a, f, &model->loaded->files->shape);
    if (!err)
        err = read_penalties(a, f, &model->loaded->files->shape);
    if (!err)
        err = read_length(a, f);
    if (!err)
        err = ask_prompts(a, f, model);
    return err ? err : fits(a, f, model);
}

void ask_free(struct ask_request *a)
{
    for (int i = 0; i < a->prompts; i++)
        free(a->prompt[i].ids);
    free(a->prompt);
    for (int i = 0; i < SHAPE_STOPS; i++)
        free(a->stop[i]);
    free(a->bias);
    json_decref(a->tools);
    json_decref(a->warnings);
    memset(a, 0, sizeof *a);
}
