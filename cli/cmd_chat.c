/* drover chat: talk to a model on a terminal; answers stream as they are made.
 *
 * How it works: the dialogue is a list of messages, encoded anew for each answer: what stands
 * before it is short beside the answer's own tokens, and a template may change what it said
 * before (thoughts that go, a date). Tokens are shown as they come, up to the last whole
 * character. Ctrl-C ends an answer, not the talk: the signal sets a flag that the loop of
 * tokens looks at. Without a terminal it reads lines and answers each, which is what tests
 * do. */
#include "base/mem.h"
#include "base/say.h"
#include "cli/command.h"
#include "eval/json_lines.h"
#include "eval/sampling_options.h"
#include "lm/file/open_model.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One person, one model: the dialogue so far, and the answer that is being made. `shown` is how
 * much of it has reached the terminal. */
struct talk {
    struct open_model loaded;
    struct sampling_options conf;
    struct sampling sampling;
    struct generate *generate;
    json_t *messages;
    char *answer; /* bytes of the answer so far */
    size_t n, shown;
    bool begun; /* its first token has come */
    uint64_t turn;
};

static volatile sig_atomic_t interrupted; /* by Ctrl-C: ends an answer, or the talk */

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* Ctrl-C does not kill: no SA_RESTART, so that waiting for a line ends, too. */
static void catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = interrupt};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

/* Bytes at the end of the answer that may be the beginning of a character. */
static size_t unfinished(const struct talk *talk)
{
    for (size_t back = 1; back <= 3 && back <= talk->n - talk->shown; back++) {
        const unsigned char c = (unsigned char)talk->answer[talk->n - back];
        if ((c & 0xc0) == 0x80)
            continue;
        return c >= (back == 1 ? 0xc0 : back == 2 ? 0xe0 : 0xf0) ? back : 0;
    }
    return 0;
}

/* What the model says may not steer the terminal. Tokens end inside of characters: these wait
 * for their rest. */
static void show(struct talk *talk, size_t back)
{
    if (talk->n - back == talk->shown)
        return;
    say_text(stdout, talk->answer + talk->shown, talk->n - back - talk->shown);
    talk->shown = talk->n - back;
    fflush(stdout);
}

/* A token as it comes. Special tokens (an end, a turn's mark) are no text: not shown. */
static void stream(void *self, const struct generate_token *made)
{
    struct talk *talk = self;
    const struct tokenizer *tokenizer = talk->loaded.encode.tokenizer;
    const char *piece;
    size_t n;

    if (tokenizer_is_special(tokenizer, made->token))
        return;
    piece = tokenizer_piece(tokenizer, made->token, &n);
    if (!talk->begun) {
        const size_t lead = tokenizer_lead(tokenizer, piece, n);

        piece += lead;
        n -= lead;
        talk->begun = true;
    }
    talk->answer = mem_grow(talk->answer, talk->n + n + 1, 1);
    memcpy(talk->answer + talk->n, piece, n);
    talk->n += n;
    show(talk, unfinished(talk));
}

/* An answer that the length cut off looks like one that is complete: it says so. */
static void done(void *self, const struct generate_done *d)
{
    show(self, 0);
    if (d->finish == FINISH_LENGTH)
        printf(" [max_new_tokens reached]");
    putchar('\n');
}

/* One answer. It may fill what the context still holds; a dialogue that fills all of it cannot
 * be answered, and the person is told to start anew. */
static enum err reply(struct talk *talk)
{
    const struct generate_events events = {done, stream, talk};
    const int context = model_shape(talk->loaded.model)->context;
    struct encoded e;
    int made = 1;
    enum err err = encode_prompt(&talk->loaded.encode, talk->messages, NULL, &e);

