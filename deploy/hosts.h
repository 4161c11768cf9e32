/* hosts: the entries of a fleet's other machines: {ssh: user@host, name: ..., and what plan.h's
 * plan_read_host reads}. */

#ifndef DEPLOY_HOSTS_H
#define DEPLOY_HOSTS_H

#include "deploy/plan.h"

enum { HOSTS_MAX = 256 };

struct hosts_entry {
    char *ssh;            /* where: as ssh takes it */
    char name[PLAN_NAME]; /* as the fleet calls it; of ssh's text by default */
    json_t *entry;        /* the rest, for the host itself */
};

struct host_list {
    struct hosts_entry *entry;
    int n;
};

/* `list` is a list of entries, NULL: none. hosts_free also after an error. Errors: ERR_PARSE,
 * ERR_RANGE: name the entry, and what is wrong with it (also two of one name). */
enum err hosts_read(struct host_list *out, const json_t *list) MUST_CHECK;
void hosts_free(struct host_list *hosts);
const struct hosts_entry *hosts_find(const struct host_list *hosts, const char *name);

/* "2 actors, 1 rewarder, 3 mine", for people. */
enum { HOSTS_WORDS = 200 };
void hosts_words(char out[HOSTS_WORDS], const struct hosts_entry *entry);
/* Its entry as it can be read here, where cores are others: `force` unless it says. Free it after
 * what was read of it. */
json_t *hosts_elsewhere(const struct hosts_entry *entry);

#endif
