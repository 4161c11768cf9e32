/* links: all of a head's other machines that it reaches by ssh. */

#ifndef DEPLOY_LINKS_H
#define DEPLOY_LINKS_H

#include "deploy/hosts.h"

struct endpoint;
struct links;
struct loop;

struct links_conf {
    const struct plan *plan;      /* its hosts, advertise, ssh_config */
    const struct endpoint *fleet; /* its keys folder, and the broker's public key */
    int port;                     /* the broker's control port */
    struct loop *loop;
};

/* Nothing is dialled before the bundle is made, in the loop's pool from the first tick on. Errors:
 * hosts_read's. */
enum err links_open(struct links **out, const struct links_conf *conf) MUST_CHECK;
void links_close(struct links *links); /* before its loop; NULL is fine */
/* The broker's keys are others in `fleet`: machines are told those. */
void links_rotated(struct links *links);
void links_tick(struct links *links, int64_t now_ms);

/* All supervisors there shall end; and: have they, or been given up? */
void links_end(struct links *links);
bool links_ended(const struct links *links);
void links_leave(struct links *links); /* sessions end at once, what is there stays */

/* The first machine that is not as it should be, and why; "" if none is. */
const char *links_note(struct links *links);
/* The same only of those that do not run now. */
const char *links_trouble(struct links *links);

/* May that list be applied? Errors: ERR_STATE: a host of it still ends. */
enum err links_ready(const struct links *links, const struct host_list *hosts) MUST_CHECK;
/* From now on these: new ones are begun, those that are gone end, changed ones start again. With
 * `plan` nothing is done. What changes is put behind `words`, of `room` bytes, a line each. */
enum err links_apply(struct links *links, const struct host_list *hosts, bool plan, char *words,
                     size_t room) MUST_CHECK;

#endif
