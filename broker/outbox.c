/* A list of letters, oldest first. outbox_flush takes one off before it hands it to the sink:
 * what happens within (a member is gone, whose letters are void; another letter is put because
 * of that) meets a list in order.
 *
 * A pipe that is full is no loss: the letter waits behind it (backlog.c), and so does all that
 * comes after it. The pipes of those that wait are tried again as time goes on, not as events
 * come.
 *
 * A send that fails means that something is lost between us and the member. Both sides then say
 * what they hold before going on (HELLO, WELCOME), so the rest of its letters is dropped: to
 * send them would only tell a story with a hole. The same is done to who lets more wait than is
 * kept for one. */

#include "broker/outbox.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/backlog.h"
#include "broker/letter.h"
#include "proto/codec.h"
#include "proto/text.h"

#include <stdlib.h>

enum { OF_ALL = 32, CREDIT_MOST = 256 << 20 }; /* of all: so many times what one may have */

void outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){.wait_max = OUTBOX_WAIT};
}

static struct letter *take(struct outbox *outbox)
{
    struct letter *letter = outbox->first;

    outbox->first = letter->next;
    if (!outbox->first)
        outbox->last = NULL;
    return letter;
}

void outbox_fini(struct outbox *outbox)
{
    while (outbox->first)
        letter_free(take(outbox));
    while (outbox->waiting.first)
        letter_free(backlog_take(&outbox->waiting, outbox->waiting.first));
}

static void add(struct outbox *outbox, struct letter *letter)
{
    if (outbox->last)
        outbox->last->next = letter;
    else
        outbox->first = letter;
    outbox->last = letter;
}

/* NULL: no message may be so large. */
static struct letter *encode(struct outbox *outbox, struct broker_member *to, struct msg *msg)
{
    struct letter *letter = NULL;
    struct frames frames;

    /* When it is put, not when it is sent: a letter is about the run that was served then. */
    msg->head.run = outbox->run;
    msg->head.epoch = outbox->epoch;
    frames_init(&frames);
    if (!codec_encode(&frames, msg)) {
        letter = letter_new(to, LETTER_MESSAGE, msg->head.type, &frames);
    } else {
        log_error("unsendable", "to=%s message=%s reason=\"%s\"", to->name,
                  msg_name(msg->head.type), err_text());
        outbox->unsendable++;
    }
    frames_fini(&frames);
    return letter;
}

bool outbox_put(struct outbox *outbox, struct broker_member *to, struct msg *msg)
{
    struct letter *letter = encode(outbox, to, msg);

    if (letter)
        add(outbox, letter);
    return letter != NULL;
}

/* The message that was put last is for `to` as well. Room doubles at powers of two. */
static void also(struct outbox *outbox, struct broker_member *to)
{
    struct letter *letter = outbox->last;

    if (!(letter->n_also & (letter->n_also + 1)))
        letter->also = mem_grow(letter->also, 2 * (size_t)letter->n_also + 2,
                                sizeof(struct broker_member *));
    letter->also[letter->n_also++] = to;
}

void outbox_tell(struct outbox *outbox, bool *said, struct broker_member *to, struct msg *msg)
{
    if (*said)
        also(outbox, to);
    else
        *said = outbox_put(outbox, to, msg);
}

/* Both are encoded now: what they borrow is gone by the time the first turns out to be
 * unsendable. */
void outbox_put_else(struct outbox *outbox, struct broker_member *to, struct msg *msg,
                     struct broker_member *to_else, struct msg *msg_else)
{
    struct letter *letter = encode(outbox, to, msg);
    struct letter *otherwise = encode(outbox, to_else, msg_else);

    if (letter) {
        letter->otherwise = otherwise;
        add(outbox, letter);
    } else if (otherwise) {
        add(outbox, otherwise);
    }
}

