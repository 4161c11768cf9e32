#include "broker/members.h"

#include "base/mem.h"
#include "proto/text.h"

#include <stdlib.h>
#include <string.h>

struct broker_member *members_new(void *link, const struct msg_hello *hello, int64_t now_ms)
{
    struct broker_member *member = mem_new(1, sizeof *member);

    member->link = link;
    member->role = hello->role;
    member->id = hello->peer;
    member->incarnation = hello->incarnation;
    member->joined_ms = member->heard_ms = member->progress_ms = now_ms;
    if (member->role == ROLE_LEARNER)
        member->flight = mem_new(MEMBERS_FLIGHT, sizeof *member->flight);
    member->who_ms = INT64_MIN / 2;
    member->lease = member->lease_last = MEMBERS_NO_LEASE;
    text_print(member->name, sizeof member->name, "%s", hello->name);
    return member;
}

void members_free(struct broker_member *member)
{
    if (!member)
        return;
    free(member->claim);
    free(member->flight);
    free(member);
}

static void take_images(struct broker_member *member, const struct version *image, uint32_t n)
{
    member->images = n < MEMBERS_IMAGES ? n : MEMBERS_IMAGES;
    if (member->images)
        memcpy(member->image, image, member->images * sizeof *image);
}

void members_hello(struct broker_member *member, const struct msg_hello *hello)
{
    take_images(member, hello->image, hello->n_image);
    member->offers = hello->n_offer < MEMBERS_OFFERS ? hello->n_offer : MEMBERS_OFFERS;
    for (uint32_t i = 0; i < member->offers; i++) {
        struct member_offer *offer = &member->offer[i];

        offer->kind = hello->offer[i].kind;
        text_print(offer->name, sizeof offer->name, "%s", hello->offer[i].name);
    }
    member->slots = hello->slots;
    member->credit = 0; /* the first heartbeat tells */
    member->credit_bytes = 0;
    member->seen = 0;
    member->sent = member->landed = member->flight_bytes = 0;
    member->claims = 0;
}

void members_heartbeat(struct broker_member *member, const struct msg_hb *hb, int64_t now_ms)
{
    if (hb->progress != member->progress) {
        member->progress = hb->progress;
        member->progress_ms = now_ms;
    }
    member->now = (struct member_count){
        .tokens = hb->tokens, .busy_ms = hb->busy_ms, .idle_ms = hb->idle_ms};
    member->rss_bytes = hb->rss_bytes;
    member->queued = hb->queued;
    member->lag_ms = hb->lag_ms;
    member->seen = hb->lease_seen;
    member->credit = hb->credit;
    member->credit_bytes = hb->credit_bytes;
    take_images(member, hb->image, hb->n_image);
    text_print(member->note, sizeof member->note, "%s", hb->note);
    while (member->role == ROLE_LEARNER && member->landed < member->sent &&
           member->landed < hb->lease_seen)
        member->flight_bytes -= member->flight[member->landed++ % MEMBERS_FLIGHT];
}

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
    member->past[member->pasts++ % MEMBERS_RATES] = member->now;
}

/* Counters as they were up to ten seconds ago; `*seconds` says how many, 0 if unknown. */
static struct member_count earlier(const struct broker_member *member, uint32_t *seconds)
{
    if (member->pasts < 2) {
        *seconds = 0;
        return member->now;
    }
    if (member->pasts < MEMBERS_RATES) {
        *seconds = member->pasts;
        return member->past[0];
    }
    *seconds = MEMBERS_RATES;
    return member->past[member->pasts % MEMBERS_RATES];
}

double members_rate(const struct broker_member *member)
{
    uint32_t seconds;
    const struct member_count then = earlier(member, &seconds);

    if (!seconds || member->now.tokens < then.tokens)
        return 0;
    return (double)(member->now.tokens - then.tokens) / seconds;
}

double members_busy(const struct broker_member *member)
{
    uint32_t seconds;
    const struct member_count then = earlier(member, &seconds);
    const double busy = (double)member->now.busy_ms - (double)then.busy_ms;
    const double idle = (double)member->now.idle_ms - (double)then.idle_ms;

    return busy >= 0 && idle >= 0 && busy + idle > 0 ? busy / (busy + idle) : -1;
}

bool members_holds(const struct broker_member *member, const struct hash *image)
{
    for (uint32_t i = 0; i < member->images; i++)
        if (hash_same(&member->image[i].hash, image))
            return true;
    return false;
}

uint64_t members_newest(const struct broker_member *member)
{
    uint64_t newest = 0;

    for (uint32_t i = 0; i < member->images; i++)
        if (member->image[i].number > newest)
            newest = member->image[i].number;
    return newest;
}

bool members_can(const struct broker_member *member, const struct scorer *scorer)
{
    for (uint32_t i = 0; i < member->offers; i++) {
        if (member->offer[i].kind != scorer->kind)
            continue;
        if (scorer->kind != SCORER_WORKER || !strcmp(member->offer[i].name, scorer->name))
            return true;
    }
    return false;
}

void members_claim_add(struct broker_member *member, const struct member_claim *claim,
                       uint32_t max)
{
    for (uint32_t i = 0; i < member->claims; i++) {
        struct member_claim *old = &member->claim[i];

        if (old->task == claim->task && old->sample == claim->sample) {
            *old = *claim;
            return;
        }
    }
    if (member->claims >= max)
        return; /* its next HELLO names it again */
    if (member->claims == member->claims_max) {
        member->claims_max = member->claims_max ? 2 * member->claims_max : 16;
        member->claim = mem_grow(member->claim, member->claims_max, sizeof *member->claim);
    }
    member->claim[member->claims++] = *claim;
}

void members_claim_remove(struct broker_member *member, uint32_t i)
{
    member->claim[i] = member->claim[--member->claims];
}
