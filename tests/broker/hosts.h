/* hosts: a depot among simulated hosts: a learner, children that pull and serve, lines of given
 * rates, a clock that only the simulation turns. No socket and no thread: the same at each run.
 *
 * A line is a rate out and a rate in, bytes a second; a message is on its way as long as the
 * slower of both takes, behind what went before it. A pipe from the broker to one peer holds 4 MiB,
 * as the bulk port's does. */

#ifndef TESTS_BROKER_HOSTS_H
#define TESTS_BROKER_HOSTS_H

#include "broker/bulk/depot.h"
#include "tests/broker/hosts_result.h"

struct hosts;

/* An image of `bytes` that the learner has; the broker keeps `cache` bytes of it. */
struct hosts *hosts_new(size_t bytes, size_t cache);
void hosts_free(struct hosts *hosts);

/* Adds one; number 0 is the learner. `serve`: others may dial it. */
int hosts_add(struct hosts *hosts, double up, double down, bool serve);
void hosts_broker(struct hosts *hosts,
                  double up); /* its line out; without a word: without end */

/* Not 0: lines bring .3 to 3 times of their rate, another each second; processes get no
 * processor for one or two seconds each ten or so; connections to parents take 3 to 5 s. */
void hosts_noise(struct hosts *hosts, uint32_t seed);

void hosts_start(struct hosts *hosts, int host, int64_t at_ms); /* it says HELLO and pulls */
void hosts_kill(struct hosts *hosts, int host, int64_t at_ms);
void hosts_stop(struct hosts *hosts, int host, int64_t at_ms); /* it reads nothing more */
void hosts_share(struct hosts *hosts, bool truly);     /* its pages are there; or false ones */
void hosts_forget(struct hosts *hosts, int64_t at_ms); /* the broker is started again */
void hosts_rate(struct hosts *hosts, int host, double up, double down); /* from now on */
void hosts_lie(struct hosts *hosts, int host);       /* what it gives is false */
void hosts_undialled(struct hosts *hosts, int host); /* it serves, and nobody gets through */
/* The next version of the same size: all pull it at once. */
void hosts_publish(struct hosts *hosts);

/* Until all that live have it, at most until `limit_ms`. Whether they have. */
bool hosts_run(struct hosts *hosts, int64_t limit_ms);
void hosts_until(struct hosts *hosts, int64_t at_ms);

int64_t hosts_now(const struct hosts *hosts);
const struct hosts_result *hosts_result(const struct hosts *hosts, int host);
const struct depot_stats *hosts_stats(const struct hosts *hosts);
uint64_t hosts_strikes(const struct hosts *hosts);
uint64_t
hosts_bad(const struct hosts *hosts); /* false bytes that the depot gave on: must be 0 */
void hosts_revoke(struct hosts *hosts, int host);
int hosts_guests(const struct hosts *hosts, int host); /* how many it may let in */

#endif
