/* What a member says of itself comes whole with HELLO and then with each heartbeat; nothing is
 * reckoned from differences but rates, for people. Texts and lists that are longer than what is
 * kept of them are cut: what an actor holds beyond that it is merely not asked for. */

#include "broker/members.h"

#include "base/mem.h"
#include "proto/text.h"

#include <stdlib.h>
#include <string.h>

/* A second, by ticks. */
enum { PHASES = 10, PHASE_MS = 100 };

/* The lowest that is free, so that there are never more places than members were here at once. */
static void take_place(struct members *members, struct broker_member *member)
{
    uint32_t place = members->free;

    while (place < members->places && members->at[place])
        place++;
    if (place == members->places) {
        members->places = members->places ? 2 * members->places : 16;
        members->at = mem_grow(members->at, members->places, sizeof *members->at);
        for (uint32_t i = place; i < members->places; i++)
            members->at[i] = NULL;
    }
    members->at[place] = member;
    member->place = place;
    member->beat_ms = member->joined_ms + place % PHASES * PHASE_MS;
    members->free = place + 1;
}

struct broker_member *members_at(const struct members *members, uint32_t place)
{
    return place < members->places ? members->at[place] : NULL;
}

static void leave_scoring(struct members *members, struct broker_member *m)
{
    *(m->scoring_prev ? &m->scoring_prev->scoring_next : &members->scoring) = m->scoring_next;
    *(m->scoring_next ? &m->scoring_next->scoring_prev : &members->scoring_last) =
        m->scoring_prev;
}

struct broker_member *members_add(struct members *members, void *link,
                                  const struct msg_hello *hello, int64_t now_ms)
{
    struct broker_member *member = mem_new(1, sizeof *member);

    member->link = link;
    member->role = hello->role;
    member->id = hello->peer;
    member->incarnation = hello->incarnation;
    member->note_ms = now_ms;
    member->joined_ms = member->heard_ms = member->progress_ms = member->pace_at_ms = now_ms;
    if (member->role == ROLE_LEARNER)
        member->flight = mem_new(MEMBERS_FLIGHT, sizeof *member->flight);
    /* Long ago, yet far enough from the end that a difference does not overflow. */
    member->who_ms = INT64_MIN / 2;
    member->lease = member->lease_last = MEMBERS_NO_LEASE;
    text_print(member->name, sizeof member->name, "%s", hello->name);
    member->prev = members->last;
    *(members->last ? &members->last->next : &members->first) = member;
    members->last = member;
    members->n++;
    take_place(members, member);
    if (member->role == ROLE_REWARDER) {
        member->scoring_prev = members->scoring_last;
        *(members->scoring_last ? &members->scoring_last->scoring_next : &members->scoring) =
            member;
        members->scoring_last = member;
    }
    return member;
}

struct broker_member *members_cause(struct broker_member *member, const char *why)
{
    if (!*member->cause)
        text_print(member->cause, sizeof member->cause, "%s", why);
    return member;
}

void members_remove(struct members *members, struct broker_member *member)
{
    members->n--;
    members->at[member->place] = NULL;
    if (member->place < members->free)
        members->free = member->place;
    if (member->role == ROLE_REWARDER)
        leave_scoring(members, member);
    *(member->prev ? &member->prev->next : &members->first) = member->next;
    *(member->next ? &member->next->prev : &members->last) = member->prev;
    free(member->claim);
    free(member->flight);
    free(member->metrics);
    free(member);
}

void members_fini(struct members *members)
{
    while (members->first)
        members_remove(members, members->first);
    free(members->at);
}

void members_who(char out[MEMBERS_WHO], const struct origin *origin)
{
    text_print(out, MEMBERS_WHO, "%s%s%s", origin->name, *origin->address ? " at " : "",
               origin->address);
}

static void take_images(struct broker_member *member, const struct version *image, uint32_t n)
{
    member->n_image = n < MAX_IMAGES ? n : MAX_IMAGES;
    if (member->n_image)
        memcpy(member->image, image, member->n_image * sizeof *image);
}

void members_hello(struct broker_member *member, const struct msg_hello *hello)
{
    take_images(member, hello->image, hello->n_image);
    member->n_offer = hello->n_offer < MAX_SCORERS ? hello->n_offer : MAX_SCORERS;
    for (uint32_t i = 0; i < member->n_offer; i++) {
        struct members_offer *offer = &member->offer[i];

        offer->kind = hello->offer[i].kind;
        text_print(offer->name, sizeof offer->name, "%s", hello->offer[i].name);
    }
    member->slots = hello->slots;
    text_print(member->host, sizeof member->host, "%s", hello->host);
    text_print(member->isa, sizeof member->isa, "%s", hello->isa ? hello->isa : "");
    member->threads = hello->threads;
    member->numerics = hello->numerics;
    member->head = hello->head && member->role == ROLE_SUPERVISOR;
    member->credit = 0; /* the first heartbeat tells */
    member->credit_bytes = 0;
    member->seen = 0;
    member->sent = member->landed = member->flight_bytes = 0;
    member->n_claim = 0;
}

/* It is given on as it is, to people: only its size is looked at here. */
static void take_metrics(struct broker_member *member, const char *text)
{
    if (strlen(text) > MEMBERS_METRICS || (member->metrics && !strcmp(member->metrics, text)))
        return;
    free(member->metrics);
    member->metrics = mem_text(text);
}

