/* A list of letters, oldest first. outbox_flush takes one off before it hands it to the sink:
 * what happens within (a member is gone, whose letters are void; another letter is put because
 * of that) meets a list in order.
 *
 * A send that fails means that something is lost between us and the member. Both sides then say
 * what they hold before going on (HELLO, WELCOME), so the rest of its letters is dropped: to
 * send them would only tell a story with a hole. */

#include "broker/outbox.h"

#include "base/log.h"
#include "base/mem.h"
#include "proto/codec.h"

#include <stdlib.h>

enum { SPARE = 2048 };
enum letter_kind { LETTER_MESSAGE, LETTER_REFUSE, LETTER_RELEASE, LETTER_STRIKE };

struct letter {
    struct letter *next;
    struct broker_member *to; /* NULL: it is gone */
    enum letter_kind kind;
    enum msg_type type; /* of a message */
    struct frames frames;
    enum refuse_code code; /* of a refusal, with words; of a strike the words alone */
    char *words;
    struct letter *otherwise;    /* to be sent if this message cannot be */
    struct broker_member **also; /* who hears this message too; NULL in it: gone */
    uint32_t n_also;
};

void outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){.first = NULL};
}

/* A letter is larger than what malloc has at hand, and there is one a message. */
static void letter_free(struct outbox *outbox, struct letter *letter)
{
    if (letter->otherwise)
        letter_free(outbox, letter->otherwise);
    frames_fini(&letter->frames);
    free(letter->words);
    free(letter->also);
    if (outbox->n_spare == SPARE) {
        free(letter);
        return;
    }
    letter->next = outbox->spare;
    outbox->spare = letter;
    outbox->n_spare++;
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
        letter_free(outbox, take(outbox));
    while (outbox->spare) {
        struct letter *next = outbox->spare->next;

        free(outbox->spare);
        outbox->spare = next;
    }
}

static struct letter *make(struct outbox *outbox, struct broker_member *to,
                           enum letter_kind kind)
{
    struct letter *letter = outbox->spare;

    if (letter) {
        outbox->spare = letter->next;
        outbox->n_spare--;
    } else {
        letter = mem_new(1, sizeof *letter);
    }
    letter->next = letter->otherwise = NULL;
    letter->words = NULL;
    letter->also = NULL;
    letter->n_also = 0;
    letter->to = to;
    letter->kind = kind;
    frames_init(&letter->frames);
    return letter;
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
    struct letter *letter = make(outbox, to, LETTER_MESSAGE);

    /* When it is put, not when it is sent: a letter is about the run that was served then. */
    msg->head.run = outbox->run;
    msg->head.epoch = outbox->epoch;
    letter->type = msg->head.type;
    if (!codec_encode(&letter->frames, msg))
        return letter;
    log_error("unsendable", "to=%s message=%s reason=\"%s\"", to->name,
              msg_name(msg->head.type), err_text());
    outbox->unsendable++;
    letter_free(outbox, letter);
    return NULL;
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

/* Thousands of letters a second, each with room for all its frames, would be made and freed. */
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
    struct letter *letter = make(outbox, to, LETTER_REFUSE);

    letter->code = code;
    letter->words = mem_text(words);
    add(outbox, letter);
}

void outbox_release(struct outbox *outbox, struct broker_member *to)
{
    add(outbox, make(outbox, to, LETTER_RELEASE));
}

void outbox_strike(struct outbox *outbox, struct broker_member *to, const char *words)
{
    struct letter *letter = make(outbox, to, LETTER_STRIKE);

    letter->words = mem_text(words);
    add(outbox, letter);
}

static void forget(struct letter *letter, const struct broker_member *member)
{
    if (letter->to == member)
        letter->to = NULL;
    if (letter->otherwise && letter->otherwise->to == member)
        letter->otherwise->to = NULL;
    for (uint32_t i = 0; i < letter->n_also; i++)
        if (letter->also[i] == member)
            letter->also[i] = NULL;
}

/* Letters stay in the list, addressed to nobody: it may be called while the list is gone
 * through. */
void outbox_forget(struct outbox *outbox, const struct broker_member *member)
{
    if (outbox->sending)
        forget(outbox->sending, member);
    for (struct letter *letter = outbox->first; letter; letter = letter->next)
        forget(letter, member);
}

/* False: it cannot be sent to. */
static bool send(struct broker_member *to, enum msg_type type, struct frames *frames,
                 const struct broker_sink *sink)
{
    enum err err;

    /* A letter before this one was lost, or WELCOME is still to come: WHO alone may go. */
    if (!to->greeted && type != MSG_WHO)
        return false;
    err = sink->send(sink->self, to->link, type, frames);
    if (!err || (err == ERR_STATE && type == MSG_HB)) /* state: the next one says it */
        return true;
    to->greeted = false;
    return false;
}

/* Before its first reader: sending takes the frames away. One that cannot be copied for want of
 * memory is as one that a full pipe lost. */
static void send_also(struct letter *letter, const struct broker_sink *sink)
{
    struct frames copy;

    for (uint32_t i = 0; i < letter->n_also; i++) {
        if (!letter->also[i] || frames_share(&copy, &letter->frames))
            continue;
        (void)send(letter->also[i], letter->type, &copy, sink);
        frames_fini(&copy);
    }
}

static void deliver(struct outbox *outbox, struct letter *letter,
                    const struct broker_sink *sink)
{
    void *link = letter->to->link;

    if (letter->kind == LETTER_MESSAGE) {
        if (!send(letter->to, letter->type, &letter->frames, sink) && letter->otherwise &&
            letter->otherwise->to) {
            add(outbox, letter->otherwise);
            letter->otherwise = NULL;
        }
    } else if (letter->kind == LETTER_REFUSE) {
        sink->refuse(sink->self, link, letter->code, letter->words);
    } else if (letter->kind == LETTER_RELEASE) {
        sink->release(sink->self, link);
    } else if (sink->strike) {
        sink->strike(sink->self, link, letter->words);
    }
}

void outbox_flush(struct outbox *outbox, const struct broker_sink *sink)
{
    while (outbox->first) {
        struct letter *letter = take(outbox);

        outbox->sending = letter;
        send_also(letter, sink);
        if (letter->to)
            deliver(outbox, letter, sink);
        outbox->sending = NULL;
        letter_free(outbox, letter);
    }
}
