#ifndef ENGINE_RUNTIME_RUNTIME_H
#define ENGINE_RUNTIME_RUNTIME_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct argv;
struct buf;
struct error;
struct layout;
struct loop;
struct logins;
struct map;
struct output;
struct state;

/* A runtime stores images under their names for the user, and runs containers (podman, docker, containerd). It
 * is opened on the loop's thread; everything else runs in tasks. */
struct runtime;

/* Every container and network made here has this label, whose value is the checkout's state folder, so that the
 * next run can remove what a killed one left. */
#define RUNTIME_LABEL "dev.cbuild.owner"

/* Labels of containers that outlive the cbuild that started them (`up --detach`): the service's name, and a hash of
 * its configuration. */
#define RUNTIME_SERVICE "dev.cbuild.service"
#define RUNTIME_CONFIG "dev.cbuild.config"

const char *const *runtime_names(void); /* NULL-terminated, best first */
/* `name` may include an instance ("containerd:k8s.io"); NULL: the best one found. Flags that were found by trying are remembered in `state`. `owner` is the
 * label's value. ERROR_TOOL with a remedy. `state`, `layout` and `logins` may be NULL if it is only asked for information, `logins` if nothing is
 * pulled. */
int runtime_open(const char *name, const char *owner, struct loop *loop, struct state *state, struct layout *layout,
		 struct logins *logins, struct runtime **ret, struct error **err);
/* NULL-safe. Callbacks on the loop's thread use `state` until loop_run has returned. */
void runtime_free(struct runtime *runtime);
const char *runtime_name(const struct runtime *runtime);
const char *runtime_version(const struct runtime *runtime);
/* Its own networks resolve names, also of what is started later or again. */
bool runtime_resolves(const struct runtime *runtime);
/* Its image storage as records name it: "containers-storage:/var/lib/containers/storage", "docker:unix:///var/run/docker.sock". */
const char *runtime_place(const struct runtime *runtime);

/* Whether it is the engine that a builder says it belongs to (builder_info.engine). */
bool runtime_is(const struct runtime *runtime, const char *engine);

struct runtime_image {
	const char *identity; /* config digest */
	const char *digest;   /* manifest in the store, to load it if the runtime lacks it; NULL: it has it already */
	bool built_there;     /* by the engine itself, which is likely to have its layers still */
};

/* Loads the image if it is missing, and sets the references to it (moving existing ones). ERROR_STATE or ERROR_TOOL.
 * *ret_mark (ret_mark may be NULL): by which runtime_present may know at once that it is still there, malloc'd, or NULL. */
int runtime_load(struct runtime *runtime, const struct runtime_image *image, const char *const *references, size_t len,
		 const struct output *output, char **ret_mark, struct error **err);

/* Images that earlier results have left in the runtime. */
struct runtime_former {
	const struct runtime_image *images;
	size_t len;
	const struct runtime_image *latest; /* those of them that were replaced last: the others were looked at before */
	size_t latest_len;
	const struct map *kept; /* its keys are identities of images that stay, whether they have a name or not */
};
struct runtime_freed {
	size_t count;
	uint64_t bytes; /* as far as the runtime is on this machine */
};
bool runtime_keeps_former(const char *name); /* whether images that lost their names stay in the runtime called so */
/* Removes those that have no name any more and that no container and no other image uses, by their ids and without force; in
 * podman also the unnamed images that they were built on. `dry`: nothing is removed. `ret` may be NULL, which is faster. On the
 * loop's thread, outside loop_run. ERROR_TOOL when the runtime cannot be asked; what it refuses to remove is no error. */
int runtime_discard(struct runtime *runtime, const struct runtime_former *former, bool dry, struct runtime_freed *ret,
		    struct error **err);

/* Whether references still name the images in a place that records mention. podman: reads its storage's index file,
 * without a process; docker: one request to its socket for all of them; containerd: one `ctr`. A place that does not answer holds nothing. */
struct runtime_presence {
	struct runtime_image image;
	const char *const *references;
	size_t len;
	const char *mark; /* from runtime_load, or NULL */
	const char *seen; /* from an earlier runtime_present that held it, or NULL */
	bool held;        /* set by runtime_present */
};
/* *ret_seen (malloc'd, or NULL; ret_seen may be NULL): a mark for all that are held, if marks did not tell that and the images were looked at. */
void runtime_present(const char *place, struct runtime_presence *items, size_t len, char **ret_seen);
/* The place's prefix for the runtime called `name`, malloc'd; NULL: there is no such runtime. */
char *runtime_place_prefix(const char *name);