void outbox_who(struct outbox *outbox, struct broker_member *to, int64_t now_ms)
{
    struct msg msg = {.head.type = MSG_WHO};

    /* Each frame of one that is not greeted provokes WHO: so it is said seldom. */
    if (now_ms - to->who_ms < OUTBOX_WHO_MS)
        return;
    if (outbox_put(outbox, to, &msg)) /* lost: its next frame provokes another */
        to->who_ms = now_ms;
}

void outbox_refuse(struct outbox *outbox, struct broker_member *to, enum refuse_code code,
                   const char *words)
{
    struct letter *letter = letter_new(to, LETTER_REFUSE, 0, NULL);

    letter->code = code;
    letter->words = mem_text(words);
    add(outbox, letter);
}

void outbox_release(struct outbox *outbox, struct broker_member *to)
{
    add(outbox, letter_new(to, LETTER_RELEASE, 0, NULL));
}

void outbox_strike(struct outbox *outbox, struct broker_member *to, const char *words)
{
    struct letter *letter = letter_new(to, LETTER_STRIKE, 0, NULL);

    letter->words = mem_text(words);
    add(outbox, letter);
}

/* What was to wait or to be sent is for nobody; who was to hear something else then hears it. */
static void drop_waiting(struct outbox *outbox, struct broker_member *of)
{
    while (of->backlog.waits) {
        struct letter *letter = backlog_take(&outbox->waiting, of);

        if (letter->otherwise && letter->otherwise->to) {
            add(outbox, letter->otherwise);
            letter->otherwise = NULL;
        }
        letter_free(letter);
    }
}

void outbox_afresh(struct outbox *outbox, struct broker_member *member)
{
    drop_waiting(outbox, member);
}

/* Letters stay in the list, addressed to nobody: it may be called while the list is gone
 * through. */
void outbox_forget(struct outbox *outbox, struct broker_member *member)
{
    drop_waiting(outbox, member);
    if (outbox->sending)
        letter_forget(outbox->sending, member);
    for (struct letter *letter = outbox->first; letter; letter = letter->next)
        letter_forget(letter, member);
    for (struct broker_member *m = outbox->waiting.first; m; m = m->backlog.next)
        for (struct letter *letter = m->backlog.first; letter; letter = letter->next)
            letter_forget(letter, member);
}

/* Nothing else goes to it before its next HELLO, which its next frame provokes. */
static void lost(struct outbox *outbox, struct broker_member *to)
{
    to->greeted = false;
    drop_waiting(outbox, to);
}

/* A learner says itself how many bytes of samples it takes at once. */
static size_t most(const struct outbox *outbox, const struct broker_member *to)
{
    const uint64_t credit = to->role == ROLE_LEARNER ? to->credit_bytes : 0;

    return outbox->wait_max + (size_t)(credit < CREDIT_MOST ? credit : CREDIT_MOST);
}

static void resynchronise(struct outbox *outbox, struct broker_member *to)
{
    outbox->resynced++;
    to->resynced++;
    text_print(to->error, sizeof to->error,
               "did not read: %u messages of %zu bytes dropped, it says HELLO again",
               to->backlog.n, to->backlog.bytes);
    log_warn("resync", "peer=%s messages=%u bytes=%zu times=%u", to->name, to->backlog.n,
             to->backlog.bytes, to->resynced);
    lost(outbox, to);
}

/* The letter is the member's from here on, and gone if that is too much: what is dropped then is
 * all of it and not this one, for HELLO brings both sides to the same state only as a whole. */
static void hold_back(struct outbox *outbox, struct letter *letter, int64_t now_ms)
{
    struct broker_member *to = letter->to;
    const bool first = !to->backlog.waits;

    backlog_add(&outbox->waiting, to, letter);
    if (first)
        backlog_pause(&to->backlog, now_ms);
    if (to->backlog.bytes > most(outbox, to) ||
        outbox->waiting.bytes > OF_ALL * outbox->wait_max)
        resynchronise(outbox, to);
}

