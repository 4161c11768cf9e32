/* What is told of an answer as its tokens come: only what no later token takes back, and in the
 * end the same bytes as the whole answer; calls of tools. */
#include "base/mem.h"
#include "serve/answer.h"
#include "serve/chunks.h"
#include "serve/tool_calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { END = 0 }; /* the only special token; then the 256 bytes */

static struct open_model loaded;
static const struct ask_model model = {&loaded, "m", 64, DRAFT_MOST};

/* A job with one answer, whose tools are those of the JSON text, and stop strings. */
static struct job *job_of(const char *tools, const char *stop)
{
    struct ask_request ask = {.chat = true, .prompts = 1, .n = 1, .stream = true};

    ask.prompt = mem_new(1, sizeof *ask.prompt);
    ask.prompt[0].ids = mem_new(1, sizeof(int));
    ask.prompt[0].n = 1;
    ask.sampling.max_new = 1000;
    ask.sampling.stop[ask.sampling.n_stop++] = END;
    ask.warnings = json_array();
    ask.tools = tools ? json_loads(tools, 0, NULL) : NULL;
    if (stop) {
        ask.stop[0] = mem_text(stop);
        ask.sampling.stop_text[ask.sampling.stop_text_count++] = ask.stop[0];
    }
    return job_new(&ask, 0);
}

/* What a call of chunks_write says: contents joined, calls counted, the reason to end. */
struct said {
    char text[4000];
    json_t *calls;
    char finish[20];
    int events;
};

static void hear(struct said *said, struct job *job)
{
    struct strbuf out = {NULL, 0, 0};
    bool ended;

    chunks_write(&out, job, &model, &ended);
    for (char *at = out.text; at && *at; at = strstr(at, "\n\n") + 2) {
        json_t *event = json_loads(at + 6, JSON_DISABLE_EOF_CHECK, NULL);
        json_t *one = json_array_get(json_object_get(event, "choices"), 0);
        json_t *delta = json_object_get(one, "delta"), *calls;
        const char *text = json_string_value(json_object_get(delta, "content"));
        const char *finish = json_string_value(json_object_get(one, "finish_reason"));

        assert_memory_equal(at, "data: ", 6);
        if (text)
            snprintf(said->text + strlen(said->text), sizeof said->text - strlen(said->text),
                     "%s", text);
        calls = json_object_get(delta, "tool_calls");
        if (calls)
            said->calls = json_incref(calls);
        if (finish)
            snprintf(said->finish, sizeof said->finish, "%s", finish);
        said->events += one != NULL;
        json_decref(event);
    }
    free(out.text);
}

static void add(struct job *job, int token)
{
    const struct generate_token t = {.token = token, .logprob = -1, .owner = job};

    choice_add(&job->choice[0], &job->ask, loaded.encode.tokenizer, &t);
}

static void end(struct job *job, enum finish finish)
{
    choice_end(&job->choice[0], &job->ask, finish);
    job->left = 0;
}

/* Byte by byte; after each, what was told is the beginning of `most`. */
static void type(struct said *said, struct job *job, const char *text, const char *most)
{
    for (size_t i = 0; text[i]; i++) {
        add(job, 1 + (unsigned char)text[i]);
        hear(said, job);
        assert_memory_equal(said->text, most, strlen(said->text));
    }
}

static void characters_come_whole(void **state)
{
    struct job *job = job_of(NULL, NULL);
    struct said said = {.events = 0};

    (void)state;
    type(&said, job, "a\xc3", "a");
    assert_string_equal(said.text, "a");
    type(&said, job, "\xa9\xe2\x82", "a\xc3\xa9");
    type(&said, job, "\xac\xf0\x9f\x98", "a\xc3\xa9\xe2\x82\xac");
    assert_string_equal(said.text, "a\xc3\xa9\xe2\x82\xac");
    end(job, FINISH_LENGTH); /* cut off within a character */
    hear(&said, job);
    assert_string_equal(said.text, "a\xc3\xa9\xe2\x82\xac\xef\xbf\xbd");
    assert_string_equal(said.finish, "length");
    job_free(job);
}

