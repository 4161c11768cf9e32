/* Pairs of settled answers go to the one annotator that is here, judgements to the learner; their
 * acknowledgements go the other way. Nothing of it is kept: who lacks an answer says its own again
 * when it hears that the other side came anew. The learner hears that by the number in its HB, the
 * annotator by WHO, which each HELLO of a learner has said to it.
 *
 * Both are counted until they are answered, since neither side may fill the other's pipe: of pairs
 * no more are acknowledged than were given, of judgements no more wait at the learner than a few
 * windows: each HELLO of the annotator has it send one anew. What is beyond that is not heard, and
 * its sender asked to say HELLO: after that it begins again with what the learner has not answered. */

#include "broker/people.h"

#include "base/log.h"
#include "broker/to_learner.h"
#include "proto/text.h"

enum { WINDOWS = 4 };
_Static_assert(WINDOW_EXPORTS *(3 * MAX_SHOWN + MAX_WORDS) < OUTBOX_WAIT,
               "who takes its window of pairs in is never beyond what may wait for it");

static struct broker_member *annotator_of(const struct broker *b)
{
    for (struct broker_member *m = b->members.first; m; m = m->next)
        if (m->role == ROLE_ANNOTATOR)
            return m;
    return NULL;
}

bool people_admits(struct broker *b, const struct broker_member *was,
                   const struct msg_hello *hello, enum refuse_code *code, const char **words)
{
    const struct broker_member *here = hello->role == ROLE_ANNOTATOR ? annotator_of(b) : NULL;

    if (!here || here == was)
        return true;
    *code = REFUSE_BUSY;
    *words = "another annotator is here: pairs go to one store";
    return false;
}

void people_came(struct broker *b)
{
    b->people.comings++;
}

/* What was on its way to the learner's last connection is lost, and so is what it counted. */
void people_learner_came(struct broker *b, int64_t now_ms)
{
    struct broker_member *annotator = annotator_of(b);

    b->people.given = b->people.owed = 0;
    if (!annotator || !annotator->greeted)
        return;
    annotator->greeted = false;
    outbox_afresh(&b->outbox, annotator);
    outbox_who(&b->outbox, annotator, now_ms);
}

uint64_t people_here(const struct broker *b)
{
    const struct broker_member *annotator = annotator_of(b);

    return annotator && annotator->greeted ? b->people.comings : 0;
}

/* Counted only if it goes out: what was never given cannot be acknowledged. */
enum err people_on_export(struct broker *b, struct broker_member *from, const struct msg *msg,
                          int64_t now)
{
    struct broker_member *annotator = annotator_of(b);
    struct msg on = *msg;

    (void)from;
    (void)now;
    if (!annotator || !annotator->greeted)
        return OK; /* the learner hears when one is here */
    b->people.given += outbox_put(&b->outbox, annotator, &on);
    return OK;
}

/* Of an EXPORT before a HELLO it may come late: the pair is given again. */
enum err people_on_export_ok(struct broker *b, struct broker_member *from,
                             const struct msg *msg, int64_t now)
{
    struct msg on = *msg;

    (void)from;
    (void)now;
    if (msg->export_ok.n_pair > b->people.given)
        return OK;
    b->people.given -= msg->export_ok.n_pair;
    to_learner_tell(b, &on);
    return OK;
}

/* It says HELLO and begins again: told as often as the number doubles. */
static void say_unheard(struct broker *b, struct broker_member *from)
{
    const uint64_t n = ++b->people.unheard;

    text_print(from->error, sizeof from->error,
               "says more judgements than may wait for an answer");
    if (!(n & (n - 1)))
        log_warn("annotator", "peer=%s times=%llu reason=\"%s\"", from->name,
                 (unsigned long long)n, from->error);
}

enum err people_on_judgement(struct broker *b, struct broker_member *from,
                             const struct msg *msg, int64_t now)
{
    struct msg on = *msg;

    if (!b->run.learner || !b->run.learner->greeted)
        return OK; /* its HELLO has all of them said again */
    if (b->people.owed >= WINDOWS * WINDOW_JUDGEMENTS) {
        say_unheard(b, from);
        from->greeted = false;
        outbox_who(&b->outbox, from, now);
        return OK;
    }
    b->people.owed++;
    to_learner_tell(b, &on);
    return OK;
}

/* Answers free places, whoever is there to hear them. */
enum err people_on_judged(struct broker *b, struct broker_member *from, const struct msg *msg,
                          int64_t now)
{
    struct broker_member *annotator = annotator_of(b);
    struct msg on = *msg;

    (void)from;
    (void)now;
    b->people.owed -= msg->judged.n_id < b->people.owed ? msg->judged.n_id : b->people.owed;
    if (annotator && annotator->greeted)
        outbox_put(&b->outbox, annotator, &on);
    return OK;
}
