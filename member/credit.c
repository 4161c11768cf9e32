/* A worker calls credit_say from its heartbeat, credit_use for each lease or ticket that comes,
 * and compares credit_left with what it has after each answer. Two numbers suffice, because the
 * broker reckons alike: it takes off what it sent after the message that the heartbeat says it
 * has seen. Between the two no number is lost that the next heartbeat does not bring again. */

#include "member/credit.h"

uint32_t credit_say(struct credit *credit, uint32_t now)
{
    credit->said = now;
    credit->used = 0;
    return now;
}

void credit_use(struct credit *credit, uint32_t n)
{
    credit->used += n;
}

uint32_t credit_left(const struct credit *credit)
{
    return credit->said > credit->used ? credit->said - credit->used : 0;
}