static void a_stop_string_is_never_told(void **state)
{
    struct job *job = job_of(NULL, "END");
    struct said said = {.events = 0};

    (void)state;
    type(&said, job, "so E EN", "so E EN");
    assert_string_equal(said.text, "so E ");
    type(&said, job, "! EN", "so E EN! EN");
    assert_string_equal(said.text, "so E EN! ");
    type(&said, job, "D", "so E EN! ");
    end(job, FINISH_STOP_TEXT);
    hear(&said, job);
    assert_string_equal(said.text, "so E EN! ");
    assert_string_equal(said.finish, "stop");
    job_free(job);
}

static void an_end_token_is_no_text(void **state)
{
    struct job *job = job_of(NULL, NULL);
    struct said said = {.events = 0};
    char *whole;

    (void)state;
    type(&said, job, "yes", "yes");
    add(job, END);
    end(job, FINISH_STOP);
    hear(&said, job);
    assert_string_equal(said.text, "yes");
    assert_int_equal(job_completion_tokens(job), 4);
    assert_int_equal(answer_whole(&whole, job, &model), OK);
    assert_non_null(strstr(whole, "\"content\":\"yes\""));
    free(whole);
    job_free(job);
}

#define TOOLS "[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"

static const char *name_of(const json_t *calls, size_t i)
{
    return json_string_value(
        json_object_get(json_object_get(json_array_get(calls, i), "function"), "name"));
}

static void calls_of_tools_are_told_whole(void **state)
{
    struct job *job = job_of(TOOLS, NULL);
    struct said said = {.events = 0};

    (void)state;
    type(&said, job, "I look <b> <tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n",
         "I look <b> ");
    assert_string_equal(said.text, "I look <b> ");
    type(&said, job, "</tool_call>\n<tool_call>{\"name\":\"g\"}</tool_call>", "I look <b> ");
    end(job, FINISH_STOP);
    hear(&said, job);
    assert_string_equal(said.text, "I look <b> ");
    assert_string_equal(said.finish, "tool_calls");
    assert_int_equal(json_array_size(said.calls), 2);
    assert_string_equal(name_of(said.calls, 0), "f");
    assert_string_equal(name_of(said.calls, 1), "g");
    json_decref(said.calls);
    job_free(job);
}

/* What looked like a call and is none is text in the end, all of it. */
static void what_is_no_call_is_text(void **state)
{
    static const char *const texts[] = {"see <tool_call>{\"name\": </tool_call> yes",
                                        "{\"name\": \"other\", \"arguments\": {}}",
                                        "{ and so on", "<tool_ca"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct job *job = job_of(TOOLS, NULL);
        struct said said = {.events = 0};

        type(&said, job, texts[i], texts[i]);
        end(job, FINISH_LENGTH);
        hear(&said, job);
        assert_string_equal(said.text, texts[i]);
        assert_string_equal(said.finish, "length");
        assert_null(said.calls);
        job_free(job);
    }
}

static void a_text_may_be_nothing_but_a_call(void **state)
{
    static const char text[] = " {\"name\": \"f\", \"parameters\": {\"q\": \"}\"}}";
    json_t *tools = json_loads(TOOLS, 0, NULL), *calls, *bare;
    size_t before;

    (void)state;
    calls = tool_calls_read(text, sizeof text - 1, tools, "x", &before);
    assert_int_equal(json_array_size(calls), 1);
    assert_int_equal(before, 0);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(json_array_get(calls, 0), "function"),
                                          "arguments")),
        "{\"q\":\"}\"}");
    bare = tool_calls_read(text, sizeof text - 1, NULL, "x", &before); /* none was offered */
    assert_null(bare);
    json_decref(calls);
    json_decref(tools);
}

int main(void)
{
    static const char *const special[] = {"<end>"};
    struct tokenizer *tokenizer;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_come_whole),
        cmocka_unit_test(a_stop_string_is_never_told),
        cmocka_unit_test(an_end_token_is_no_text),
        cmocka_unit_test(calls_of_tools_are_told_whole),
        cmocka_unit_test(what_is_no_call_is_text),
        cmocka_unit_test(a_text_may_be_nothing_but_a_call),
    };
    int failed;

    if (tokenizer_bytes(&tokenizer, special, 1))
        return 1;
    loaded.encode.tokenizer = tokenizer;
    failed = cmocka_run_group_tests_name("answers", tests, NULL, NULL);
    tokenizer_free(tokenizer);
    return failed;
}