/* An image that was not built here. */
enum runtime_pull_when { RUNTIME_PULL_MISSING, RUNTIME_PULL_ALWAYS, RUNTIME_PULL_NEVER };
struct runtime_wanted {
	const char *reference; /* as the manifest writes it */
	enum runtime_pull_when when;
	bool insecure; /* its registry speaks plain HTTP */
};
struct runtime_pulled {
	char *id;          /* as runtime_image.identity */
	char *origin;      /* "docker.io/library/postgres@sha256:..." */
	uint16_t port;     /* the only one it exposes, or 0 */
	char *healthcheck; /* JSON as in an image's config, or NULL */
};
/* Makes sure that the runtime has the image, pulling it if needed, and describes it. A pulled image stays there for
 * the next time. ERROR_REGISTRY when it cannot be pulled. */
int runtime_pull(struct runtime *runtime, const struct runtime_wanted *wanted, const struct output *output,
		 struct runtime_pulled *ret, struct error **err);
void runtime_pulled_free(struct runtime_pulled *pulled); /* the contents */

struct runtime_pair {
	const char *key, *value;
};

/* A port of the container on this machine. */
struct runtime_publish {
	uint16_t inner, outer, outer_last; /* outer 0: any */
	const char *host;                  /* NULL: the loopback address */
	bool udp;
};

struct container_spec {
	struct runtime_image image;
	const char *image_name; /* what the runtime knows the image by, too; or NULL */
	const char *container; /* its own name; NULL: a new one that runtime_sweep knows. containerd always takes a new one */
	const char *name;                       /* DNS name on the network: the service's name */
	const char *network;                    /* from runtime_network, or NULL: the runtime's default one */
	const struct runtime_pair *environment; /* passed by file, never in an argument list; a NULL value is left out */
	size_t environment_len;
	const char *const *entrypoint; /* NULL: the image's */
	const char *const *command;    /* NULL: the image's */
	const char *user;              /* NULL: the image's */
	const char *working_dir;       /* NULL: the image's */
	const char *const *tmpfs;      /* paths with options as docker's --tmpfs, or NULL */
	const char *const *volumes;    /* as docker's --volume, or NULL */
	const uint16_t *ports;         /* container ports that must be reachable from here */
	size_t ports_len;
	const struct runtime_pair *hosts; /* name -> address of services started before it, in addition to the network's own DNS */
	size_t hosts_len;
	const struct runtime_pair *labels; /* in addition to RUNTIME_LABEL */
	size_t labels_len;
	const struct runtime_publish *publish;
	size_t publish_len;
	const char *ip;                      /* its address on the network, or NULL: any */
	const char *stop_signal;             /* NULL: the image's */
	unsigned grace_s;                    /* that it gets to stop; 0: it is killed */
	bool tty;                            /* of container_create: it has a terminal */
	const char *const *aliases;          /* further names on the network, or NULL */
	const struct runtime_pair *settings; /* compose's keys and their values (dsl/manifest.h, service_settings) */
	size_t settings_len;
};

/* Whether this runtime has the setting. */
bool runtime_has_setting(const struct runtime *runtime, const char *key);

struct container;

/* A private network; *ret_name is malloc'd. */
int runtime_network(struct runtime *runtime, char **ret_name, const struct output *output, struct error **err);
int runtime_network_remove(struct runtime *runtime, const char *name, struct error **err); /* works when cancelled */

int container_start(struct runtime *runtime, const struct container_spec *spec, const struct output *output,
		    struct container **ret, struct error **err);
/* Makes it without starting it: *ret is the command that does, with this process's standard input, output and, with
 * `tty`, terminal, and whose status is its; it is removed when it has ended. ERROR_TOOL where the runtime cannot. */
int container_create(struct runtime *runtime, const struct container_spec *spec, const struct output *output,
		     struct argv *ret, struct error **err);
/* The address at which `port` is reached from this process: a numeric host (borrowed) and a port number. */
int container_address(struct container *container, uint16_t port, const char **ret_host, uint16_t *ret_port,
		      struct error **err);
