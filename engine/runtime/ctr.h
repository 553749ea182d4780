#ifndef ENGINE_RUNTIME_CTR_H
#define ENGINE_RUNTIME_CTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/runtime/runtime.h"

struct argv;
struct buf;
struct container_ops;
struct error;
struct json;
struct proc_result;

/* containerd by its own command, ctr, which has neither networks nor volumes. For engine/runtime/ only. */

/* ctr.c: runs ctr in a namespace. */
#define CTR_ASK_MS (120u * 1000)
void ctr_begin(const struct runtime *runtime, const char *space, struct argv *argv);
/* A status other than 0 is ERROR_TOOL with what it says. `cleanup` works when the loop is cancelled; `moves`: it may take as
 * long as it needs. */
enum ctr_kind { CTR_ASKS, CTR_CLEANS, CTR_MOVES };
int ctr_do(struct runtime *runtime, const char *space, const char *const *args, enum ctr_kind kind,
	   const struct output *output, struct buf *ret_out, struct error **err);

/* ctr_image.c */
/* A name of the image whose target has this digest, malloc'd; NULL when there is none. */
int ctr_image_named(struct runtime *runtime, const char *digest, char **ret, struct error **err);
/* The digest that a name leads to, malloc'd; NULL: there is no such name. */
int ctr_image_target(struct runtime *runtime, const char *name, char **ret, struct error **err);
/* Reads the config of the image for this machine behind a digest. */
int ctr_image_config(struct runtime *runtime, const char *digest, struct json **ret, struct error **err);
int ctr_describe(struct runtime *runtime, const char *name, struct runtime_pulled *ret, struct error **err);
int ctr_pull(struct runtime *runtime, const char *name, bool insecure, const struct output *output, struct error **err);
void ctr_forget(struct runtime *runtime, const char *id);
/* What an image that was loaded only to run it is called: this name, @ and its digest. */
#define CTR_GUEST "cbuild.invalid/guest"

/* ctr_note.c: what ctr does not keep: a folder for each container and network, with a file of facts. It outlives the run, the
 * checkout's state and a reboot. */
struct ctr_note {
	char *owner, *address; /* of the label, of containerd's socket */
	char *space, *service, *config;
	char *network, *ip, *gateway; /* NULL: it is a network itself */
	char *ports;                  /* published: "8000/tcp 53/udp" */
	char *stop_signal;            /* NULL: the image's */
	unsigned grace_s;
	int status; /* of an ended one whose task is removed; CTR_UNKNOWN */
};
#define CTR_UNKNOWN (-1)
char *ctr_note_dir(const char *name); /* malloc'd */
int ctr_note_write(const char *name, const struct ctr_note *note, struct error **err);
int ctr_note_read(const char *name, bool *ret_found, struct ctr_note *ret, struct error **err);
void ctr_note_free(struct ctr_note *note); /* the contents */
#define cleanup_note __attribute__((cleanup(ctr_note_free)))
int ctr_note_remove(const char *name, struct error **err);
/* The names of this runtime's containers (of that service, if it is not NULL) or networks, a line each. */
int ctr_note_list(const struct runtime *runtime, bool networks, const char *service, struct buf *ret, struct error **err);

/* ctr_network.c: a bridge for each network, a network namespace for each container, made with ip(8). */
int ctr_network_add(struct runtime *runtime, const char *name, const struct output *output, struct error **err);
int ctr_network_remove(struct runtime *runtime, const char *name, struct error **err);
int ctr_network_list(struct runtime *runtime, struct buf *ret, struct error **err);
/* Makes the namespace called `name` on the network. `wanted`: an address, if it is free there; or NULL. Both malloc'd. */
int ctr_network_join(struct runtime *runtime, const char *network, const char *name, const char *wanted, char **ret_ip,
		     char **ret_gateway, struct error **err);
int ctr_network_leave(struct runtime *runtime, const char *name, struct error **err);
#define CTR_NETNS "/run/netns/"

/* ctr_args.c: pure. */
struct ctr_start {
	const char *name, *image, *dir; /* the folder that holds the log, the hosts and the environment */
	bool environment;
	const char *const *words; /* what runs, NULL-terminated; NULL: what the image says */
};
/* ERROR_TOOL for what ctr cannot do: a volume with a name, or without one. */
int ctr_run_args(const struct runtime *runtime, const struct container_spec *spec, const struct ctr_start *start,
		 struct argv *argv, struct error **err);
/* The file for --env-file. ERROR_TOOL names a variable whose value it cannot hold. */
int ctr_environment(const struct container_spec *spec, struct buf *ret, struct error **err);
void ctr_hosts(const struct container_spec *spec, const char *ip, struct buf *ret);
/* Entry point and command as containers have them: the spec's before the image's (its config, or NULL). *ret is NULL-terminated,
 * its texts are borrowed; free() it. */
const char **ctr_words(const struct container_spec *spec, const struct json *config);
/* From `ctr tasks list`: whether `name` has a task, which process, and whether it runs. */
bool ctr_task_find(const char *text, const char *name, int *ret_pid, bool *ret_running);
/* From the status and text of `ctr tasks delete`: how the task ended, or CTR_UNKNOWN. */
int ctr_ended_status(int status, const char *text);
/* A filter of ctr's: the field has that value. */
void ctr_filter(struct buf *out, const char *field, const char *value);
/* The `number`th of 8192 subnets: "10.213.0.1" for 0; always the gateway's address. */
void ctr_subnet(unsigned number, char ret[16]);
/* Whether a route of Linux's /proc/net/route, but the default one, overlaps the /24 around `ip`. */
bool ctr_routed(const char *routes, const char *ip);

/* ctr_container.c */
extern const struct container_ops container_ctr;

#endif
