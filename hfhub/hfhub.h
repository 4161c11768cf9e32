/* hfhub: the Hugging Face hub, or one that answers as it does, as a source of names (base/repo.h).
 *
 * What is fetched lies in the cache that transformers and datasets use (hubcache.h), checked by
 * the hash that the hub names it by; what lies there already is not fetched. Without a network, or
 * with HF_HUB_OFFLINE, the cache is all there is. */

#ifndef HFHUB_HFHUB_H
#define HFHUB_HFHUB_H

/* From now on names mean the hub's repositories. Reaches for nothing yet. */
void hfhub_serve(void);

#endif
