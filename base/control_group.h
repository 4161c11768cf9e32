/* control_group: the folders of the kernel's control groups that bound this process (a container, a batch
 * job, a slice of systemd), in either version. What asks how much memory or how many processors there
 * are reads its own files in them. */

#ifndef BASE_CONTROL_GROUP_H
#define BASE_CONTROL_GROUP_H

/* Calls `look` with the folder of our group of `controller` ("": of version 2, which has one tree for
 * all), then with those above it, up to the tree's root; not at all where we are in none. `proc` and
 * `groups` are "/proc" and "/sys/fs/cgroup", but for tests. */
void control_group_climb(const char *proc, const char *groups, const char *controller,
                         void (*look)(void *self, const char *folder), void *self);

/* A file of a folder; "" when there is none. Free it. */
char *control_group_text(const char *folder, const char *file);

#endif