/* False when connections go through a proxy of the runtime's, which accepts them before the container does. */
bool container_direct(const struct container *container);
/* Who in it listens on `port`. */
enum listener {
	LISTENER_UNKNOWN,   /* that cannot be seen from here */
	LISTENER_NONE,      /* nobody */
	LISTENER_LOOPBACK,  /* somebody, but on 127.0.0.1 alone, */
	LISTENER_LOOPBACK6, /* or on ::1: nobody outside the container reaches it */
	LISTENER_ANY        /* somebody whom others reach */
};
enum listener container_listens(struct container *container, uint16_t port);
/* Its network namespace (netns.h): a descriptor, or -1 when it is not visible from here. */
int container_netns(const struct container *container);
/* Its address on its network, for other containers' `hosts`, or NULL. Borrowed. */
const char *container_ip(const struct container *container);
/* ret_running; once it has ended, *ret_status is its exit status. Cheap enough for a polling loop. */
int container_state(struct container *container, bool *ret_running, int *ret_status, struct error **err);
/* Whether they are the same one, opened twice. */
bool container_same(const struct container *a, const struct container *b);
/* Gives a container whose runtime was freed to the same engine, opened again. */
void container_move(struct container *container, struct runtime *runtime);
/* Whether container_state has found that it is another process by now: it was started again, or a new one has its name. */
bool container_renewed(const struct container *container);
/* Runs the command `words` once inside: status 0 -> *ret_healthy. What it prints is added to *ret_said; of one that takes
 * longer than `timeout_ms`, that it does. */
int container_healthcheck(struct container *container, const char *const *words, uint64_t timeout_ms, bool *ret_healthy,
			  struct buf *ret_said, struct error **err);
/* Unpacks an uncompressed tar of `len` bytes in it: names are relative to its root folder, and what it has of the same name is
 * replaced. `tar` is open at its start, and stays open. ERROR_TOOL, also where the runtime cannot do that (containerd). */
int container_put(struct container *container, int tar, uint64_t len, struct error **err);
/* Appends the last `lines` lines of its output. */
int container_logs(struct container *container, unsigned lines, struct buf *ret, struct error **err);
/* Passes the last `lines` lines of its output (ALL_LINES: all) to `output`; with `follow` also what comes until it ends or the
 * loop is cancelled. With `stamped`, where container_stamps, each begins with its time and a blank; with `since`, such a time,
 * older ones are left out, but those of that very moment. */
#define ALL_LINES UINT_MAX
struct container_output {
	bool follow, stamped;
	unsigned lines;
	const char *since; /* or NULL */
};
int container_print(struct container *container, const struct container_output *what, const struct output *output,
		    struct error **err);
bool container_stamps(const struct container *container);
/* The command that runs `words` in it, with this process's standard input, output and, with `tty`, terminal. ERROR_TOOL
 * when the runtime's command is not installed. */
int container_enter(struct container *container, const char *const *words, bool tty, struct argv *ret,
		    struct error **err);
/* Where its ports are published. Borrowed. */
struct container_port {
	uint16_t inner, outer;
	const char *host;
	bool udp;
};
size_t container_ports(const struct container *container, struct container_port *ret, size_t max);
/* Its name, and its image's as it was started. Borrowed. */
const char *container_name(const struct container *container);
const char *container_image(const struct container *container);
/* Its process where the runtime runs, another one whenever it is started; 0: it has ended. */
int container_process(const struct container *container);
/* The labels it was started with, or NULL. Borrowed. */
const char *container_service(const struct container *container);
const char *container_config(const struct container *container);
/* Frees `container` (NULL-safe) but leaves it running. */
void container_leave(struct container *container);
/* Stops all of them side by side, each with its signal and for at most its `grace_s`, or until *hurry (NULL: until the
 * loop is cancelled), and removes them; frees the containers in any case. Works when the loop is cancelled. */
int containers_end(struct container *const *containers, size_t len, const atomic_bool *hurry, struct error **err);

/* The same without removing them. */
int containers_stop(struct container *const *containers, size_t len, const atomic_bool *hurry, struct error **err);
/* Stops them, and starts them again. */
int containers_restart(struct container *const *containers, size_t len, const atomic_bool *hurry, struct error **err);

/* What exists with this owner's label: names of containers (of the service, if it is not NULL) and of networks.
 * NULL-terminated; free with names_free. */
int runtime_standing(struct runtime *runtime, const char *service, char ***ret, struct error **err);
int runtime_standing_networks(struct runtime *runtime, char ***ret, struct error **err);
void names_free(char **names); /* NULL-safe */
/* Opens one of those containers. */
int container_attach(struct runtime *runtime, const char *name, struct container **ret, struct error **err);

/* Kills and removes it, even when the loop is cancelled; frees `container` in any case (NULL-safe). */
int container_remove(struct container *container, struct error **err);

/* Removes containers and networks that have our label with this owner and whose cbuild is gone, left by a killed
 * run. Those of another running cbuild stay. */
int runtime_sweep(struct runtime *runtime, struct error **err);
/* The same in every runtime that is installed and works, because it is unknown which one the killed run used. */
int runtime_sweep_all(const char *owner, struct loop *loop, struct state *state, struct layout *layout,
		      struct error **err);

#endif
