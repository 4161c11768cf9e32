/* How it works: what is about reaching the machine (ssh, name) is taken out of an entry, the rest
 * is the machine's own and is read here by the rules that it will be read by there: what is wrong
 * with it is told before anything is copied. Only cores are counted there alone: how many this
 * machine has says nothing. */
#include "deploy/hosts.h"

#include "base/mem.h"
#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What stands behind user@, up to the first character that no name has. */
static void name_of(char out[PLAN_NAME], const char *ssh)
{
    const char *at = strrchr(ssh, '@'), *host = at ? at + 1 : ssh;
    const size_t n = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_.-");

    snprintf(out, PLAN_NAME, "%.*s", (int)(n < PLAN_NAME / 2 ? n : PLAN_NAME / 2 - 1), host);
}

json_t *hosts_elsewhere(const struct hosts_entry *one)
{
    json_t *entry = json_copy(one->entry);

    if (!json_object_get(entry, "force"))
        json_object_set_new(entry, "force", json_string("true"));
    return entry;
}

/* ssh would take a word that begins with a dash for an option of its own. */
static enum err check(const struct host_list *hosts, const struct hosts_entry *one)
{
    struct plan plan;
    json_t *entry;
    enum err err = OK;

    if (!one->ssh || !*one->ssh || *one->ssh == '-' ||
        strspn(one->ssh, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                         "_.-@:%+[]") != strlen(one->ssh))
        return err_set(ERR_RANGE, "it has no `ssh: user@host`");
    if (!*one->name)
        return err_set(ERR_RANGE, "'%.64s': give it a name: `name: ...`", one->ssh);
    if (hosts_find(hosts, one->name))
        return err_set(ERR_RANGE, "'%s' stands twice: give one a `name: ...`", one->name);
    entry = hosts_elsewhere(one);
    err = plan_read_host(&plan, entry, ".");
    plan_free(&plan);
    json_decref(entry);
    return err;
}

/* It joins the list whether it is right or not, so that one call frees all. */
static enum err read_one(struct host_list *out, const json_t *tree)
{
    struct hosts_entry one = {.entry = json_copy((json_t *)(uintptr_t)tree)};
    const char *ssh = json_string_value(json_object_get(tree, "ssh"));
    const char *name = json_string_value(json_object_get(tree, "name"));
    enum err err;

    if (!one.entry || !json_is_object(one.entry)) {
        json_decref(one.entry);
        return err_set(ERR_PARSE, "hosts: an entry is {ssh: user@host, ...}");
    }
    one.ssh = ssh ? mem_text(ssh) : NULL;
    if (name)
        snprintf(one.name, sizeof one.name, "%s", name);
    else if (ssh)
        name_of(one.name, ssh);
    json_object_del(one.entry, "ssh");
    json_object_set_new(one.entry, "name", json_string(one.name));
    err = check(out, &one);
    out->entry = mem_grow(out->entry, (size_t)out->n + 1, sizeof *out->entry);
    out->entry[out->n++] = one;
    return err ? err_add("hosts: entry %d", out->n) : OK;
}

enum err hosts_read(struct host_list *out, const json_t *list)
{
    enum err err = OK;
    json_t *one;
    size_t i;

    memset(out, 0, sizeof *out);
    if (!list)
        return OK;
    if (!json_is_array(list))
        return err_set(ERR_PARSE, "hosts: a list of entries is meant: [{ssh: user@host}, ...]");
    if (json_array_size(list) > HOSTS_MAX)
        return err_set(ERR_RANGE, "hosts: at most %d over ssh", HOSTS_MAX);
    json_array_foreach((json_t *)(uintptr_t)list, i, one)
    {
        err = read_one(out, one);
        if (err)
            break;
    }
    return err;
}

void hosts_free(struct host_list *hosts)
{
    for (int i = 0; i < hosts->n; i++) {
        free(hosts->entry[i].ssh);
        json_decref(hosts->entry[i].entry);
    }
    free(hosts->entry);
    memset(hosts, 0, sizeof *hosts);
}

const struct hosts_entry *hosts_find(const struct host_list *hosts, const char *name)
{
    for (int i = 0; i < hosts->n; i++)
        if (!strcmp(hosts->entry[i].name, name))
            return &hosts->entry[i];
    return NULL;
}

/* Counts as the machine's own reading has them, defaults and all. */
void hosts_words(char out[HOSTS_WORDS], const struct hosts_entry *entry)
{
    struct plan plan;
    json_t *tree = hosts_elsewhere(entry);
    int n = 0;

    *out = 0;
    if (!plan_read_host(&plan, tree, "."))
        n = snprintf(out, HOSTS_WORDS, "%d actors, %d rewarders", plan.actors, plan.rewarders);
    for (int i = 0; i < plan.n_workers && n < HOSTS_WORDS - 60; i++)
        n += snprintf(out + n, HOSTS_WORDS - (size_t)n, ", %d %.40s", plan.worker[i].count,
                      plan.worker[i].name);
    plan_free(&plan);
    json_decref(tree);
}
