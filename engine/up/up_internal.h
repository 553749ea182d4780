#ifndef ENGINE_UP_UP_INTERNAL_H
#define ENGINE_UP_UP_INTERNAL_H

#include <stdatomic.h>

#include "base/xxh3.h"
#include "engine/up/up_run.h"

/* What the files of engine/up/ share; for them alone. */

struct findings;

struct up {
	const struct up_job *job;
	struct findings *findings;
	struct stack stack;
	struct container **standing; /* from before, NULL where one was taken over or removed */
	size_t standing_len;
	bool *kept;  /* of each actor: it ran already */
	bool *ended; /* of each actor: that was told */
	uint64_t start_ms;
	atomic_uint followers; /* that still read */
	atomic_bool hurry;     /* a second signal came */
	bool directed;         /* all has been started, and is to end now */
	bool left;             /* or goes on alone */
	int signum;
	const char *bad; /* the first service that ended with another status than 0, or NULL */
	int bad_status;
	struct error *error;
	struct error *untold; /* what kept an event from being shown */
};

/* settings_hash.c: what a container is started with, as a hash: image, settings, published ports; not where the others are. */
void config_hash(const struct container_spec *spec, char ret[HASH_HEX + 1]);

/* start_part.c: brings the part on the stack: the container that stands already when it fits, else a new one, which gets the
 * old one's address and ports. */
int standing_find(struct up *up, struct error **err); /* what stands */
int start_one(struct up *up, const struct stack_part *part, struct actor **ret, struct error **err);
void standing_leave(struct up *up); /* frees what was found and not taken */

/* tell.c: events, from any thread. */
void up_tell(struct up *up, const struct up_event *event);
void tell_now(struct up *up, const struct up_event *event); /* on the loop's thread */
void tell_ports(struct up *up, const struct actor *actor);
/* Shows its output from now on. In a task. `done` is called when it ends, on the loop's thread, after up->followers has fallen. */
void tell_output(struct up *up, const struct actor *actor, void (*done)(struct up *up));

#endif
