/* State stands apart from the queue, in a place of its own each, so that a newer one takes the
 * place of an older one whatever lies between. It may overtake work that was put before it: what
 * it says is true all the same (a sample that is settled, a version that is there, a run that is
 * over), and whoever hears it first only knows it earlier. */

#include "broker/backlog.h"

#include "broker/letter.h"

/* A thousand members that stand still are then 16,000 tries a second, some of a percent of a core;
 * and one that reads again waits no longer than a person sees. */
enum { PAUSE_MOST_MS = 64 };

/* Its place, or -1: it is no state. */
static int state_of(enum msg_type type)
{
    return type == MSG_HB ? 0 : type == MSG_SETTLED ? 1 : type == MSG_PUBLISH ? 2 : -1;
}

static void count(struct backlogs *all, struct backlog *backlog, const struct letter *letter,
                  bool in)
{
    const size_t bytes = letter->bytes + BACKLOG_LETTER;

    backlog->n += in ? 1U : UINT32_MAX;
    backlog->bytes = in ? backlog->bytes + bytes : backlog->bytes - bytes;
    all->bytes = in ? all->bytes + bytes : all->bytes - bytes;
}

static void enter(struct backlogs *all, struct broker_member *to)
{
    struct backlog *backlog = &to->backlog;

    backlog->waits = true;
    backlog->pause_ms = 0;
    backlog->prev = all->last;
    backlog->next = NULL;
    *(all->last ? &all->last->backlog.next : &all->first) = to;
    all->last = to;
    all->n++;
}

static void leave(struct backlogs *all, struct broker_member *of)
{
    struct backlog *backlog = &of->backlog;

    backlog->waits = false;
    *(backlog->prev ? &backlog->prev->backlog.next : &all->first) = backlog->next;
    *(backlog->next ? &backlog->next->backlog.prev : &all->last) = backlog->prev;
    all->n--;
}

void backlog_add(struct backlogs *all, struct broker_member *to, struct letter *letter)
{
    struct backlog *backlog = &to->backlog;
    const int state = state_of(letter->type);

    if (!backlog->waits)
        enter(all, to);
    letter->next = NULL;
    count(all, backlog, letter, true);
    if (state < 0) {
        *(backlog->last ? &backlog->last->next : &backlog->first) = letter;
        backlog->last = letter;
        return;
    }
    if (backlog->state[state]) {
        count(all, backlog, backlog->state[state], false);
        letter_free(backlog->state[state]);
    }
    backlog->state[state] = letter;
}

/* The place of what goes next. */
static struct letter **head(struct backlog *backlog)
{
    if (!backlog->first || backlog->first->type != MSG_WELCOME)
        for (int i = 0; i < BACKLOG_STATES; i++)
            if (backlog->state[i])
                return &backlog->state[i];
    return &backlog->first;
}

struct letter *backlog_head(const struct backlog *backlog)
{
    return *head((struct backlog *)backlog);
}

struct letter *backlog_take(struct backlogs *all, struct broker_member *of)
{
    struct backlog *backlog = &of->backlog;
    struct letter **at = head(backlog), *letter = *at;

    count(all, backlog, letter, false);
    *at = at == &backlog->first ? letter->next : NULL;
    if (!backlog->first)
        backlog->last = NULL;
    backlog->pause_ms = 0; /* it moves */
    if (!backlog->n)
        leave(all, of);
    return letter;
}

/* From the last try: so one that takes a little now and then begins with a millisecond each time. */
void backlog_pause(struct backlog *backlog, int64_t now_ms)
{
    backlog->pause_ms = backlog->pause_ms ? 2 * backlog->pause_ms : 1;
    if (backlog->pause_ms > PAUSE_MOST_MS)
        backlog->pause_ms = PAUSE_MOST_MS;
    backlog->again_ms = now_ms + backlog->pause_ms;
}
