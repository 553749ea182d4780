#ifndef ENGINE_UP_UP_INTERNAL_H
#define ENGINE_UP_UP_INTERNAL_H

#include <stdatomic.h>

#include "base/xxh3.h"
#include "engine/up/up_run.h"

/* What the files of engine/up/ share; for them alone. */

struct findings;
struct sync_change;
struct terminal_keys;

#define STAMP_MAX 40 /* "2026-11-30T23:58:21.123456789+01:00" */

/* How much of a container's output was shown. */
struct up_shown {
	char stamp[STAMP_MAX]; /* the time of its last line, or "" */
	size_t lines;          /* where lines have no time: their number */
};

/* What is to be copied into what runs: made on the loop's thread, done by the task (sync_answer), and freed there. */
struct up_sync {
	struct arena *arena;
	struct sync_change *changes;
	size_t len;
	bool initial; /* only into new containers */
	void (*done)(void *data, struct error *error);
	void *data;
	struct error *error;
};

struct up {
	const struct up_job *job;
	struct findings *findings;
	struct stack stack;
	struct container **standing; /* from before, of services that this run does not start */
	size_t standing_len;
	struct container **old;  /* of each actor: its service's from before; NULL where it was taken over or removed */
	struct container **past; /* whose place another one has taken */
	size_t past_len, past_cap;
	bool *kept;  /* of each actor: it was already running */
	bool *again; /* of each actor: it was started again, and its output is to be shown once its reader has ended */
	bool *resumed;          /* of each actor: the last run has left it (up_job.left), and its output is to go on */
	bool *well;             /* of each actor: it is as others want it */
	struct up_shown *shown; /* of each actor; of the loop's thread, as `turns` */
	size_t *turns;          /* of each actor: how many readers it has had */
	atomic_uint *readers;   /* of each actor's output */
	bool *ended;            /* of each actor: its end was reported */
	uint64_t start_ms;
	atomic_uint followers; /* number still reading */
	struct terminal_keys *keys;
	atomic_char key;                /* the last one that was typed and means something; 0: none */
	_Atomic(struct up_sync *) sync; /* asked for and not begun; or NULL */
	atomic_bool asked;              /* there is one */
	atomic_bool hurry;              /* a second signal came */
	bool directed;                  /* everything was started, and is to end now */
	bool left;                      /* or is left running */
	int signum;
	const char *bad; /* the first service that failed, or NULL */
	int bad_status;
	struct error *error;
	struct error *untold; /* why an event could not be shown */
};

/* up_lock.c */
/* The journal of this process's children (proc_journal); malloc'd. */
char *up_journal(const char *state_dir);
/* Whether one starts or replaces services now. */
bool up_locked(const char *state_dir);

/* up_keys.c: keys of the terminal, while services are followed. */
void up_keys_open(struct up *up); /* job->key */
/* Does what was asked for. True: it is to end, or with up->left to leave the services. */
bool up_keys_answer(struct up *up);

/* settings_hash.c: a hash of a container's configuration: image, settings, published ports; not the addresses of
 * others. */
void config_hash(const struct container_spec *spec, char ret[HASH_HEX + 1]);

/* start_all.c: `output_ended` as `done` of tell_output. False: something failed, and is among the findings. */
bool start_all(struct up *up, void (*output_ended)(struct up *up));

/* start_part.c: adds the part to the stack: the standing container if its configuration matches, else a new one
 * with the old one's address and ports. */
int standing_find(struct up *up, struct error **err); /* finds standing containers */
/* Different actors may be started by different threads (stack_begin). */
int start_one(struct up *up, struct actor *actor, struct error **err);
int create_alone(struct up *up, struct error **err); /* job->alone */
/* As start_all, but only adds what stands and runs: nothing is started, and nothing can fail. */
bool join_standing(struct up *up, void (*output_ended)(struct up *up));
void standing_leave(struct up *up); /* frees those that were not taken over */

/* left.c: job->left, or NULL */
/* The standing containers, when all that is wanted was left by the last run and still runs. */
bool left_take(struct up *up);
/* Finds those that it has left among the standing ones. */
void left_match(struct up *up);
/* The actor is of a standing container, which the last run may have left. */
void left_resume(struct up *up, size_t number);
/* For the next run; the containers are its own from now on. */
void left_clear(struct up_left *left);
void left_add(struct up *up, size_t number);

/* sync.c */
/* Does what up_sync has asked for. In the task. */
void sync_answer(struct up *up);
void sync_close(struct up *up); /* what was not begun */

/* tell.c: events, from any thread. */
void up_tell(struct up *up, const struct up_event *event);
void tell_now(struct up *up, const struct up_event *event);                       /* on the loop's thread */
void tell_line(struct up *up, const char *service, const char *text, size_t len); /* UP_LINE with a copy of the text */
void tell_ports(struct up *up, const struct actor *actor);
/* Shows its output from now on; with `again` what was not shown yet. In a task. When the output ends, `done` is called on the loop's thread, after
 * up->followers was decremented. */
void tell_output(struct up *up, const struct actor *actor, bool again, void (*done)(struct up *up));

#endif