    talk->n = talk->shown = 0;
    talk->begun = false;
    if (!err && e.n >= context)
        err = err_set(ERR_RANGE, "the conversation has %d tokens, the context %d: start anew",
                      e.n, context);
    if (!err) {
        struct generate_job job = {.seed = (uint64_t)talk->conf.seed,
                                   .task = talk->turn++,
                                   .n = 1,
                                   .prompt = e.ids,
                                   .n_prompt = e.n,
                                   .sampling = talk->sampling};
        if (job.sampling.max_new > context - e.n)
            job.sampling.max_new = context - e.n;
        err = generate_admit(talk->generate, &job);
    }
    while (!err && made) {
        err = generate_step(talk->generate, talk->loaded.model, &events, &made);
        if (interrupted && made) {
            show(talk, 0);
            generate_cancel(talk->generate, talk->turn - 1);
            puts(" [stopped]");
        }
        interrupted = 0;
    }
    encoded_free(&e);
    if (!err)
        json_array_append_new(
            talk->messages,
            json_pack("{s:s,s:o}", "role", "assistant", "content",
                      json_lines_text(talk->answer ? talk->answer : "", talk->n)));
    return err;
}

/* One line that somebody said, without its end. */
static enum err hear(struct talk *talk, const char *line, bool terminal)
{
    enum err err;

    if (!strcmp(line, "/new"))
        json_array_clear(talk->messages);
    if (!*line || !strcmp(line, "/new"))
        return OK;
    if (!json_array_size(talk->messages) && talk->conf.system && *talk->conf.system)
        json_array_append_new(talk->messages, json_pack("{s:s,s:s}", "role", "system",
                                                        "content", talk->conf.system));
    json_array_append_new(talk->messages,
                          json_pack("{s:s,s:s}", "role", "user", "content", line));
    err = reply(talk);
    if (err == ERR_RANGE && terminal) { /* a full context: the talk need not end */
        printf("%s (/new)\n", err_text());
        json_array_remove(talk->messages, json_array_size(talk->messages) - 1);
        err = OK;
    }
    return err;
}

/* Until the end of input, /quit, or an error. */
static enum err converse(struct talk *talk)
{
    const bool terminal = isatty(STDIN_FILENO);
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    enum err err = OK;

    if (terminal) {
        catch_interrupts();
        printf("/quit or Ctrl-D ends, Ctrl-C stops an answer, /new starts anew\n");
    }
    while (!err) {
        if (terminal) {
            printf("> ");
            fflush(stdout);
        }
        n = getline(&line, &room, stdin);
        if (n < 0 && terminal) /* Ctrl-D, or Ctrl-C at the prompt */
            putchar('\n');
        if (n < 0 || !strcmp(line, "/quit\n"))
            break;
        line[strcspn(line, "\n")] = 0;
        err = hear(talk, line, terminal);
    }
    free(line);
    if (!err && !talk->turn && !terminal)
        fprintf(stderr, "standard input is empty: each of its lines is something said\n");
    return err;
}

/* One slot as long as the context: there is one person. */
static enum err start(struct talk *talk)
{
    const struct shape *shape;
    enum err err = open_model_all(&talk->loaded, talk->conf.model, HEAD_LM, talk->conf.compute);

    if (!err)
        err = open_model_chat(&talk->loaded, talk->conf.chat_template_path);
    if (!err)
        err = open_model_reach(&talk->loaded, talk->conf.max_context);
    if (err)
        return err;
    shape = model_shape(talk->loaded.model);
    talk->messages = json_array();
    err = sampling_options_make(&talk->sampling, &talk->conf, shape, 512);
    if (!err)
        err = generate_new(&talk->generate, shape, 1, shape->context,
                           talk->loaded.encode.tokenizer);
    if (!err)
        generate_ahead(talk->generate, talk->conf.prompt_lookup_num_tokens);
    return err;
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct talk talk = {.n = 0};
    enum err err = command_words(command, &talk.conf, argc, argv, NULL);

    (void)status;
    if (!err)
        err = start(&talk);
    if (!err)
        err = converse(&talk);
    json_decref(talk.messages);
    free(talk.answer);
    generate_free(talk.generate);
    open_model_close(&talk.loaded);
    command_conf_free(sampling_options_chat_keys, &talk.conf);
    return err;
}

const struct command cmd_chat = {
    .name = "chat",
    .group = "models",
    .usage = "--model M [temperature=0.7 ...]",
    .help = "talk to a model on a terminal, streaming",
    .run = run,
    .keys = sampling_options_chat_keys,
};
