/* A question is a descriptor on which the answer will come (handover_ask): it costs one packet.
 * Who gives none within HAND_MS is left: a stopped process would hold up the others. */

#include "proto/pages.h"

#include "base/mem.h"
#include "proto/handover.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HAND_MS = 1000 }; /* for an answer; a stopped giver gives none */

struct question {
    struct artifact what;
    bool used;
    int fd;
    int64_t asked_ms; /* 0: no tick since */
};

struct pages {
    struct pages_conf conf;
    struct id run;
    struct question question[PAGES_MAX];
};

void pages_new(struct pages **out, const struct pages_conf *conf)
{
    struct pages *pages = mem_new(1, sizeof *pages);

    pages->conf = *conf;
    *out = pages;
}

static void drop(struct pages *pages, struct question *question)
{
    if (!question->used)
        return;
    pages->conf.unwatch(pages->conf.self, question->fd);
    close(question->fd);
    question->used = false;
}

void pages_free(struct pages *pages)
{
    if (!pages)
        return;
    for (int i = 0; i < PAGES_MAX; i++)
        drop(pages, &pages->question[i]);
    free(pages);
}

void pages_run(struct pages *pages, const struct id *run)
{
    pages->run = *run;
}

bool pages_want(struct pages *pages, const struct artifact *what)
{
    static const struct id none;
    struct question *question = NULL;

    for (int i = 0; i < PAGES_MAX && !question; i++)
        if (!pages->question[i].used)
            question = &pages->question[i];
    if (!question || what->kind != ARTIFACT_IMAGE || !memcmp(&pages->run, &none, sizeof none))
        return false;
    question->what = *what;
    question->asked_ms = 0;
    question->fd = handover_ask(&pages->run, &what->hash);
    if (question->fd < 0)
        return false;
    question->used = true;
    if (!pages->conf.watch(pages->conf.self, question->fd))
        return true;
    question->used = false;
    close(question->fd);
    return false;
}

void pages_drop(struct pages *pages, const struct hash *hash)
{
    for (int i = 0; i < PAGES_MAX; i++)
        if (pages->question[i].used && hash_same(&pages->question[i].what.hash, hash))
            drop(pages, &pages->question[i]);
}

/* The answer to one who asked: the pages, or none. */
static enum err take(struct pages *pages, struct question *question, int64_t now_ms)
{
    const struct hash hash = question->what.hash;

    pages->conf.unwatch(pages->conf.self, question->fd);
    question->used = false; /* `answer` may want the next one */
    return pages->conf.answer(pages->conf.self, &hash,
                              handover_take(question->fd, &question->what), now_ms);
}

enum err pages_readable(struct pages *pages, int64_t now_ms)
{
    enum err err = OK;

    for (int i = 0; i < PAGES_MAX && !err; i++)
        if (pages->question[i].used && handover_answered(pages->question[i].fd))
            err = take(pages, &pages->question[i], now_ms);
    return err;
}

enum err pages_tick(struct pages *pages, int64_t now_ms)
{
    enum err err = OK;

    for (int i = 0; i < PAGES_MAX && !err; i++) {
        struct question *const question = &pages->question[i];
        if (question->used && !question->asked_ms)
            question->asked_ms = now_ms;
        if (question->used && now_ms - question->asked_ms >= HAND_MS)
            err = take(pages, question, now_ms);
    }
    return err;
}