/* Figures in it change all the time: what it waits for is what it says before the first of them. */
static void take_note(struct broker_member *member, const char *note, int64_t now_ms)
{
    char was[MEMBERS_WORDS];
    static const char digits[] = "0123456789";

    memcpy(was, member->note, sizeof was);
    text_print(member->note, sizeof member->note, "%s", note);
    if (strcspn(was, digits) != strcspn(member->note, digits) ||
        memcmp(was, member->note, strcspn(was, digits)))
        member->note_ms = now_ms;
}

/* Figures in it change, too; it began when there was none before. */
static void take_trouble(struct broker_member *member, const char *trouble, int64_t now_ms)
{
    if (!*member->trouble)
        member->trouble_ms = now_ms;
    text_print(member->trouble, sizeof member->trouble, "%s", trouble ? trouble : "");
}

void members_heartbeat(struct broker_member *member, const struct msg_hb *hb, int64_t now_ms)
{
    if (member->role == ROLE_SUPERVISOR)
        take_metrics(member, hb->metrics);
    if (hb->progress != member->progress) {
        member->progress = hb->progress;
        member->progress_ms = now_ms;
    }
    member->beaten = true;
    member->now = (struct members_count){.tokens = hb->tokens,
                                         .busy_ms = hb->busy_ms,
                                         .idle_ms = hb->idle_ms,
                                         .drafted = hb->drafted,
                                         .accepted = hb->accepted};
    member->rss_bytes = hb->rss_bytes;
    member->queued = hb->queued;
    member->lag_ms = hb->lag_ms;
    member->seen = hb->lease_seen;
    member->credit = hb->credit;
    member->credit_bytes = hb->credit_bytes;
    take_images(member, hb->image, hb->n_image);
    member->wire_bytes = hb->wire_bytes;
    member->wire_rate = hb->wire_rate;
    take_note(member, hb->note, now_ms);
    take_trouble(member, hb->trouble, now_ms);
    /* A number above what was sent lands nothing: its word alone must not lead beyond the
     * ring. */
    while (member->role == ROLE_LEARNER && member->landed < member->sent &&
           member->landed < hb->lease_seen)
        member->flight_bytes -= member->flight[member->landed++ % MEMBERS_FLIGHT];
}

/* Bytes the learner bounds, the number of messages the ring. */
bool members_room(const struct broker_member *member, uint64_t bytes)
{
    return member->sent - member->landed < MEMBERS_FLIGHT &&
           member->flight_bytes + bytes <= member->credit_bytes;
}

void members_sent(struct broker_member *member, uint64_t bytes)
{
    member->flight[member->sent++ % MEMBERS_FLIGHT] = bytes;
    member->flight_bytes += bytes;
}

void members_second(struct broker_member *member)
{
    member->past[member->n_past++ % MEMBERS_RATES] = member->now;
}

/* Counters as they were up to ten seconds ago; `*seconds` says how many, 0 if unknown. */
static struct members_count earlier(const struct broker_member *member, uint32_t *seconds)
{
    if (member->n_past < 2) {
        *seconds = 0;
        return member->now;
    }
    if (member->n_past < MEMBERS_RATES) {
        *seconds = member->n_past;
        return member->past[0];
    }
    *seconds = MEMBERS_RATES;
    return member->past[member->n_past % MEMBERS_RATES];
}

double members_rate(const struct broker_member *member)
{
    uint32_t seconds;
    const struct members_count then = earlier(member, &seconds);

    /* Less than before: the process is another one, counting from zero. */
    if (!seconds || member->now.tokens < then.tokens)
        return 0;
    return (double)(member->now.tokens - then.tokens) / seconds;
}

double members_busy(const struct broker_member *member)
{
    uint32_t seconds;
    const struct members_count then = earlier(member, &seconds);
    const double busy = (double)member->now.busy_ms - (double)then.busy_ms;
    const double idle = (double)member->now.idle_ms - (double)then.idle_ms;

    return busy >= 0 && idle >= 0 && busy + idle > 0 ? busy / (busy + idle) : -1;
}

bool members_holds(const struct broker_member *member, const struct hash *image)
{
    for (uint32_t i = 0; i < member->n_image; i++)
        if (hash_same(&member->image[i].hash, image))
            return true;
    return false;
}

uint64_t members_newest(const struct broker_member *member)
{
    uint64_t newest = 0;

    for (uint32_t i = 0; i < member->n_image; i++)
        if (member->image[i].number > newest)
            newest = member->image[i].number;
    return newest;
}

bool members_can(const struct broker_member *member, const struct scorer *scorer)
{
    for (uint32_t i = 0; i < member->n_offer; i++) {
        if (member->offer[i].kind != scorer->kind)
            continue;
        /* Only of a worker's own functions the name matters: the rest comes by its hash, or is
         * built in. */
        if (scorer->kind != SCORER_WORKER || !strcmp(member->offer[i].name, scorer->name))
            return true;
    }
    return false;
}

void members_claim_add(struct broker_member *member, const struct members_claim *claim,
                       uint32_t max)
{
    for (uint32_t i = 0; i < member->n_claim; i++) {
        struct members_claim *old = &member->claim[i];

        if (old->task == claim->task && old->sample == claim->sample) {
            *old = *claim;
            return;
        }
    }
    if (member->n_claim >= max)
        return; /* its next HELLO names it again */
    if (member->n_claim == member->claims_max) {
        member->claims_max = member->claims_max ? 2 * member->claims_max : 16;
        member->claim = mem_grow(member->claim, member->claims_max, sizeof *member->claim);
    }
    member->claim[member->n_claim++] = *claim;
}

/* The order of claims means nothing; who goes through them goes backwards. */
void members_claim_remove(struct broker_member *member, uint32_t i)
{
    member->claim[i] = member->claim[--member->n_claim];
}