/* On anything but OK the letter is as it was. */
static enum err transmit(struct letter *letter, const struct broker_sink *sink)
{
    struct frames frames;
    enum err err;

    frames_take(&frames, letter->part, letter->n);
    err = sink->send(sink->self, letter->to->link, letter->type, &frames);
    if (err)
        frames_give(&frames, letter->part);
    frames_fini(&frames);
    return err;
}

/* The letter is sent, waits, or is lost: in no case the caller's any more. */
static void post(struct outbox *outbox, struct letter *letter, const struct broker_sink *sink,
                 int64_t now_ms)
{
    struct broker_member *to = letter->to;
    enum err err = ERR_IO;

    /* A letter before this one was lost, or WELCOME is still to come: WHO alone may go. */
    if (to->greeted && to->backlog.waits)
        err = ERR_STATE;
    else if (to->greeted || letter->type == MSG_WHO)
        err = transmit(letter, sink);
    if (to->greeted && err == ERR_STATE) {
        hold_back(outbox, letter, now_ms);
        return;
    }
    if (err && letter->otherwise && letter->otherwise->to) {
        add(outbox, letter->otherwise);
        letter->otherwise = NULL;
    }
    if (err)
        lost(outbox, to);
    letter_free(letter);
}

/* Before its first reader, whose frames are given away. One that cannot be copied for want of
 * memory is as one that was lost. */
static void post_also(struct outbox *outbox, struct letter *letter,
                      const struct broker_sink *sink, int64_t now_ms)
{
    for (uint32_t i = 0; i < letter->n_also; i++) {
        struct broker_member *to = letter->also[i];
        struct letter *copy;

        if (!to)
            continue;
        if (letter_share(&copy, letter, to))
            lost(outbox, to);
        else
            post(outbox, copy, sink, now_ms);
    }
}

static void deliver(struct outbox *outbox, struct letter *letter,
                    const struct broker_sink *sink, int64_t now_ms)
{
    void *link = letter->to->link;

    if (letter->kind == LETTER_MESSAGE) {
        post(outbox, letter, sink, now_ms);
        return;
    }
    if (letter->kind == LETTER_REFUSE)
        sink->refuse(sink->self, link, letter->code, letter->words);
    else if (letter->kind == LETTER_RELEASE)
        sink->release(sink->self, link);
    else if (sink->strike)
        sink->strike(sink->self, link, letter->words);
    letter_free(letter);
}

/* As much as its pipe takes now. */
static void resume(struct outbox *outbox, struct broker_member *to,
                   const struct broker_sink *sink, int64_t now_ms)
{
    while (to->backlog.waits) {
        const enum err err = transmit(backlog_head(&to->backlog), sink);

        if (err == ERR_STATE) {
            backlog_pause(&to->backlog, now_ms);
            return;
        }
        if (err) {
            lost(outbox, to);
            return;
        }
        letter_free(backlog_take(&outbox->waiting, to));
    }
}

static void resume_all(struct outbox *outbox, const struct broker_sink *sink, int64_t now_ms)
{
    struct broker_member *next;

    outbox->resumed_ms = now_ms;
    for (struct broker_member *m = outbox->waiting.first; m; m = next) {
        next = m->backlog.next;
        if (now_ms >= m->backlog.again_ms)
            resume(outbox, m, sink, now_ms);
    }
}

void outbox_flush(struct outbox *outbox, const struct broker_sink *sink, int64_t now_ms)
{
    if (outbox->waiting.first && now_ms != outbox->resumed_ms)
        resume_all(outbox, sink, now_ms);
    while (outbox->first) {
        struct letter *letter = take(outbox);

        outbox->sending = letter;
        post_also(outbox, letter, sink, now_ms);
        outbox->sending = letter->to ? letter : NULL;
        if (letter->to)
            deliver(outbox, letter, sink, now_ms);
        else
            letter_free(letter);
        outbox->sending = NULL;
    }
}
